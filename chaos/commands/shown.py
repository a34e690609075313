"""What several commands print or write alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from chaos.caseid import format_case
from chaos.commands.status import Status
from chaos.events import CaseFinished, Event, Planned, SweepFinished, SweepStarted
from chaos.model import Grade, Judged, Variant
from chaos.report.consumer import Consumer
from chaos.report.explain import ended, explain
from chaos.report.files import Files
from chaos.sweep import healthy
from chaos.target import Target


def width() -> int:
    try:
        return max(20, min(os.get_terminal_size(sys.stdout.fileno()).columns, 160))
    except (OSError, ValueError):
        return 100


def say_unhealthy(baselines: Sequence[Variant], target: Target) -> Status:
    for variant in baselines:
        if not healthy(variant):
            print(explain(variant.baseline, suffix=target.options, width=width()))
    print(f"\n{target.command} does not start well even without a fault: nothing was injected. "
          f"chaos check{'' if target.name == 'scheduler' else ' ' + target.name}{target.options} shows this again.")
    return Status.UNAVAILABLE


def say_case(judged: Judged, target: Target) -> None:
    if judged.verdict.grade is not Grade.PASS or judged.case.faults:
        print(explain(judged, suffix=target.options, width=width()), end="\n\n")
        return
    seen = judged.seen
    stop_s = seen.elapsed_s - (seen.stop_sent_s or seen.elapsed_s)
    signs = [f", {sign.text!r} after {sign.seen_s:.2f} s" for sign in seen.signs if sign.seen_s is not None]
    signs += [f", READY=1 after {seen.ready_s:.2f} s"] if seen.ready_s is not None and not seen.signs else []
    came_up = (f"nothing that can be decided is broken. It stayed up, and was quiet by {seen.served_s or 0:.2f} s"
               if seen.expected.silent else f"nothing is broken. It served after {seen.served_s or 0:.2f} s")
    print(f"{format_case(judged.case)}: {came_up}{''.join(signs)}, with at "
          f"most {seen.peak.processes} processes and {seen.peak.threads} threads; told to stop, it was gone after "
          f"{stop_s:.2f} s: {ended(seen.ending, seen.elapsed_s)}.")
    if judged.verdict.note:
        print(f"undecided: {judged.verdict.note}")


def write_cases(out: Path, target: Target, cases: Sequence[Judged]) -> None:
    with Files(out, suffix=target.options) as files:
        files.feed(SweepStarted(target.command, 0, 1, "check"))
        files.feed(Planned(tuple(format_case(judged.case) for judged in cases)))
        for judged in cases:
            files.feed(CaseFinished(judged))
        files.feed(SweepFinished(sum(judged.seen.elapsed_s for judged in cases)))


def feed(consumers: Sequence[Consumer], event: Event) -> None:
    for consumer in consumers:
        consumer.feed(event)
