"""What each command does, from parsed options to an exit status. Prints; never exits, never judges."""

from __future__ import annotations

import contextlib
import difflib
import enum
import itertools
import json
import os
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar

from chaos.caseid import format_case
from chaos.catalog import SITES
from chaos.compare import (
    as_data,
    as_markdown,
    as_text,
    backends_against_each_other,
    comparison,
    halves_as_data,
    halves_as_markdown,
    halves_as_text,
)
from chaos.errors import MissingPart, UsageError
from chaos.events import CaseFinished, Event, Planned, SweepFinished, SweepStarted
from chaos.judge import for_pair, judge, judge_pairs
from chaos.merge import merged, suffix_of
from chaos.model import Case, Grade, Judged, Variant, Verdict
from chaos.plan import Profile, transport_cases
from chaos.prepare import Timing, request_for
from chaos.report.consumer import Consumer
from chaos.report.explain import ended, explain
from chaos.report.files import Files
from chaos.report.history import nights, remember, trend
from chaos.report.jsonfile import read_cases, read_events
from chaos.report.results import Gathering, Line, Results, line_of
from chaos.report.terminal import Terminal
from chaos.runner.pool import Pool
from chaos.sweep import Options, healthy, planned, run_baselines, sweep, variants_of, wanted
from chaos.target import Target, resolve
from chaos.transport import RABBIT, attached, is_private, kind_of, must_be_there
from chaos.typed import case_of

T = TypeVar("T")


class Status(enum.IntEnum):
    """Exit statuses; see docs/contract.md."""

    PASS = 0
    FAIL = 1
    INCONCLUSIVE = 2
    USAGE = 64
    UNAVAILABLE = 69
    DEFECT = 70
    INTERRUPTED = 130


def status_of(grades: Iterable[Grade]) -> Status:
    """The worst wins: a failure, then what could not be told."""
    found = set(grades)
    if Grade.FAIL in found:
        return Status.FAIL
    return Status.INCONCLUSIVE if found & {Grade.UNREACHED, Grade.UNKNOWN} else Status.PASS


# --- what the commands share -------------------------------------------------------------------------------------------


def _target(options: Namespace) -> Target:
    return resolve(options.target, options.args, python=options.python)


def _timing(options: Namespace) -> Timing:
    return Timing(options.deadline, options.grace)


def _options(options: Namespace, target: Target) -> Options:
    for name, asked, known in (("backend", options.backend, target.backends),
                               ("workers", options.workers, target.workers)):
        if asked and known in (("-",), (1,)) and asked != known:
            raise UsageError(f"--{name} {','.join(map(str, asked))}: {target.command} does not say how its {name} "
                             f"{'is' if name == 'backend' else 'are'} chosen; put {{{name}}} into its arguments after -- "
                             "or into an entry in chaos.toml")
    profile = Profile(getattr(options, "profile", Profile.DEFAULT))
    transport = kind_of(options.transport)
    if transport is not None:
        target.must_take_transport(options.transport if is_private(options.transport) else "a broker")
    return Options(options.backend, options.workers, profile, tuple(getattr(options, "only", ())),
                   getattr(options, "jobs", 1), getattr(options, "seed", 0), _timing(options),
                   getattr(options, "cold", False), getattr(options, "shard", (1, 1)), transport,
                   is_private(options.transport))


@contextlib.contextmanager
def _pool(transport: str | None, jobs: int = 1) -> Iterator[Pool]:
    """A pool, and beside it what the cases on ``transport`` need."""
    with attached(transport) as network, Pool(jobs, network) as pool:
        yield pool


def _is_missing(options: Namespace, cases: Iterable[Case]) -> bool:
    """Whether a part is missing that ``cases`` need, which are then listed. Raises MissingPart with --require-rabbit."""
    try:
        must_be_there(options.transport)
    except MissingPart as missing:
        if options.require_rabbit:
            raise
        listed = [format_case(case) for case in cases]
        print("\n".join([f"not run: {missing}", *listed, f"{len(listed)} cases were not run."]))
        return True
    return False


def _on_real(target: Target, asked: Options) -> Iterator[Case]:
    for base in variants_of(target, asked):
        for case in (base, *transport_cases(base, asked.profile)):
            if wanted(format_case(case), asked.only):
                yield case


