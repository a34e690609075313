"""``chaos compare``, ``chaos merge`` and ``chaos judge``: reports that are there; nothing is run."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

from chaos.caseid import format_case
from chaos.commands.asked import writable
from chaos.commands.excusing import excused, known_of, say_known, status_of_results, status_with
from chaos.commands.nights import Keeping, check_history
from chaos.commands.shown import feed
from chaos.commands.status import Status, status_of
from chaos.compare import (
    as_data,
    as_markdown,
    as_text,
    comparison,
)
from chaos.errors import UsageError
from chaos.judge import for_pair, judge, judge_pairs
from chaos.known import settled
from chaos.merge import merged, suffix_of
from chaos.model import Grade, Judged, Verdict
from chaos.report.backends import backends_against_each_other, halves_as_data, halves_as_markdown, halves_as_text
from chaos.report.consumer import Consumer
from chaos.report.document import finished_of, not_run_of, started_of
from chaos.report.files import Files
from chaos.report.jsonfile import read_cases, read_events, read_head
from chaos.report.results import Gathering, Line, Results, line_of
from chaos.report.terminal import Terminal

T = TypeVar("T")


def do_compare(options: Namespace) -> Status:
    if options.backends:
        grades: list[Grade] = []
        halves = backends_against_each_other(map(line_of, _noting(grades, stored(options.old))))
        print(_in_format(options.format, halves, halves_as_text, halves_as_markdown, halves_as_data))
        return status_of(grades)
    old = _lines(options.old)
    if options.new is None:
        raise UsageError("compare takes two reports, or one with --backends")
    known = known_of(options)
    new = excused(known, _lines(options.new))
    found = comparison(old, new)
    print(_in_format(options.format, found, as_text, as_markdown, as_data))
    if options.history is not None:
        told = Gathering()
        for event in readable(options.new, read_events):
            told.feed(event)
        _say_trend(Keeping(options.history), told.results(), sys.stderr if options.format == "json" else sys.stdout)
    about = settled(known, new, whole=_is_whole(options.new)) if known.entries else ()
    for one in about:
        if one.fails_the_job:
            print(one.told, file=sys.stderr if options.format == "json" else sys.stdout)
    return status_with(new, about)


def _noting(grades: list[Grade], cases: Iterable[Judged]) -> Iterator[Judged]:
    for one in cases:
        grades.append(one.verdict.grade)
        yield one


def _say_trend(night: Keeping, results: Results | None, stream: TextIO) -> None:
    if results is not None:
        for line in night.trend(results):
            print(line, file=stream)
        night.keep(results)


def _is_whole(path: Path) -> bool:
    """Whether a report holds every case that there was to run."""
    head = next(readable(path, lambda one: [read_head(one)]))
    return not (started_of(head).part or not_run_of(head) or finished_of(head).interrupted)


def _in_format(word: str, value: T, text: Callable[[T], str], markdown: Callable[[T], str],
               data: Callable[[T], dict[str, Any]]) -> str:
    """``value`` as the option ``--format`` asks."""
    return json.dumps(data(value), indent=1) if word == "json" else (markdown if word == "markdown" else text)(value)


def do_merge(options: Namespace) -> Status:
    paths = [path / "report.json" if path.is_dir() else path for path in options.reports]
    out, told = writable(options.out), Gathering(known_of(options))
    check_history(options.history)
    night = Keeping(options.history)
    if any(path.resolve().parent == out.resolve() for path in paths):
        raise UsageError(f"--out {out} is where one of the reports lies; another folder would be right")
    try:
        suffix, *_ = [suffix for path in paths for suffix in readable(path, lambda one: [suffix_of(one)])]
        both: tuple[Consumer, ...] = (Files(out, suffix=suffix, told=told, history=options.history),
                                      Terminal(sys.stdout, suffix=suffix, told=told, notes=night.trend))
        events = merged(paths)
        first = next(events)
        with contextlib.ExitStack() as stack:
            consumers = [stack.enter_context(consumer) for consumer in both]
            for event in itertools.chain([first], events):
                told.feed(event)
                feed(consumers, event)
    except ValueError as error:
        raise UsageError(str(error)) from None
    night.keep(told.results())
    return status_of_results(told.results())


def do_judge(options: Namespace) -> Status:
    """One case at a time is in memory: what is kept of each is its verdict, then and now."""
    before: list[Verdict] = []

    def again() -> Iterator[Judged]:
        for one in stored(options.report):
            before.append(one.verdict)
            yield for_pair(replace(one, verdict=judge(one.case, one.seen)))

    known = known_of(options)
    judged, changed = judge_pairs(again()), 0
    for one, was in zip(judged, before, strict=True):
        now = one.verdict
        if (now.outcome, now.grade) != (was.outcome, was.grade):
            changed += 1
            print(f"{format_case(one.case)}: {now.outcome}, {now.grade}; the report says {was.outcome}, {was.grade}")
    print(f"{len(judged)} cases judged again, {changed} verdicts changed")
    lines = excused(known, map(line_of, judged))
    return status_with(lines, say_known(known, lines))


def _lines(path: Path) -> list[Line]:
    return list(map(line_of, stored(path)))


def stored(path: Path) -> Iterator[Judged]:
    """The cases of a report, one at a time."""
    return readable(path, read_cases)


def readable(path: Path, read: Callable[[Path], Iterable[T]]) -> Iterator[T]:
    """What ``read`` finds in a report or in its folder; what is no report is wrong usage."""
    path = path / "report.json" if path.is_dir() else path
    try:
        yield from read(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; the report.json of a sweep, or its folder, would be right") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
