"""``chaos compare``, ``chaos merge`` and ``chaos judge``: reports that are there; nothing is run."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

from chaos.caseid import format_case
from chaos.commands.asked import writable
from chaos.commands.excusing import excused, known_of, say_known, status_of_results, status_with
from chaos.commands.nights import Keeping, check_history
from chaos.commands.shown import feed
from chaos.commands.status import Status, worst
from chaos.compare import as_data, as_markdown, as_text, comparison
from chaos.confirm import judged_again
from chaos.errors import UsageError
from chaos.judge import for_pair, judge_pairs
from chaos.known import Known, settled
from chaos.merge import merged, suffix_of
from chaos.model import Case, Grade, Judged, Verdict
from chaos.report.backends import backends_against_each_other, halves_as_data, halves_as_markdown, halves_as_text
from chaos.report.consumer import Consumer
from chaos.report.document import finished_of, not_run_of, started_of, variants_of
from chaos.report.files import Files
from chaos.report.jsonfile import read_cases, read_events, read_head
from chaos.report.results import Gathering, Line, Results, line_of
from chaos.report.terminal import Terminal
from chaos.sweep import healthy

T = TypeVar("T")


def do_compare(options: Namespace) -> Status:
    """The status is the newer report's, or the only one's."""
    known = known_of(options)
    if options.backends:
        if options.new is not None or options.history is not None:
            raise UsageError("compare --backends takes one report, its two backends, and no --history")
        lines = excused(known, _lines(options.old))
        halves = backends_against_each_other(lines)
        print(_in_format(options.format, halves, halves_as_text, halves_as_markdown, halves_as_data))
        return _status_with(known, lines, options.old, options)
    old = _lines(options.old)
    if options.new is None:
        raise UsageError("compare takes two reports, or one with --backends")
    new = excused(known, _lines(options.new))
    found = comparison(old, new)
    print(_in_format(options.format, found, as_text, as_markdown, as_data))
    if options.history is not None:
        told = Gathering()
        for event in readable(options.new, read_events):
            told.feed(event)
        _say_trend(Keeping(options.history), told.results(), _beside(options))
    return _status_with(known, new, options.new, options)


def _beside(options: Namespace) -> TextIO:
    """Where what is no part of a format is said."""
    return sys.stderr if options.format == "json" else sys.stdout


def _status_with(known: Known, lines: Sequence[Line], path: Path, options: Namespace) -> Status:
    """The status of the report at ``path`` with these cases, and why, where it is not theirs alone."""
    head = next(readable(path, lambda one: [read_head(one)]))
    about = settled(known, lines, whole=_is_whole(head)) if known.entries else ()
    cut_short, why = _cut_short(head)
    for told in (*(one.told for one in about if one.fails_the_job), *([f"{path}: {why}"] if why else [])):
        print(told, file=_beside(options))
    return worst((status_with(lines, about), cut_short))


def _cut_short(head: Mapping[str, Any]) -> tuple[Status, str]:
    """What a sweep that could not run its cases ended with, and that in words; PASS and "" for any other."""
    if finished_of(head).interrupted:
        return Status.INTERRUPTED, f"interrupted, {len(not_run_of(head))} planned cases were not finished"
    bad = next((one.baseline.case for one in variants_of(head) if not healthy(one)), None)
    if bad is None:
        return Status.PASS, ""
    return Status.UNAVAILABLE, _unhealthy(bad)


def _unhealthy(base: Case) -> str:
    return f"{format_case(base)} is not healthy, so nothing was injected"


def _say_trend(night: Keeping, results: Results | None, stream: TextIO) -> None:
    if results is not None:
        for line in night.trend(results):
            print(line, file=stream)
        night.keep(results)


def _is_whole(head: Mapping[str, Any]) -> bool:
    """Whether a report with this head holds every case that there was to run."""
    return not (started_of(head).part or not_run_of(head) or any(_cut_short(head)))


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
    results = told.results()
    night.keep(results)
    left_out = Status.INCONCLUSIVE if results is not None and results.shards else Status.PASS
    return worst((status_of_results(results), left_out))


def do_judge(options: Namespace) -> Status:
    """One case at a time is in memory: what is kept of each is its verdict, then and now."""
    before: list[Verdict] = []

    def again() -> Iterator[Judged]:
        for one in stored(options.report):
            before.append(one.verdict)
            yield for_pair(judged_again(one))

    known = known_of(options)
    head = next(readable(options.report, lambda one: [read_head(one)]))
    baselines = [one.baseline for one in variants_of(head)]
    anew, judged = [judged_again(one) for one in baselines], judge_pairs(again())
    was = (*(one.verdict for one in baselines), *before)
    changed = sum(_says_otherwise(one, then) for one, then in zip((*anew, *judged), was, strict=True))
    bad = [one.case for one in anew if one.verdict.grade is not Grade.PASS]
    if bad:
        print(_unhealthy(bad[0]))
    print(f"{len(judged)} cases judged again, {changed} verdicts changed")
    lines = excused(known, map(line_of, judged))
    return worst((status_with(lines, say_known(known, lines)), Status.UNAVAILABLE if bad else Status.PASS))


def _says_otherwise(one: Judged, was: Verdict) -> bool:
    """Whether today's verdict is another; it is told then."""
    now = one.verdict
    differs = (now.outcome, now.grade) != (was.outcome, was.grade)
    if differs:
        print(f"{format_case(one.case)}: {now.outcome}, {now.grade}; the report says {was.outcome}, {was.grade}")
    return differs


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
