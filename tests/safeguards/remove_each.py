"""Remove each safeguard of the sample in turn, run its cases with chaos or its tests, and report whether that was noticed.

    python tests/safeguards/remove_each.py [--jobs N] [NAME-OR-FILE ...]

Works on copies of the package, put first by PYTHONPATH; the tree itself is never touched. First the sample as it is:
what a table says of it must be true. Exit status: 0 when every safeguard is caught, 1 when not, 64 for a name that is
not in the table.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from table import SAFEGUARDS, Check, Safeguard

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "sample"
RUN_WITHIN_S = 180.0
RAN = (0, 1, 2)  # chaos's exit statuses for verdicts, whatever they are
SUSPECT = re.compile(r" CRITICAL (?!scheduler )")


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one check: the outcome that chaos gave, and why the check does not hold; nothing if it holds."""

    check: str
    outcome: str
    because: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    chosen = [one for one in SAFEGUARDS if not options.names or {one.name, one.file} & set(options.names)]
    if not chosen:
        print(f"no safeguard and no file has one of these names: {', '.join(options.names)}", file=sys.stderr)
        return os.EX_USAGE
    with ThreadPoolExecutor(options.jobs) as pool:
        false = [found for found in pool.map(_as_it_is, _distinct(chosen)) if found.because]
        false += [found for found in pool.map(_tested_as_it_is, _tests(chosen)) if found.because]
        for found in false:
            print(f"UNTRUE as it is | {found.check} | {found.outcome} | {found.because}", flush=True)
        missed = [
            one.name for one, founds in zip(chosen, pool.map(_without, chosen), strict=True) if _tell(one, founds)
        ]
    print(
        f"{len(chosen)} safeguards: {len(chosen) - len(missed)} caught, {len(missed)} not; {len(false)} checks untrue"
    )
    return 1 if missed or false else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME-OR-FILE", help="safeguards, or files of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="copies that are worked on at a time (default: 2)")
    return parser.parse_args(arguments)


def _distinct(safeguards: Sequence[Safeguard]) -> list[Check]:
    return list(dict.fromkeys(check for safeguard in safeguards for check in safeguard.checks))


def _tests(safeguards: Sequence[Safeguard]) -> list[str]:
    return list(dict.fromkeys(test for safeguard in safeguards for test in safeguard.tests))


def _as_it_is(check: Check) -> Found:
    with _copy() as copy:
        return _look(copy, check)


def _tested_as_it_is(test: str) -> Found:
    with _copy() as copy:
        return _test(copy, test)


def _without(safeguard: Safeguard) -> list[Found]:
    with _copy() as copy:
        file = copy / "chaos" / "sample" / safeguard.file
        source = file.read_text(encoding="utf-8")
        if source.count(safeguard.text) != 1:
            raise ValueError(f"{safeguard.name}: its text stands {source.count(safeguard.text)} times in {file.name}")
        file.write_text(source.replace(safeguard.text, safeguard.instead), encoding="utf-8")
        return [_look(copy, check) for check in safeguard.checks] + [_test(copy, test) for test in safeguard.tests]


def _tell(safeguard: Safeguard, founds: list[Found]) -> bool:
    """Print one line a case; return whether the removal went unnoticed."""
    for found in founds:
        caught = f"caught: {found.because}" if found.because else "NOT CAUGHT"
        print(f"{safeguard.name} | {found.check} | {found.outcome} | {caught}", flush=True)
    return not any(found.because for found in founds)


@contextlib.contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="safeguards-") as folder:
        shutil.copytree(ROOT / "chaos", Path(folder) / "chaos", ignore=shutil.ignore_patterns("__pycache__"))
        yield Path(folder)


def _python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )


def _look(copy: Path, check: Check) -> Found:
    out = copy / "report"
    ran = _python(copy, "-m", "chaos", "run", check.case, "--out", str(out))
    if ran.returncode == os.EX_UNAVAILABLE:
        return Found(check.case, "no good start", "not even a start without a fault is good")
    if ran.returncode not in RAN:
        raise RuntimeError(f"{' '.join(ran.args)} ended with {ran.returncode}: {ran.stderr[-500:]}")
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    (case,) = report["cases"]
    return Found(check.case, case["outcome"], _difference(check, case))


def _test(copy: Path, test: str) -> Found:
    """The test, in its place, with the copy's sample: with the package of the copy, which PYTHONPATH puts first."""
    ran = _python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(copy), str(TESTS / test))
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(ran.args)} ended with {ran.returncode}: {ran.stdout[-500:]}")
    failed = re.search(r"^FAILED .*", ran.stdout, re.MULTILINE)
    return Found(test, "fails" if failed else "passes", failed.group() if failed else "")


def _difference(check: Check, case: dict[str, Any]) -> str:
    """Why the check does not hold: a broken promise first, then what the operator is told."""
    if case["verdict"] != "pass":
        broken = ", ".join(one["promise"] for one in case["promises_broken"])
        return f"{case['verdict']}: {broken or case['outcome']}"
    ended = next(iter(case["exit"].values()))
    if check.ends is not None and ended != check.ends:
        return f"ended with {ended}, not {check.ends}"
    if check.within_s is not None and case["elapsed_s"] > check.within_s:
        return f"ended after {case['elapsed_s']:.1f} s, not within {check.within_s:g} s"
    said = [line for line in _lines(case["log_tail"]) if SUSPECT.search(line)]
    if check.says and not any(re.search(check.says, line) for line in said[-1:]):
        return f"no CRITICAL line says {check.says!r}"
    return ""


def _lines(log: str | list[str]) -> list[str]:
    return log.splitlines() if isinstance(log, str) else log


if __name__ == "__main__":
    sys.exit(main())
