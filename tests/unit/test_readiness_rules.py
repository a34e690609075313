"""What is judged of a launcher by its signs of readiness, and of one that has none, from literal observations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import an_observation

from chaos.judge import judge
from chaos.model import (
    Case,
    Exited,
    Expectation,
    Fault,
    Firing,
    Grade,
    Hits,
    Observation,
    Outcome,
    Peak,
    Sign,
    StillRunning,
)

PLAIN = Expectation(servers=0, notifies=False, standing=Peak(1, 2))
THREAD = Fault("thread.spawn", "raise", ("RuntimeError",), None, Hits(1, 1))
FIRED = Firing(0.2, 0, "thread.spawn", "parent", 100, 1, "raise", "chaos-1")
THERE, MISSING = Sign("tcp: h:1", 0.3), Sign("http: http://h/", None, "Connection refused")


def _seen(**changed: object) -> Observation:
    """A run that still ran when chaos stopped watching it."""
    nothing = dict.fromkeys(("notices", "milestones", "hits", "signals", "signs", "processes", "leaks", "leftovers",
                             "holdings"), ())
    never = dict.fromkeys(("ready_s", "served_s", "stop_sent_s", "proof"))
    usual = {"ending": StillRunning(10.0), "elapsed_s": 10.0, "expected": PLAIN, "stopped_watching": "deadline",
             "fired": (FIRED,), "standing": Peak(1, 2), "output": "", "cpu_share": 0.0} | nothing | never
    return replace(an_observation(), **(usual | changed))  # type: ignore[arg-type]


def _broken(seen: Observation, *faults: Fault) -> list[str]:
    return [one.promise for one in judge(Case("x", "-", 1, faults), seen).broken]


def test_a_sign_that_is_missing_is_named_with_what_was_said_instead() -> None:
    verdict = judge(Case("x", "-", 1, (THREAD,)), _seen(signs=(THERE, MISSING)))
    assert verdict.outcome is Outcome.HANG_SUSPECTED
    assert "not there: 'http: http://h/' (Connection refused)" in verdict.broken[0].because


def test_one_that_shows_all_signs_and_lacks_a_thread_is_not_at_full_strength_and_nothing_else() -> None:
    seen = _seen(signs=(THERE,), standing=Peak(1, 1))
    assert _broken(seen, THREAD) == ["full-strength"]


@pytest.mark.parametrize("ending", [Exited(1), StillRunning(10.0)])
def test_ready_1_shows_nothing_but_itself(ending: Exited | StillRunning) -> None:
    said = _seen(signs=(Sign("notify", 0.3),), ready_s=0.3, ending=ending, standing=Peak(1, 1),
                 output=f"error: {FIRED.token}", expected=replace(PLAIN, notifies=True))
    assert "ready-means-ready" in _broken(said, THREAD)


@pytest.mark.parametrize(("signs", "outcome"), [((THERE,), Outcome.STARTED), ((THERE, MISSING), Outcome.FALSE_SUCCESS)])
def test_an_exit_with_0_after_a_stop_is_truthful_once_it_had_shown_that_it_is_ready(
        signs: tuple[Sign, ...], outcome: Outcome) -> None:
    fault = Fault("start.ready", "signal", ("TERM",), None, Hits(1, 1))
    fired = Firing(0.4, 0, "start.ready", "parent", 100, 1, "signal")
    seen = _seen(ending=Exited(0), elapsed_s=0.5, stopped_watching="ended", fired=(fired,), signs=signs)
    assert judge(Case("x", "-", 1, (fault,)), seen).outcome is outcome


SILENT = replace(PLAIN, silent=True)


@pytest.mark.parametrize(("fault", "grade"), [
    (THREAD, Grade.UNKNOWN), (replace(THREAD, action="delay", args=("1",)), Grade.PASS)])
def test_one_that_shows_nothing_and_stays_up_after_a_fault_is_not_called_anything(fault: Fault, grade: Grade) -> None:
    seen = _seen(expected=SILENT, ending=Exited(0), elapsed_s=5.1, served_s=5.0, stop_sent_s=5.0, stopped_watching="served")
    verdict = judge(Case("x", "-", 1, (fault,)), seen)
    assert (verdict.grade, verdict.broken) == (grade, ())
    assert "no readiness is known" in verdict.note


def test_one_that_shows_nothing_is_still_judged_by_how_it_ends() -> None:
    assert _broken(_seen(expected=SILENT, ending=Exited(0), elapsed_s=0.5, stopped_watching="ended"), THREAD) == ["status"]
    assert _broken(_seen(expected=SILENT, ending=Exited(3), elapsed_s=0.5, stopped_watching="ended"), THREAD) == ["cause"]


def test_ready_1_is_not_owed_where_what_failed_is_the_way_to_the_notify_socket() -> None:
    fault = Fault("socket.connect", "raise", ("ConnectionRefusedError", "ECONNREFUSED"))
    fired = replace(FIRED, site="socket.connect")
    seen = _seen(expected=replace(PLAIN, notifies=True), signs=(THERE,), fired=(fired,), ending=Exited(0), elapsed_s=1.1,
                 served_s=1.0, stop_sent_s=1.0, stopped_watching="served")
    assert _broken(seen, fault) == []


@pytest.mark.parametrize("line", [
    "./run.sh: 10: Cannot fork", "mkdir: cannot create directory '/x': Permission denied", "./run.sh: line 3: x: not found",
    "nginx: [emerg] bind() to 0.0.0.0:80 failed", "panic: runtime error: index out of range", "2024 [crit] 12#0: no space"])
def test_how_a_program_that_is_not_python_complains_is_an_error_line(line: str) -> None:
    fault, fired = Fault("syscall.clone", "raise", ("OSError", "EAGAIN")), replace(FIRED, site="syscall.clone", token="")
    seen = _seen(ending=Exited(2), elapsed_s=0.5, stopped_watching="ended", fired=(fired,), output=f"starting\n{line}\n")
    assert judge(Case("x", "-", 1, (fault,)), seen).outcome is Outcome.CLEAN_EXIT


def test_an_ordinary_line_is_none() -> None:
    fault, fired = Fault("syscall.clone", "raise", ("OSError", "EAGAIN")), replace(FIRED, site="syscall.clone", token="")
    seen = _seen(ending=Exited(2), elapsed_s=0.5, stopped_watching="ended", fired=(fired,), output="run.sh: starting 3\n")
    assert judge(Case("x", "-", 1, (fault,)), seen).outcome is Outcome.SILENT_EXIT
