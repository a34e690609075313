"""``chaos check``, ``chaos run`` and ``chaos repro``: some cases, told one by one."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from chaos.caseid import format_case
from chaos.catalog import SYSCALL
from chaos.commands.asked import (
    NOT_OURS,
    case_and_target,
    is_missing,
    not_ours,
    options_of,
    pool_on,
    say_not_run,
    target_of,
    timing_of,
    writable,
)
from chaos.commands.excusing import excused, known_of, say_known, status_with
from chaos.commands.exporting import do_export
from chaos.commands.holding import hold, looked_into, say_nothing_to_hold
from chaos.commands.shown import say_case, say_unhealthy, width, write_cases
from chaos.commands.status import Status, status_of
from chaos.errors import MissingPart, UsageError
from chaos.judge import judge
from chaos.known import Known
from chaos.model import Case, Grade, Judged
from chaos.prepare import request_for
from chaos.report.explain import explain
from chaos.report.jsonfile import read_cases
from chaos.report.results import line_of
from chaos.runner.launch import tracer
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.sweep import healthy, run_baselines, variants_of
from chaos.target import Target
from chaos.transport import RABBIT, kind_of
from chaos.typed import case_of


def do_check(options: Namespace) -> Status:
    target = target_of(options)
    asked = options_of(options, target)
    cases = variants_of(target, asked)
    if not asked.backends and not asked.workers:
        cases = cases[:1]
    if is_missing(options, cases):
        return Status.INCONCLUSIVE
    out = options.out and writable(options.out)
    with pool_on(options.transport) as pool:
        variants = list(run_baselines(pool, target, cases, replace(asked.timing, boot_s=options.deadline)))
    for variant in variants:
        say_case(variant.baseline, target)
    if out is not None:
        write_cases(out, target, [variant.baseline for variant in variants])
    status = status_of(variant.baseline.verdict.grade for variant in variants)
    silent = any(variant.baseline.seen.expected.silent for variant in variants)
    return Status.INCONCLUSIVE if silent and status is Status.PASS else status


def do_run(options: Namespace) -> Status:
    known = known_of(options)
    judged, status = run_cases(options, lambda: options.out and writable(options.out))
    for one, target in judged:
        say_case(one, target)
    if options.out is not None and judged:
        write_cases(options.out, judged[0][1], [one for one, _ in judged])
    return _with_known(known, [one for one, _ in judged]) if judged and known.entries else status


def do_repro(options: Namespace) -> Status:
    if options.export:
        return do_export(options)
    before, known = stored_case(options.out, case_of(options.case_ids[0])), known_of(options)
    with cases_run(options, adapted=lambda pool, request: looked_into(options, pool, request)) as (judged, status, pool):
        if not judged:
            return status
        one, target = judged[0]
        print(explain(one, suffix=target.options, width=width()), end="\n\n")
        word, status = reproduced(one, before)
        print(word)
        if pool.holds:
            hold(pool, one.seen, options.hold_s)
        elif options.hold:
            say_nothing_to_hold(one.seen)
    return _with_known(known, [one]) if status is Status.FAIL and known.entries else status


def _with_known(known: Known, judged: Sequence[Judged]) -> Status:
    lines = excused(known, map(line_of, judged))
    return status_with(lines, say_known(known, lines))


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


def stored_case(out: Path, case: Case) -> Judged | None:
    try:
        return next((one for one in read_cases(out / "report.json") if one.case == case), None)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        print(f"chaos: {error}; there is nothing to compare with", file=sys.stderr)
        return None


def run_cases(options: Namespace, prepare: Callable[[], object] = bool) -> tuple[list[tuple[Judged, Target]], Status]:
    with cases_run(options, prepare) as (done, status, _):
        return done, status


Done = tuple[list[tuple[Judged, Target]], Status, Pool]


def _as_it_is(pool: Pool, request: Request) -> AbstractContextManager[Request]:
    return nullcontext(request)


@contextlib.contextmanager
def cases_run(options: Namespace, prepare: Callable[[], object] = bool, *,
              adapted: Callable[[Pool, Request], AbstractContextManager[Request]] = _as_it_is) -> Iterator[Done]:
    """Baselines first, to learn what a good start looks like here; then each case. An unhealthy baseline is told.

    ``prepare`` is called when everything that was typed makes sense, before anything is started; ``adapted`` surrounds the
    run of each case, and may change its request. The pool is left when this is: what it holds, it holds until then.
    """
    typed = [case_and_target(text, options) for text in options.case_ids]
    cases, targets = [case for case, _ in typed], {case.target: target for case, target in typed}
    if any(case.transport for case in cases):
        options.transport = options.transport if kind_of(options.transport) else RABBIT
        for case in cases:
            targets[case.target].must_take_transport(RABBIT)
        if is_missing(options, cases):
            yield [], Status.INCONCLUSIVE, Pool()
            return
    elif (transport := kind_of(options.transport)) is not None:
        on_it = format_case(replace(cases[0], transport=transport))
        raise UsageError(f"--transport: {options.case_ids[0]} runs on the target's own transport; {on_it} would be right")
    left_out = not_ours(options, cases)
    cases = [case for case in cases if case not in left_out]
    if any(fault.site.startswith(SYSCALL) for case in cases for fault in case.faults) and not tracer():
        raise MissingPart("strace is not on PATH, and a fault at a call of the kernel needs it")
    prepare()
    timing, done = timing_of(options), list[tuple[Judged, Target]]()
    with pool_on(options.transport) as pool:
        for case in cases:
            target = targets[case.target]
            base = Case(case.target, case.backend, case.workers, (), case.transport)
            variant = next(iter(run_baselines(pool, target, [base], timing)))
            if not case.faults:
                done.append((variant.baseline, target))
                continue
            if not healthy(variant):
                yield [], say_unhealthy([variant], target), pool
                return
            with adapted(pool, request_for(target, case, timing, variant.baseline.seen.expected)) as request:
                seen = pool.run_one(request)
            done.append((Judged(case, seen, judge(case, seen)), target))
        say_not_run(NOT_OURS, left_out)
        grades = [*(judged.verdict.grade for judged, _ in done), *(Grade.UNKNOWN for _ in left_out)]
        yield done, status_of(grades), pool
