"""Literal cases and observations for tests of the judge: a healthy run, and the one thing that a test changes in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaos.model import (
    Case,
    Exited,
    Expectation,
    Fault,
    Firing,
    Hits,
    Judged,
    Limits,
    Milestone,
    Observation,
    Process,
    SentSignal,
    StillRunning,
    Verdict,
)

LAUNCHER, WORKER = 100, 101
TOKEN = "chaos-0123456789"
ONCE = Hits(1, 1)

RAISE = Fault("service.start", "raise", ("RuntimeError",))
RAISE_ONCE = replace(RAISE, hits=ONCE)
STALL = Fault("service.start", "stall")
KILL_PARENT = Fault("launcher.wait", "kill", role="parent", hits=ONCE)
TERM_PARENT = Fault("service.create", "kill", ("TERM",), role="parent", hits=ONCE)


def a_case(*faults: Fault, backend: str = "threading", workers: int = 1) -> Case:
    return Case("scheduler", backend, workers, faults)


def a_firing(fault: Fault = RAISE, **changes: Any) -> Firing:
    """Of the case's first fault, in its worker, 0.5 s after exec."""
    return replace(Firing(0.5, 0, fault.site, "worker.0", WORKER, 1, fault.action, TOKEN), **changes)


def in_parent(fault: Fault, **changes: Any) -> Firing:
    return a_firing(fault, **{"role": "parent", "pid": LAUNCHER, **changes})


def a_process(pid: int, role: str = "worker.0", gone_s: float | None = None, *, seen_s: float = 0.3) -> Process:
    return Process(pid, LAUNCHER, role, "scheduler", seen_s, gone_s)


LAUNCHER_PROCESS = Process(LAUNCHER, 1, "parent", "scheduler", 0.0)


def a_start(pid: int = WORKER, at_s: float = 0.8) -> Milestone:
    return Milestone(at_s, "service started", "worker.0", pid)


def an_observation(**changes: Any) -> Observation:
    """A launcher that started one worker, said READY=1, served, was sent SIGTERM and exited 0."""
    healthy = Observation(
        ending=Exited(0),
        elapsed_s=1.4,
        limits=Limits(),
        expected=Expectation(servers=1, notifies=True, processes=3, threads=10, fds=40, ready_after_s=0.9),
        stopped_watching="served",
        milestones=(a_start(),),
        processes=(LAUNCHER_PROCESS, a_process(WORKER, gone_s=1.3)),
        signals=(SentSignal(1.0, "SIGTERM", LAUNCHER, "it serves: stop it"),),
        ready_s=0.9,
        served_s=1.0,
        stop_sent_s=1.0,
    )
    return replace(healthy, **changes)


def an_early_end(ending: Any, *fired: Firing, **changes: Any) -> Observation:
    """A launcher that ended by itself on its way up: no READY=1, nothing served, nobody asked for it."""
    early: dict[str, Any] = {"stopped_watching": "ended", "milestones": (), "signals": (), "ready_s": None}
    early |= {"served_s": None, "stop_sent_s": None, "ending": ending, "fired": fired}
    return an_observation(**{**early, **changes})


def a_hang(*fired: Firing, **changes: Any) -> Observation:
    """A launcher that neither serves nor ends until the deadline; its worker lives and has started nothing."""
    still: dict[str, Any] = {"stopped_watching": "deadline", "elapsed_s": 10.5, "cpu_share": 0.0, "alive_workers": 1}
    still |= {"processes": (LAUNCHER_PROCESS, a_process(WORKER))}
    return an_early_end(StillRunning(10.5), *fired, **{**still, **changes})


def deaths(count: int) -> tuple[Process, ...]:
    """A launcher and ``count`` workers that were born and died one after the other."""
    workers = (a_process(WORKER + n, gone_s=0.9 + n, seen_s=0.3 + n) for n in range(count))
    return (LAUNCHER_PROCESS, *workers)


def firings_at(*times_s: float, fault: Fault = RAISE, pid: int = WORKER) -> tuple[Firing, ...]:
    return tuple(a_firing(fault, at_s=at_s, number=n, pid=pid) for n, at_s in enumerate(times_s, start=1))


def judged(case: Case, seen: Observation, verdict: Verdict) -> Judged:
    return Judged(case, seen, verdict)
