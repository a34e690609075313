"""Launchers that are not Python: what can be done to them from outside, and what is seen of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.judge import judge
from chaos.model import Case, Exited, Expectation, Fault, Grade, Hits, Judged, Killed, Outcome
from chaos.plan import Profile, plan
from chaos.prepare import Timing, request_for
from chaos.runner.pool import Pool
from chaos.sweep import healthy, run_baselines
from chaos.target import Target

ONCE = Hits(1, 1)
GOOD = """#!/bin/sh
set -e
echo starting
true >/dev/null
/bin/true
echo serving
exec sleep 1000
"""
CARELESS = """#!/bin/sh
trap '' TERM
/bin/true || echo 'goes on all the same'
echo serving
while :; do sleep 0.1; done
"""
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2) as opened:
        yield opened


def _target(folder: Path, text: str, *ready: str) -> Target:
    path = folder / "run.sh"
    path.write_text(text)
    path.chmod(0o755)
    return Target("run", str(path), ready=ready or ("log: ^serving$",))


KNOWN = Expectation(servers=0, notifies=False, speaks=False)


def _run(pool: Pool, target: Target, fault: Fault) -> Judged:
    case = Case("run", "-", 1, (fault,))
    seen = pool.run_one(request_for(target, case, Timing(3.0, 0.6), KNOWN))
    return Judged(case, seen, judge(case, seen))


def test_a_sweep_of_a_good_shell_script_plans_what_makes_sense_and_finds_nothing(pool: Pool, tmp_path: Path) -> None:
    target = _target(tmp_path, GOOD)
    (variant,) = run_baselines(pool, target, [Case("run", "-", 1)], Timing())
    assert healthy(variant)
    assert not variant.baseline.seen.expected.speaks
    assert variant.baseline.seen.expected.said == ("starting", "serving")
    cases = plan(variant, Profile.DEFAULT)
    sites = {fault.site for case in cases for fault in case.faults}
    assert {"start.exec", "start.output", "start.ready", "process.image", "env.variable"} <= sites
    assert ("syscall.execve" in sites) == bool(shutil.which("strace"))
    requests = [request_for(target, case, Timing(), variant.baseline.seen.expected) for case in cases]
    found = {request.case: judge(request.case, seen) for request, seen in pool.run(requests) if seen is not None}
    assert {case.faults: verdict for case, verdict in found.items() if verdict.grade is not Grade.PASS} == {}


def test_a_signal_at_a_moment_of_its_start_is_sent_once_and_answered(pool: Pool, tmp_path: Path) -> None:
    judged = _run(pool, _target(tmp_path, GOOD), Fault("start.output", "signal", ("TERM",), None, ONCE))
    assert judged.seen.ending == Killed("SIGTERM", by_chaos=True)
    assert [(firing.site, firing.number) for firing in judged.seen.fired] == [("start.output", 1)]
    assert judged.verdict.grade is Grade.PASS


def test_one_that_is_deaf_to_sigterm_is_found(pool: Pool, tmp_path: Path) -> None:
    judged = _run(pool, _target(tmp_path, CARELESS), Fault("start.ready", "signal", ("TERM",), None, ONCE))
    assert "stops-when-told" in {one.promise for one in judged.verdict.broken}


@pytest.mark.parametrize("fault", [
    Fault("process.image", "limit", ("nofile", "64"), "parent", ONCE), Fault("process.image", "full", (), "parent", ONCE),
    Fault("process.image", "close", (), "parent", ONCE), Fault("env.variable", "unset", ("HOME",), "parent", ONCE)])
def test_what_is_put_in_place_before_the_start_fires_in_the_same_process(pool: Pool, tmp_path: Path, fault: Fault) -> None:
    text = "#!/bin/sh\nulimit -n >&2\n" + GOOD.partition("\n")[2].replace("set -e", "echo HOME=$HOME")
    judged = _run(pool, _target(tmp_path, text), fault)
    assert [firing.site for firing in judged.seen.fired] == ["process.image"]
    assert judged.seen.fired[0].pid == judged.seen.processes[0].pid
    assert judged.seen.processes[0].role == "parent"
    if fault.action == "limit":
        assert int(judged.seen.output.split()[0]) < 200
    if fault.action == "unset":
        assert "HOME=\n" in judged.seen.output


@needs_strace
def test_a_call_of_the_kernel_fails_below_strace_and_strace_is_not_of_the_tree(pool: Pool, tmp_path: Path) -> None:
    fault = Fault("syscall.execve", "raise", ("OSError", "ENOENT"), None, Hits())
    judged = _run(pool, _target(tmp_path, GOOD), fault)
    assert {firing.site for firing in judged.seen.fired} == {"syscall.execve"}
    assert isinstance(judged.seen.ending, Exited)
    assert judged.verdict.outcome is Outcome.CLEAN_EXIT, judged.seen.output
    assert not [process for process in judged.seen.processes if "strace -D" in process.command][1:]
    assert judged.seen.leftovers == ()


@needs_strace
def test_one_that_goes_on_without_what_failed_is_told_apart(pool: Pool, tmp_path: Path) -> None:
    judged = _run(pool, _target(tmp_path, CARELESS.replace("trap '' TERM", "")),
                  Fault("syscall.vfork", "delay", ("0.05",), None, ONCE))
    assert judged.verdict.outcome is Outcome.STARTED, judged.verdict
    assert judged.seen.fired


@needs_strace
def test_a_call_that_is_never_made_is_unreached(pool: Pool, tmp_path: Path) -> None:
    for name in ("accept4", "no_such_call"):
        judged = _run(pool, _target(tmp_path, GOOD), Fault(f"syscall.{name}", "raise", ("OSError", "EIO"), None, ONCE))
        assert judged.verdict.grade is Grade.UNREACHED
