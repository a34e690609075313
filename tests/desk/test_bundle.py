"""A bundled script shows what chaos saw, in a Python in which there is no chaos: only the launcher and its libraries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import chaos.sample
from chaos.bundle import script_of
from chaos.caseid import parse_case
from chaos.model import (
    Broken,
    Ending,
    Exited,
    Expectation,
    Firing,
    Grade,
    Judged,
    Limits,
    Observation,
    Outcome,
    StillRunning,
    Verdict,
    token_of,
)
from chaos.prepare import Timing, request_for
from chaos.target import resolve
from processes import Deadline, below

START = "chaos.sample.careless:CarelessService.start"
HANGS = (Outcome.HANG_PROVEN, StillRunning(1.0), ("ends", "ready-means-ready"))
SHOWN: dict[str, tuple[str, tuple[Outcome, Ending, tuple[str, ...]]]] = {
    "naive/eventlet/w1/service.start@parent=raise:RuntimeError":
        (START, (Outcome.FALSE_SUCCESS, Exited(0), ("status", "ready-means-ready"))),
    "naive/eventlet/w1/service.start@parent=exit:0": (START, (Outcome.FALSE_SUCCESS, Exited(0), ("status",))),
    "naive/threading/w1/process.fork@parent=raise:BlockingIOError:EAGAIN": ("", HANGS),
    "naive/threading/w1/process.fork@parent#1=raise:BlockingIOError:EAGAIN": ("", HANGS),
    "naive/eventlet/w2/process.fork@parent#2=raise:BlockingIOError:EAGAIN":
        ("", (Outcome.CLEAN_EXIT, Exited(1), ("nobody-left",))),
    "naive/threading/w1/thread.spawn@worker=raise:RuntimeError": ("threading:Thread.start", HANGS),
    "naive/eventlet/w1/config.file=missing": ("", (Outcome.CLEAN_EXIT, Exited(1), ("cause",))),
}
"""What chaos sees (as in the report of a sweep of ``naive``): where it fired, and outcome, end and broken promises."""


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with every library that is here but chaos; of that only the launcher that is to be shown."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("chaos", "startup_chaos", "__")) and path.suffix != ".pth":
            (site / path.name).symlink_to(path)
    (site / "chaos").mkdir()
    (site / "chaos" / "__init__.py").touch()
    shutil.copytree(Path(chaos.sample.__file__).parent, site / "chaos" / "sample")
    return folder / "bin" / "python"


def test_the_plain_python_has_the_launcher_and_no_chaos(plain: Path) -> None:
    for module, found in (("chaos.sample.naive", True), ("chaos.cli", False), ("_chaos_agent", False)):
        done = subprocess.run([plain, "-c", f"import {module}"], cwd=plain.parent, capture_output=True, check=False)
        assert (done.returncode == 0) is found, module


@pytest.mark.parametrize("case_id", SHOWN)
def test_the_script_shows_what_chaos_saw_and_leaves_nothing(
    case_id: str, plain: Path, tmp_path: Path, deadline: Deadline,
) -> None:
    where, (outcome, ending, promises) = SHOWN[case_id]
    case = parse_case(case_id)
    fired = Firing(0.5, 0, case.faults[0].site, "parent", 1, 1, "raise", token_of(case_id, 0), where=where)
    seen = Observation(ending=ending, elapsed_s=1.0, limits=Limits(orphan_s=0.5), expected=Expectation(case.workers),
                       stopped_watching="ended", fired=(fired,), ready_s=0.4 if "ready-means-ready" in promises else None)
    judged = Judged(case, seen, Verdict(outcome, Grade.FAIL, tuple(Broken(one, "so it is") for one in promises)))
    target = resolve("naive")
    script = tmp_path / "shown.py"
    script.write_text(script_of(request_for(target, case, Timing(), None), target.command, judged, (("Python", "3"),)))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    before = set(below(os.getpid()))
    done = subprocess.run([plain, script], cwd=tmp_path, env={**os.environ, "TMPDIR": str(temporary)}, text=True,
                          capture_output=True, timeout=deadline.left_s("the script"), check=False)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert "NO " not in done.stdout
    assert set(below(os.getpid())) <= before
    assert not list(temporary.iterdir())
