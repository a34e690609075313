"""Literal sweeps for the tests of the reports, and the claim that they are what a journal can hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chaos.caseid import format_case, parse_case
from chaos.codec import from_data, to_data
from chaos.events import CaseFinished, CaseStarted, Event, Planned, SweepFinished, SweepStarted, VariantReady
from chaos.model import (
    Broken,
    Ending,
    Exited,
    Expectation,
    Firing,
    Grade,
    Judged,
    Limits,
    Milestone,
    Notice,
    Observation,
    Outcome,
    Process,
    SentSignal,
    Site,
    StillRunning,
    Variant,
    Verdict,
    token_of,
)
from chaos.report.consumer import Consumer
from chaos.report.results import Evidence, Gathering, Line, Results

HOSTILE_LOG = (
    "\x1b[31mred\x1b[0m \x1b]0;your window is mine\x07 title\n"
    "</script><script>alert(1)</script> <img src=x onerror=alert(2)> &amp; ]]> <![CDATA[ {{ 7*7 }} {% raw %}\n"
    "nul \x00 bell \x07 backspace \x08 del \x7f c1 \x9b31m unit \x1f escape alone \x1b\n"
    "overwritten\rvisible \u202egnissap\u202c half \udc80 not a character \ufffe \uffff\n"
    "CRITICAL start failed: RuntimeError: no\n"
)
LONG_LINE = "x" * 1_000_000

SITES = ("config.parse", "service.create", "rpc.transport.create", "process.fork", "service.start", "rpc.server.start")


FAILED = Exited(1)


def an_observation(ending: Ending = FAILED, **changes: Any) -> Observation:
    facts: dict[str, Any] = {
        "elapsed_s": 1.25,
        "limits": Limits(),
        "expected": Expectation(),
        "stopped_watching": "ended",
    }
    return Observation(ending=ending, **{**facts, **changes})


def a_firing(case_id: str, **changes: Any) -> Firing:
    fault = parse_case(case_id).faults[0]
    facts: dict[str, Any] = {
        "at_s": 0.45,
        "index": 0,
        "site": fault.site,
        "role": fault.role or "parent",
        "pid": 101,
        "number": fault.hits.first,
        "action": fault.action,
        "token": token_of(case_id, 0) if fault.action == "raise" else "",
    }
    return Firing(**{**facts, **changes})


def judged(
    case_id: str,
    outcome: Outcome = Outcome.CLEAN_EXIT,
    *,
    broken: tuple[tuple[str, str], ...] = (),
    grade: Grade | None = None,
    note: str = "",
    seen: Observation | None = None,
) -> Judged:
    """A case that passed, unless ``broken`` (promise, because) or ``grade`` say otherwise."""
    implied = grade or (Grade.FAIL if broken else Grade.PASS)
    facts = seen or an_observation(fired=(a_firing(case_id),) if parse_case(case_id).faults else ())
    return Judged(parse_case(case_id), facts, Verdict(outcome, implied, tuple(Broken(*each) for each in broken), note))


def a_baseline(case_id: str, sites: Iterable[str] = SITES) -> Variant:
    seen = an_observation(
        Exited(0), elapsed_s=0.95, stopped_watching="served", ready_s=0.61, served_s=0.62, stop_sent_s=0.7
    )
    reached = tuple(Site(name, "parent", 1, 0.1 * number) for number, name in enumerate(sites, 1))
    return Variant(judged(case_id, Outcome.STARTED, seen=seen), reached)


def a_hang(case_id: str, log: str = "INFO starting 2 workers\n") -> Judged:
    """A launcher whose worker hangs in its start: all that a report can tell of a case."""
    parent = Process(100, 1, "parent", "/usr/bin/python3 /usr/bin/nova-scheduler --config-file etc/nova.conf", 0.0)
    seen = an_observation(
        StillRunning(10.5),
        elapsed_s=10.5,
        stopped_watching="deadline",
        fired=(a_firing(case_id),),
        milestones=(Milestone(0.31, "configured", "parent", 100), Milestone(0.4, "created", "worker.0", 101)),
        notices=(Notice(0.5, "READY=1"),),
        processes=(parent, Process(101, 100, "worker.0", "nova-scheduler: worker", 0.38, 9.5)),
        signals=(SentSignal(10.4, "SIGTERM", 100, "the deadline has passed"),),
        ready_s=0.5,
        output=log,
        stacks='Thread 0x1 (most recent call first):\n  File "service.py", line 12 in start\n',
    )
    broken = (
        ("ends", "it still ran 10.0 s after the fault, with 2 processes, and its last line is 6.1 s old"),
        ("ready-means-ready", "READY=1 was sent at 0.50 s and no worker ever answered a call"),
    )
    return judged(case_id, Outcome.HANG_SUSPECTED, broken=broken, seen=seen)


def a_sweep(
    cases: Iterable[Judged],
    *,
    variants: Iterable[Variant] = (),
    planned: Iterable[str] | None = None,
    interrupted: bool = False,
) -> list[Event]:
    finished = list(cases)
    ids = [format_case(each.case) for each in finished]
    told = [event for i, case in zip(ids, finished, strict=True) for event in (CaseStarted(i), CaseFinished(case))]
    return [
        SweepStarted("chaos.sample.launcher:main", seed=0, jobs=2, profile="full", versions=(("eventlet", "0.41.3"),)),
        *map(VariantReady, variants),
        Planned(tuple(ids if planned is None else planned)),
        *told,
        SweepFinished(63.2, interrupted),
    ]


def results_of(events: Iterable[Event]) -> Results:
    gathering = Gathering()
    for event in events:
        gathering.feed(event)
    results = gathering.results()
    assert results is not None
    return results


class Remembered:
    """The cases in full, by their lines, from memory: what a journal gives back."""

    def __init__(self, events: Iterable[Event]) -> None:
        finished = [event.judged for event in events if isinstance(event, CaseFinished)]
        self._kept = {format_case(judged.case): judged for judged in finished}

    def judged(self, line: Line) -> Judged:
        return self._kept[line.case_id]

    def data(self, line: Line) -> tuple[Verdict, dict[str, Any], dict[str, Any] | None]:
        found = self._kept[line.case_id]
        return found.verdict, to_data(found.seen), to_data(found.beside)


def evidence_of(events: Iterable[Event]) -> Evidence:
    return Remembered(events)


def feed_all(consumer: Consumer, events: Iterable[Event]) -> None:
    with consumer:
        for event in events:
            consumer.feed(event)


def test_every_event_of_a_literal_sweep_survives_as_data() -> None:
    for event in a_sweep([a_hang("s/eventlet/w1/service.start=stall")], variants=[a_baseline("s/eventlet/w1/none")]):
        assert from_data(type(event), to_data(event)) == event
