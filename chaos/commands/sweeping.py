"""``chaos sweep``: the main job."""

from __future__ import annotations

import contextlib
import difflib
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.caseid import format_case
from chaos.commands.asked import NOT_OURS, is_missing, not_ours, options_of, say_not_run, target_of, writable
from chaos.commands.clustered import is_clustered, runs_on
from chaos.commands.excusing import known_of, status_of_results
from chaos.commands.nights import Keeping, check_history
from chaos.commands.shown import feed
from chaos.commands.status import Status
from chaos.errors import UsageError
from chaos.events import Event, Planned, SweepFinished
from chaos.model import Case, Variant
from chaos.plan import transport_cases, untraced
from chaos.report.consumer import Consumer
from chaos.report.files import Files
from chaos.report.results import Gathering
from chaos.report.terminal import Terminal
from chaos.runner.launch import tracer
from chaos.sweep import Options, healthy, planned, sweep, variants_of, wanted
from chaos.target import Target


def _on_real(target: Target, asked: Options) -> Iterator[Case]:
    for base in variants_of(target, asked):
        for case in (base, *transport_cases(base, asked.profile)):
            if wanted(case, asked.only):
                yield case


class Withheld:
    """The files of ``out``, begun only once there is something to inject.

    Neither a glob that matches nothing nor a baseline that is not healthy may cost an older report; where there is none,
    an unhealthy baseline is reported like everything else.
    """

    def __init__(self, out: Path, target: Target, told: Gathering, history: Path | None) -> None:
        self._out, self._target, self._told, self._history = out, target, told, history
        self._files: Files | None = None
        self._stack = contextlib.ExitStack()
        self._events: list[Event] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def feed(self, event: Event) -> None:
        self._events.append(event)
        if self._files is None and self._is_time(event):
            files = Files(self._out, suffix=self._target.options, told=self._told, history=self._history)
            self._files = self._stack.enter_context(files)
        if self._files is not None:
            for held in self._events:
                self._files.feed(held)
            self._events.clear()

    def _is_time(self, event: Event) -> bool:
        if isinstance(event, SweepFinished):
            return not event.interrupted and not (self._out / "report.json").exists()
        return isinstance(event, Planned)


def do_sweep(options: Namespace) -> Status:
    target = target_of(options)
    asked = options_of(options, target)
    if not is_clustered(options) and is_missing(options, _on_real(target, asked)):
        return Status.INCONCLUSIVE
    left_out = not_ours(options, _on_real(target, asked))
    out = writable(options.out)
    check_history(options.history)
    night = Keeping(options.history)
    began = time.monotonic()
    told = Gathering(known_of(options, target))
    both: tuple[Consumer, ...] = (Withheld(out, target, told, options.history),
                                  Terminal(sys.stdout, suffix=target.options, told=told, notes=night.trend))
    with contextlib.ExitStack() as stack:
        consumers = [stack.enter_context(consumer) for consumer in both]
        try:
            with runs_on(options, asked) as (pool, asked):
                for event in sweep(target, asked, pool):
                    if isinstance(event, Planned) and not event.case_ids and not _is_only_a_part(asked, told.variants):
                        _say_nothing_planned(asked, told.variants)
                    told.feed(event)
                    feed(consumers, event)
        except KeyboardInterrupt:
            end = SweepFinished(time.monotonic() - began, interrupted=True)
            told.feed(end)
            feed(consumers, end)
            return Status.INTERRUPTED
    if not all(map(healthy, told.variants)):
        return Status.UNAVAILABLE       # the terminal has told it, as it tells all that a sweep says
    _say_untraced(asked, told.variants)
    say_not_run(NOT_OURS, left_out)
    night.keep(told.results())
    return status_of_results(told.results())


def _say_untraced(asked: Options, baselines: Sequence[Variant]) -> None:
    """What was not run for want of strace, by name."""
    if tracer():
        return
    say_not_run("strace is not on PATH", (case for one in baselines if not one.baseline.seen.expected.speaks
                                          for case in untraced(one.baseline.case) if wanted(case, asked.only)))


def _is_only_a_part(asked: Options, baselines: Sequence[Variant]) -> bool:
    """Of a small plan one machine of many may get nothing; that is no mistake."""
    return asked.shard[1] > 1 and bool(planned(baselines, replace(asked, shard=(1, 1))))


def _say_nothing_planned(asked: Options, baselines: Sequence[Variant]) -> None:
    """A glob that matches nothing must not read as a sweep that found nothing."""
    every = [format_case(case) for case in planned(baselines, replace(asked, only=(), shard=(1, 1)))]
    if not asked.only:
        raise UsageError("nothing was planned: the good start came by no place where a fault of this profile fits; "
                         "--profile full, or --site package.module:Name, would be right")
    near = difflib.get_close_matches(asked.only[0], every, 2, 0.3)
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise UsageError(f"--only {' '.join(asked.only)}: matches none of the {len(every)} planned cases{hint}")
