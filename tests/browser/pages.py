"""Literal sweeps written as ``report.html``, for a browser to open."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "unit"))

from test_report_literals import (
    HOSTILE_LOG,
    a_baseline,
    a_firing,
    a_hang,
    a_sweep,
    an_observation,
    feed_all,
    judged,
    results_of,
)

from chaos.caseid import format_case, parse_case
from chaos.model import Exited, Firing, Grade, Judged, Milestone, Observation, Outcome, Proof, Variant
from chaos.report.files import Files
from chaos.report.history import remember

BACKENDS = ("eventlet", "threading")
SITES = ("config.parse", "service.create", "rpc.transport.create", "process.fork", "service.start", "rpc.server.start")
ACTIONS = ("#1=raise:OSError", "=raise:OSError", "#1=stall", "=freeze", "#1=exit:0", "#1=kill", "=delay:0.3")
POINTS = ("configured", "service created", "transport connected", "workers up")

LOG = """2026-11-22 03:00:01 100 INFO oslo_service.service [-] Starting 2 workers
2026-11-22 03:00:01 101 DEBUG nova.scheduler.rpcapi [-] connecting to rabbit://scheduler:***@controller:5672/
2026-11-22 03:00:02 101 CRITICAL nova [-] Unhandled error: OSError: [Errno 24] Too many open files ({token})
"""


def variants() -> Iterator[Variant]:
    for backend in BACKENDS:
        variant = a_baseline(f"scheduler/{backend}/w2/none", SITES)
        points = tuple(Milestone(0.15 + 0.1 * n, name, "parent", 100) for n, name in enumerate(POINTS))
        yield replace(variant, baseline=replace(variant.baseline, seen=replace(variant.baseline.seen, milestones=points)))


def a_case(case_id: str) -> Judged:
    """Most pass; forks that stall hang, freezes hang under threading only, exits pass for a success."""
    fault = parse_case(case_id).faults[0]
    hang = a_hang(case_id, LOG.format(token="no error") + (HOSTILE_LOG if fault.site == "process.fork" else ""))
    if fault.action == "stall" and fault.site in ("process.fork", "rpc.server.start"):
        proof = Proof("tree", 1.9, "pid 101 thread 7 waits in futex for pid 100, which waits for pid 101\nnothing else runs")
        seen = replace(hang.seen, proof=proof, started_as="cold: it confirms a warm run", stopped_watching="proof")
        return replace(hang, seen=seen, verdict=replace(hang.verdict, outcome=Outcome.HANG_PROVEN))
    if fault.action == "freeze" and "threading" in case_id and fault.site == "service.start":
        return hang
    if fault.action == "exit" and fault.site in ("service.create", "service.start"):
        seen = replace(_seen(case_id), ending=Exited(0))
        return judged(case_id, Outcome.FALSE_SUCCESS, broken=(("status", "exit status 0, and it never served"),), seen=seen)
    if fault.action == "kill" and fault.site == "rpc.transport.create":
        return judged(case_id, Outcome.UNREACHED, grade=Grade.UNREACHED, note="rpc.transport.create was never reached")
    return judged(case_id, seen=_seen(case_id))


def _seen(case_id: str) -> Observation:
    firing: Firing = a_firing(case_id)
    return an_observation(fired=(firing,), output=LOG.format(token=firing.token), started_as="warm")


def ids(workers: int = 1) -> list[str]:
    return [f"scheduler/{backend}/w{count}/{site}{action}" for backend in BACKENDS for count in range(2, 2 + workers)
            for site in SITES for action in ACTIONS]


def a_page(out: Path, *, workers: int = 1) -> Path:
    """A mixed sweep of ``84 * workers`` cases, the third of three nights."""
    cases = [a_case(case_id) for case_id in ids(workers)]
    for day, good in ((20, ("=stall", "=exit")), (21, ("=freeze", "w2/process.fork#1=stall"))):
        night = a_sweep(judged(format_case(case.case)) if any(word in format_case(case.case) for word in good) else case
                        for case in cases)
        remember(out / "nights", f"2026-11-{day}T03-00-00Z", results_of(night))
    feed_all(Files(out, history=out / "nights"), a_sweep(cases, variants=variants()))
    return out / "report.html"
