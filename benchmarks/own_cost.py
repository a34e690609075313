"""What chaos itself costs a case, and what it holds in memory, with a runner that does nothing.

    python benchmarks/own_cost.py [CASES…]

Runs ``chaos sweep`` of the sample as the command line does, with its pool replaced by one that starts nothing and answers
with the text that a supervisor would send for a start that fails as it should, one in ten for one that does not: 8 to 9
kilobytes, as measured. So what is left is planning, preparing, reading the answer, judging, the journal, the terminal and
the reports. Each size runs in a fresh process. Processor time, without that in which answers are made up. Prints one table.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaos import cli
from chaos.catalog import SITES
from chaos.codec import from_data, to_data
from chaos.commands import asked
from chaos.model import (
    Case,
    Exited,
    Expectation,
    Firing,
    Hit,
    Limits,
    Milestone,
    Notice,
    Observation,
    Peak,
    Phase,
    Process,
    SentSignal,
    token_of,
)
from chaos.runner.request import Request

SIZES = (1_000, 10_000, 100_000)
ONE_IN = 10
A_CALL = 8
"""A traced call that is reached once is two cases a variant, and the sample has four."""
LOG = [f"2026-11-22 18:00:00.{n:03} {100 + n % 3} {level} oslo_service.service [-] start of worker {n}, as a log says it"
       for n, level in enumerate(["INFO", "DEBUG", "INFO", "WARNING"] * 7)]


class Canned:
    """In the place of a pool: starts nothing, and says what a supervisor would."""

    spent_s = 0.0
    calls = 0
    """Traced calls of a good start: it is the exhaustive loop that makes a plan long."""

    def __init__(self, jobs: int = 1, network: object = None) -> None:
        self.jobs = jobs
        self.count = 0
        self.good = to_data(good_start(Expectation()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Observation | None]]:
        for request in requests:
            yield request, None
            began = time.process_time()
            text = self.answer(request)
            Canned.spent_s += time.process_time() - began
            yield request, from_data(Observation, json.loads(text))

    def answer(self, request: Request) -> bytes:
        self.count += 1
        if not request.case.faults:
            seen = good_start(request.expected or Expectation(servers=request.case.workers))
            traced = traced_calls(Canned.calls) if request.plan.startswith("calls") or "\ncalls\t" in request.plan else ()
            return json.dumps(to_data(replace(seen, hits=(*seen.hits, *traced)))).encode()
        failing = {} if self.count % ONE_IN else {"leftovers": self.good["processes"][1:]}
        return json.dumps({**self.good, **to_data_of_failure(request), **failing}).encode()


def good_start(expected: Expectation) -> Observation:
    hits = tuple(Hit(0.01 * n, doc.name, "parent", 1) for n, doc in enumerate(SITES))
    names = ("configured", "service created", "transport connected", "listening", "started", "serving")
    return Observation(
        ending=Exited(0), elapsed_s=1.0, limits=Limits(), expected=expected, stopped_watching="served", hits=hits,
        milestones=tuple(Milestone(0.1 * n, name, "parent", 100) for n, name in enumerate(names)),
        notices=(Notice(0.6, "READY=1"),),
        processes=tuple(Process(100 + n, 100 if n else 1, "parent" if not n else f"worker.{n - 1}",
                                "/usr/bin/python3 /usr/bin/nova-scheduler --config-file etc/nova.conf", 0.1 * n, 0.95)
                        for n in range(3)),
        signals=(SentSignal(0.7, "SIGTERM", 100, "it serves, and is to stop"),), peak=Peak(3, 9, 40), standing=Peak(3, 9, 40),
        ready_s=0.6, served_s=0.62, stop_sent_s=0.7, output="\n".join(LOG) + "\n",
    )  # fmt: skip


def traced_calls(count: int) -> Iterator[Hit]:
    return (Hit(0.5, f"chaos.sample.module{n % 40}:Part{n}.step,oslo_config.cfg:ConfigOpts.get{n}", "parent", 1)
            for n in range(count))


def to_data_of_failure(request: Request) -> dict[str, Any]:
    """What is other than in a good start: the fault fired, the log says so, and the launcher ended with a status."""
    case: Case = request.case
    fired = [to_data(Firing(0.4, n, fault.site, fault.role or "parent", 100, fault.hits.first, fault.action,
                            token_of(request.case_id, n), Phase.START)) for n, fault in enumerate(case.faults)]
    cause = "".join(f"CRITICAL start failed: RuntimeError: injected {firing['token']}\n" for firing in fired)
    return {"ending": {"status": 1}, "stopped_watching": "ended", "fired": fired, "notices": [], "signals": [],
            "ready_s": None, "served_s": None, "stop_sent_s": None, "expected": to_data(request.expected),
            "output": "\n".join(LOG) + "\n" + cause}


# --- one size, in a process of its own -------------------------------------------------------------------------------


def measured(wanted: int) -> None:
    """Sweep at least ``wanted`` cases and print what that took, as JSON."""
    asked.Pool = Canned  # type: ignore[misc,assignment]
    begun_s, plain_mb = time.process_time(), peak_mb()
    Canned.calls = wanted // A_CALL
    with tempfile.TemporaryDirectory(prefix="chaos-own-cost-") as out:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            cli.main(["sweep", "--cold", "--exhaustive", "--workers", "1,2", "--jobs", "1", "--out", out])
        took_s = time.process_time() - begun_s - Canned.spent_s
        journal = Path(out, "journal.ndjson")
        with journal.open("rb") as lines:
            cases = sum(b'"case-finished"' in line[:40] for line in lines)
        sizes = {file.name: file.stat().st_size for file in Path(out).iterdir()}
    print(json.dumps({"cases": cases, "took_s": took_s, "plain_mb": plain_mb, "peak_mb": peak_mb(), "sizes": sizes}))


def peak_mb() -> float:
    """The most memory that this process has had (``VmHWM``: unlike getrusage's, not that of whoever started it)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", metavar="CASES", type=int, nargs="*", default=SIZES, help="of the sweeps, about")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measured(options.sizes[0])
        return
    print("| cases | processor time a case | peak memory | of it for cases | a case | journal | report.html |")
    print("|---|---|---|---|---|---|---|")
    for size in options.sizes:
        run = subprocess.run([sys.executable, __file__, "--one", str(size)], check=True, capture_output=True, text=True)
        found = json.loads(run.stdout)
        cases, grown = found["cases"], found["peak_mb"] - found["plain_mb"]
        print(f"| {cases:,} | {found['took_s'] / cases * 1000:.2f} ms | {found['peak_mb']:.0f} MB | {grown:.0f} MB | "
              f"{grown * 1024 / cases:.2f} KB | {found['sizes']['journal.ndjson'] / 1e6:.0f} MB | "
              f"{found['sizes']['report.html'] / 1e6:.1f} MB |", flush=True)


if __name__ == "__main__":
    main()
