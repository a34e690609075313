"""What a sweep finds in launchers that others wrote, unchanged, and that it finds nothing where they behave well.

The folder that ``build.py`` made is named by CHAOS_REAL: ``tox run -e real`` does both. Each finding of docs/findings.md is
here, by the case id that stands there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WITHIN_S = 600
pytestmark = pytest.mark.timeout(2 * WITHIN_S)
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
SAID = list(dict.fromkeys(
    re.findall(r"^- `chaos repro (\S+)`: ([a-z-]+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)))
"""Every finding of the document: a case id and its outcome."""
GOOD = ("*/socket.bind@parent=*", "*/start.ready#1=signal:TERM", "*/process.image@parent#1=delay:0.5", "*set:LANG:C")
START, FORK = "service.start@{}=raise:RuntimeError", "process.fork@parent#1=raise:BlockingIOError:EAGAIN"
IN_PARENT, IN_WORKER = START.format("parent"), START.format("worker")
WAITS = "amqp.connect=refuse+start.waiting#1=signal:TERM"
BOTH, HANGS = "same-on-both-backends", {"ends", "ready-means-ready", "recovers"}
LOOPS = {"gives-up", "ends", "ready-means-ready"}

Found = dict[str, tuple[str, set[str]]]
"""By case id, what a launcher was seen to do and the promises that this breaks."""

ONE_WORKER: Found = {
    f"eventlet/w1/{IN_PARENT}": ("false-success", {"status", "ready-means-ready", BOTH}),
    f"threading/w1/{IN_WORKER}": ("respawn-loop", LOOPS | {BOTH}),
    f"threading/w1/{FORK}": ("hang-proven", HANGS),
}
WITH_A_LOG_FILE: Found = {
    **ONE_WORKER,
    f"threading/w1/{IN_WORKER}": ("respawn-loop", LOOPS | {BOTH, "cause"}),
}
"""What nova has besides: its log file does not say why."""
TWO_WORKERS: Found = {
    f"eventlet/w2/{IN_WORKER}": ("respawn-loop", LOOPS),
    f"threading/w2/{IN_WORKER}": ("respawn-loop", LOOPS | {"cause"}),
    f"eventlet/w2/{FORK}": ("clean-exit", set()),
    f"threading/w2/{FORK}": ("hang-proven", HANGS | {BOTH}),
}
ON_RABBIT: Found = {
    f"eventlet/w1-rabbit/{WAITS}": ("retry-loop", {"stops-when-told", "ready-means-ready"}),
    f"threading/w1-rabbit/{WAITS}": ("retry-loop", {"stops-when-told", "ready-means-ready"}),
    f"eventlet/w2-rabbit/{WAITS}": ("retry-loop", {"stops-when-told", "ready-means-ready"}),
    f"threading/w2-rabbit/{WAITS}": ("retry-loop", {"stops-when-told", "ready-means-ready"}),
}
GUNICORN: Found = {
    "-/w1/process.fork@parent#1=signal:TERM:parent": ("false-success", {"status", "ready-means-ready"}),
    "-/w1/thread.spawn@parent#1=raise:RuntimeError": ("degraded", {"full-strength"}),
    "-/w1/thread.body@parent#1=raise:RuntimeError": ("degraded", {"full-strength"}),
}


def swept(out: Path, target: str, only: tuple[str, ...], *more: str) -> dict[str, dict[str, Any]]:
    """The cases of a sweep of ``target``, by id."""
    words = [part for glob in only for part in ("--only", glob)]
    subprocess.run([sys.executable, "-m", "chaos", "sweep", target, "--jobs", "1", *words, *more, "--out", str(out)],
                   cwd=os.environ["CHAOS_REAL"], timeout=WITHIN_S, check=False)
    cases = json.loads((out / "report.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases}


def told(case: dict[str, Any]) -> tuple[str, set[str]]:
    return case["outcome"], {one["promise"] for one in case["promises_broken"]}


@pytest.mark.parametrize(("target", "wanted", "more"), [
    ("nova-scheduler", WITH_A_LOG_FILE, ("--workers", "1")),
    ("nova-scheduler", TWO_WORKERS, ("--workers", "2")),
    ("nova-scheduler", ON_RABBIT, ("--transport", "rabbit")),
    ("cinder-scheduler", ONE_WORKER, ()),
    ("gunicorn", GUNICORN, ("--workers", "1")),
], ids=["nova-1", "nova-2", "nova-rabbit", "cinder", "gunicorn"])
def test_a_sweep_finds_what_operators_meet(tmp_path: Path, target: str, wanted: Found, more: tuple[str, ...]) -> None:
    """What fails inside a process is not swept again on RabbitMQ; the lines of the document below have it there too."""
    cases = swept(tmp_path, target, tuple(f"{target}/{one}" for one in wanted), *more)
    assert {case_id.partition("/")[2]: told(case) for case_id, case in cases.items()} == wanted


@pytest.mark.parametrize(("case_id", "outcome"), SAID, ids=[case_id for case_id, _ in SAID])
def test_a_reproduce_line_of_the_findings_works(case_id: str, outcome: str) -> None:
    answer = subprocess.run([sys.executable, "-m", "chaos", "repro", case_id], cwd=os.environ["CHAOS_REAL"],
                            capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert answer.stdout.startswith(f"FAIL {outcome}: "), answer.stdout + answer.stderr
    assert answer.returncode == 1


@pytest.mark.parametrize("case_id", [
    f"nova-scheduler/eventlet/w1/{IN_PARENT}", f"nova-scheduler/threading/w1/{FORK}",
    "gunicorn/-/w1/process.fork@parent#1=signal:TERM:parent"])
def test_a_finding_is_shown_by_a_script_without_chaos(tmp_path: Path, case_id: str) -> None:
    """Their arguments and configuration name a port and a folder of the run's own."""
    script = tmp_path / "shown.py"
    words = ("bundle", case_id, "--report", str(tmp_path), "--out", str(script))
    bundled = subprocess.run([sys.executable, "-m", "chaos", *words], cwd=os.environ["CHAOS_REAL"], capture_output=True,
                             text=True, timeout=WITHIN_S, check=False)
    assert bundled.returncode == 0, bundled.stdout + bundled.stderr
    python, _, path = bundled.stdout.splitlines()[-1].partition(" ")
    assert (path, os.path.dirname(python).endswith("/bin")) == (str(script), True)
    done = subprocess.run([python, script], cwd=tmp_path, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert (done.returncode, "NO " in done.stdout) == (1, False), done.stdout + done.stderr


def test_what_the_move_from_eventlet_changes_is_told_where_the_launcher_itself_served(tmp_path: Path) -> None:
    swept(tmp_path, "nova-scheduler", (f"*/{IN_PARENT}", f"*/{IN_WORKER}"), "--workers", "1")
    answer = subprocess.run([sys.executable, "-m", "chaos", "compare", "--backends", str(tmp_path)],
                            capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert answer.stdout.splitlines() == [
        "both fail: 1", f"  nova-scheduler/eventlet/w1/{IN_PARENT}", f"  nova-scheduler/threading/w1/{IN_WORKER}",
        "    eventlet: false-success (fail); threading: respawn-loop (fail)",
        "1 cases ran on both backends, 1 with different outcomes",
    ]


def test_the_time_after_a_fault_grows_with_the_good_start_and_a_report_names_the_launchers_versions(tmp_path: Path) -> None:
    """A machine at leisure starts it in less than 3.3 s; nobody has less than 10 s."""
    cases = swept(tmp_path, "nova-scheduler", (f"*/{IN_WORKER}",), "--workers", "1", "--backend", "threading")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    good_s = report["baseline"][0]["observation"]["expected"]["ready_after_s"]
    assert {case["observation"]["limits"]["deadline_s"] for case in cases.values()} == {max(10.0, 3 * good_s)}
    assert {"Python", "nova", "oslo.service", "cotyledon", "oslo.messaging", "eventlet"} <= set(report["summary"]["versions"])


@pytest.mark.parametrize("target", ["gunicorn", "uvicorn", "celery"])
def test_a_launcher_that_behaves_well_is_not_accused(tmp_path: Path, target: str) -> None:
    cases = swept(tmp_path, target, GOOD)
    assert {case["workers"] for case in cases.values()} == {1, 2}
    assert {case_id: case["outcome"] for case_id, case in cases.items() if case["verdict"] != "pass"} == {}


@pytest.mark.parametrize("target", ["nova-scheduler", "cinder-scheduler"])
def test_a_slow_launcher_is_not_accused_where_it_only_starts_and_stops(tmp_path: Path, target: str) -> None:
    cases = swept(tmp_path, target, ("*/service.create@parent=raise:*", "*=delay:0.3"), "--workers", "1")
    assert cases
    assert {case_id: case["outcome"] for case_id, case in cases.items() if case["verdict"] != "pass"} == {}