def writable(out: Path, option: str = "--out") -> Path:
    """``--out`` (or another folder), made if need be and tried with a real file. Raises UsageError before anything is run."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            return out
    except OSError as error:
        raise UsageError(f"{option} {out}: {error.strerror or error}; a folder that can be written to would be right") \
            from None


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


def _width() -> int:
    try:
        return max(20, min(os.get_terminal_size(sys.stdout.fileno()).columns, 160))
    except (OSError, ValueError):
        return 100


# --- commands ----------------------------------------------------------------------------------------------------------


def do_sweep(options: Namespace) -> Status:
    target = _target(options)
    asked = _options(options, target)
    if _is_missing(options, _on_real(target, asked)):
        return Status.INCONCLUSIVE
    out = writable(options.out)
    _check_history(options.history)
    began = time.monotonic()
    told = Gathering()
    both: tuple[Consumer, ...] = (Withheld(out, target, told, options.history),
                                  Terminal(sys.stdout, suffix=target.options, told=told))
    with contextlib.ExitStack() as stack:
        consumers = [stack.enter_context(consumer) for consumer in both]
        try:
            with _pool(options.transport, asked.jobs) as pool:
                for event in sweep(target, asked, pool):
                    if isinstance(event, Planned) and not event.case_ids and not _is_only_a_part(asked, told.variants):
                        _say_nothing_planned(asked, told.variants)
                    told.feed(event)
                    _feed(consumers, event)
        except KeyboardInterrupt:
            end = SweepFinished(time.monotonic() - began, interrupted=True)
            told.feed(end)
            _feed(consumers, end)
            return Status.INTERRUPTED
    if not all(map(healthy, told.variants)):
        return _say_unhealthy(told.variants, target)
    _say_trend(options.history, told.results())
    return status_of(grade for grade, count in told.grades.items() if count)


def _feed(consumers: Sequence[Consumer], event: Event) -> None:
    for consumer in consumers:
        consumer.feed(event)


def _is_only_a_part(asked: Options, baselines: Sequence[Variant]) -> bool:
    """Of a small plan one machine of many may get nothing; that is no mistake."""
    return asked.shard[1] > 1 and bool(planned(baselines, replace(asked, shard=(1, 1))))


def _say_nothing_planned(asked: Options, baselines: Sequence[Variant]) -> None:
    """A glob that matches nothing must not read as a sweep that found nothing."""
    every = [format_case(case) for case in planned(baselines, replace(asked, only=(), shard=(1, 1)))]
    near = difflib.get_close_matches(asked.only[0], every, 2, 0.3) if asked.only else []
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise UsageError(f"--only {' '.join(asked.only)}: matches none of the {len(every)} planned cases{hint}")


def _say_unhealthy(baselines: Sequence[Variant], target: Target) -> Status:
    for variant in baselines:
        if not healthy(variant):
            print(explain(variant.baseline, suffix=target.options, width=_width()))
    print(f"\n{target.command} does not start well even without a fault: nothing was injected. "
          f"chaos check{'' if target.name == 'scheduler' else ' ' + target.name}{target.options} shows this again.")
    return Status.UNAVAILABLE


def do_check(options: Namespace) -> Status:
    target = _target(options)
    asked = _options(options, target)
    cases = variants_of(target, asked)
    if not asked.backends and not asked.workers:
        cases = cases[:1]
    if _is_missing(options, cases):
        return Status.INCONCLUSIVE
    out = options.out and writable(options.out)
    with _pool(options.transport) as pool:
        variants = list(run_baselines(pool, target, cases, replace(asked.timing, boot_s=options.deadline)))
    for variant in variants:
        _say_case(variant.baseline, target)
    if out is not None:
        _write_cases(out, target, [variant.baseline for variant in variants])
    return status_of(variant.baseline.verdict.grade for variant in variants)


def _say_case(judged: Judged, target: Target) -> None:
    if judged.verdict.grade is not Grade.PASS or judged.case.faults:
        print(explain(judged, suffix=target.options, width=_width()), end="\n\n")
        return
    seen = judged.seen
    stop_s = seen.elapsed_s - (seen.stop_sent_s or seen.elapsed_s)
    ready = "" if seen.ready_s is None else f", READY=1 after {seen.ready_s:.2f} s"
    print(f"{format_case(judged.case)}: nothing is broken. It served after {seen.served_s or 0:.2f} s{ready}, with at "
          f"most {seen.peak.processes} processes and {seen.peak.threads} threads; told to stop, it was gone after "
          f"{stop_s:.2f} s: {ended(seen.ending, seen.elapsed_s)}.")


def _write_cases(out: Path, target: Target, cases: Sequence[Judged]) -> None:
    with Files(out, suffix=target.options) as files:
        files.feed(SweepStarted(target.command, 0, 1, "check"))
        files.feed(Planned(tuple(format_case(judged.case) for judged in cases)))
        for judged in cases:
            files.feed(CaseFinished(judged))
        files.feed(SweepFinished(sum(judged.seen.elapsed_s for judged in cases)))


def do_run(options: Namespace) -> Status:
    judged, status = _run_cases(options, lambda: options.out and writable(options.out))
    for one, target in judged:
        _say_case(one, target)
    if options.out is not None and judged:
        _write_cases(options.out, judged[0][1], [one for one, _ in judged])
    return status


def do_repro(options: Namespace) -> Status:
    known = _known_verdict(options.out, case_of(options.case_ids[0]))
    judged, status = _run_cases(options)
    if not judged:
        return status
    one, target = judged[0]
    print(explain(one, suffix=target.options, width=_width()), end="\n\n")
    word, status = reproduced(one, known)
    print(word)
    return status


def reproduced(now: Judged, known: Judged | None) -> tuple[str, Status]:
    """What a second run says about the first. Without a report at hand, a case to reproduce is a case that fails."""
    outcome, grade = now.verdict.outcome, now.verdict.grade
    if known is None:
        if grade is Grade.FAIL:
            return f"reproduced: {outcome}", Status.FAIL
        return f"not reproduced: {outcome}, {grade}", Status.INCONCLUSIVE
    before = known.verdict
    if (outcome, grade) == (before.outcome, before.grade):
        return f"reproduced: {outcome}, {grade}, as in the report", status_of([grade])
    if grade is Grade.FAIL:
        return f"diverged: {outcome} now, {before.outcome} in the report", Status.FAIL
    return f"not reproduced: {outcome}, {grade} now, {before.outcome}, {before.grade} in the report", \
        Status.INCONCLUSIVE


def _known_verdict(out: Path, case: Case) -> Judged | None:
    try:
        return next((one for one in read_cases(out / "report.json") if one.case == case), None)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        print(f"chaos: {error}; there is nothing to compare with", file=sys.stderr)
        return None


def _run_cases(options: Namespace, prepare: Callable[[], object] = bool) -> tuple[list[tuple[Judged, Target]], Status]:
    """Baselines first, to learn what a good start looks like here; then each case. An unhealthy baseline is told.

    ``prepare`` is called when everything that was typed makes sense, before anything is started.
    """
    cases = [case_of(text) for text in options.case_ids]
    targets = {case.target: resolve(case.target, options.args, python=options.python) for case in cases}
    if any(case.transport for case in cases):
        options.transport = options.transport if kind_of(options.transport) else RABBIT
        for case in cases:
            targets[case.target].must_take_transport(RABBIT)
        if _is_missing(options, cases):
            return [], Status.INCONCLUSIVE
    prepare()
    timing, done = _timing(options), []
    with _pool(options.transport) as pool:
        for case in cases:
            target = targets[case.target]
            base = Case(case.target, case.backend, case.workers, (), case.transport)
            variant = next(iter(run_baselines(pool, target, [base], timing)))
            if not case.faults:
                done.append((variant.baseline, target))
                continue
            if not healthy(variant):
                return [], _say_unhealthy([variant], target)
            seen = pool.run_one(request_for(target, case, timing, variant.baseline.seen.expected))
            done.append((Judged(case, seen, judge(case, seen)), target))
    return done, status_of(judged.verdict.grade for judged, _ in done)


def do_sites(options: Namespace) -> Status:
    if options.all:
        for doc in SITES:
            errors = ", ".join(":".join(error.words) for error in doc.errors)
            print(f"{doc.name:<22}{doc.area.value}: {doc.doc}\n{'':<22}errors: {errors}; actions: "
                  f"{', '.join(doc.actions)}; promise most at stake: {doc.promise}")
        return Status.PASS
    target, variants = _discovered(options)
    for variant in variants:
        print(format_case(variant.baseline.case))
        for site in variant.sites:
            print(f"  {site.at_s:8.3f} s  {site.name:<22}{site.role:<12}{site.hits:>4} "
                  f"hit{'' if site.hits == 1 else 's'}  {site.phase.value}")
    return Status.PASS if all(map(healthy, variants)) else _say_unhealthy(variants, target)


def do_plan(options: Namespace) -> Status:
    target, variants = _discovered(options)
    if not all(map(healthy, variants)):
        return _say_unhealthy(variants, target)
    for case in planned(variants, _options(options, target)):
        print(format_case(case))
    return Status.PASS


def _discovered(options: Namespace) -> tuple[Target, list[Variant]]:
    target = _target(options)
    asked = _options(options, target)
    must_be_there(options.transport)
    with _pool(options.transport, min(2, os.cpu_count() or 1)) as pool:
        return target, list(run_baselines(pool, target, variants_of(target, asked), asked.timing,
                                          thorough=asked.thorough or options.command == "sites",
                                          exhaustive=asked.profile is Profile.NIGHTLY))


def do_compare(options: Namespace) -> Status:
    old = _lines(options.old)
    if options.backends:
        halves = backends_against_each_other(old)
        print(_in_format(options.format, halves, halves_as_text, halves_as_markdown, halves_as_data))
        return status_of(one.grade for one in old)
    if options.new is None:
        raise UsageError("compare takes two reports, or one with --backends")
    new = _lines(options.new)
    found = comparison(old, new)
    print(_in_format(options.format, found, as_text, as_markdown, as_data))
    if options.history is not None:
        told = Gathering()
        for event in _readable(options.new, read_events):
            told.feed(event)
        _say_trend(options.history, told.results(), sys.stderr if options.format == "json" else sys.stdout)
    return status_of(one.grade for one in new)


def _in_format(word: str, value: T, text: Callable[[T], str], markdown: Callable[[T], str],
               data: Callable[[T], dict[str, Any]]) -> str:
    """``value`` as the option ``--format`` asks."""
    return json.dumps(data(value), indent=1) if word == "json" else (markdown if word == "markdown" else text)(value)


def _check_history(folder: Path | None) -> None:
    """Before anything is run: a night that cannot be read, or a folder that cannot be written to, is found in time."""
    if folder is not None:
        try:
            nights(writable(folder, "--history"), "")
        except (OSError, ValueError) as error:
            raise UsageError(f"--history {folder}: {error}") from None


def _say_trend(folder: Path | None, results: Results | None, stream: TextIO | None = None) -> None:
    """Keep this night, and tell how it went from night to night."""
    if folder is None or results is None:
        return
    try:
        remember(folder, time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime()), results)
        for line in trend(nights(folder, results.started.target)):
            print(line, file=stream or sys.stdout)
    except (OSError, ValueError) as error:
        raise UsageError(f"--history {folder}: {error}") from None


def do_merge(options: Namespace) -> Status:
    paths = [path / "report.json" if path.is_dir() else path for path in options.reports]
    out, told = writable(options.out), Gathering()
    _check_history(options.history)
    if any(path.resolve().parent == out.resolve() for path in paths):
        raise UsageError(f"--out {out} is where one of the reports lies; another folder would be right")
    try:
        suffix, *_ = [suffix for path in paths for suffix in _readable(path, lambda one: [suffix_of(one)])]
        both: tuple[Consumer, ...] = (Files(out, suffix=suffix, told=told, history=options.history),
                                      Terminal(sys.stdout, suffix=suffix, told=told))
        events = merged(paths)
        first = next(events)
        with contextlib.ExitStack() as stack:
            consumers = [stack.enter_context(consumer) for consumer in both]
            for event in itertools.chain([first], events):
                told.feed(event)
                _feed(consumers, event)
    except ValueError as error:
        raise UsageError(str(error)) from None
    _say_trend(options.history, told.results())
    return status_of(grade for grade, count in told.grades.items() if count)


def do_judge(options: Namespace) -> Status:
    """One case at a time is in memory: what is kept of each is its verdict, then and now."""
    before: list[Verdict] = []

    def again() -> Iterator[Judged]:
        for one in _stored(options.report):
            before.append(one.verdict)
            yield for_pair(replace(one, verdict=judge(one.case, one.seen)))

    judged, changed = judge_pairs(again()), 0
    for one, was in zip(judged, before, strict=True):
        now = one.verdict
        if (now.outcome, now.grade) != (was.outcome, was.grade):
            changed += 1
            print(f"{format_case(one.case)}: {now.outcome}, {now.grade}; the report says {was.outcome}, {was.grade}")
    print(f"{len(judged)} cases judged again, {changed} verdicts changed")
    return status_of(one.verdict.grade for one in judged)


def _lines(path: Path) -> list[Line]:
    return list(map(line_of, _stored(path)))


def _stored(path: Path) -> Iterator[Judged]:
    """The cases of a report, one at a time."""
    return _readable(path, read_cases)


def _readable(path: Path, read: Callable[[Path], Iterable[T]]) -> Iterator[T]:
    """What ``read`` finds in a report or in its folder; what is no report is wrong usage."""
    path = path / "report.json" if path.is_dir() else path
    try:
        yield from read(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; the report.json of a sweep, or its folder, would be right") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


COMMANDS: dict[str, Callable[[Namespace], Status]] = {
    "sweep": do_sweep,
    "check": do_check,
    "run": do_run,
    "repro": do_repro,
    "sites": do_sites,
    "plan": do_plan,
    "compare": do_compare,
    "judge": do_judge,
    "merge": do_merge,
}
