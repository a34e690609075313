"""What was typed, as values: the target, what a sweep covers, the pool that it needs, folders that can be written to."""

from __future__ import annotations

import contextlib
import os
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from chaos.caseid import format_case
from chaos.errors import MissingPart, UsageError
from chaos.model import Case
from chaos.plan import Profile
from chaos.prepare import Timing, breaks_node
from chaos.runner.pool import Pool
from chaos.sweep import Options
from chaos.target import Target, resolve
from chaos.transport import attached, is_private, kind_of, must_be_there
from chaos.typed import case_of, must_notice, target_pointed_at

JOBS_A_PROCESSOR = 2
"""A case waits for a third of its time, in pieces too short to begin another in: one each left the machine idle as long."""


def target_of(options: Namespace) -> Target:
    return target_called(options.target, options)


def target_called(name: str, options: Namespace) -> Target:
    """The target of that name, with all that was typed about it."""
    target = resolve(name, options.args, python=options.python, ready=tuple(options.ready), sites=tuple(options.site))
    times = (("--deadline", options.deadline, None), ("--grace", options.grace, Timing().grace_s))
    typed = (word for option, asked_s, usual_s in times if asked_s != usual_s for word in (option, f"{asked_s:g}"))
    return replace(target, typed_times=tuple(typed))


def case_and_target(text: str, options: Namespace) -> tuple[Case, Target]:
    """A case that was typed, and its target with all that was typed about it."""
    case = case_of(text)
    with target_pointed_at(text):
        target = target_called(case.target, options)
    target.must_be_told(case.backend, case.workers)
    must_notice(target, case.faults)
    return case, target


def timing_of(options: Namespace) -> Timing:
    return Timing(options.deadline, options.grace)


def options_of(options: Namespace, target: Target) -> Options:
    for backend in options.backend or ():
        target.must_be_told(backend=backend, dashes="--")
    for workers in options.workers or ():
        target.must_be_told(workers=workers, dashes="--")
    profile = Profile(getattr(options, "profile", Profile.DEFAULT))
    transport = kind_of(options.transport)
    if transport is not None:
        target.must_take_transport(options.transport if is_private(options.transport) else "a broker")
    elif options.transport is None and getattr(options, "require_rabbit", False) and target.takes_transport:
        raise MissingPart("--require-rabbit: the cases that need a broker are not run without one; --transport rabbit would "
                          "be right")
    return Options(options.backend, options.workers, profile, tuple(getattr(options, "only", ())),
                   _jobs(options), getattr(options, "seed", 0), timing_of(options),
                   getattr(options, "cold", False), getattr(options, "shard", (1, 1)), transport,
                   is_private(options.transport), target.extra_sites, target.untold)


def _jobs(options: Namespace) -> int:
    """Where it was not said, `JOBS_A_PROCESSOR` each; of a command that has no such option, one."""
    return getattr(options, "jobs", 1) or JOBS_A_PROCESSOR * (os.cpu_count() or 1)


@contextlib.contextmanager
def pool_on(transport: str | None, jobs: int = 1) -> Iterator[Pool]:
    """A pool, and beside it what the cases on ``transport`` need."""
    with attached(transport) as network, Pool(jobs, network) as pool:
        yield pool


def is_missing(options: Namespace, cases: Iterable[Case]) -> bool:
    """Whether a part is missing that ``cases`` need, which are then listed. Raises MissingPart with --require-rabbit."""
    try:
        must_be_there(options.transport)
    except MissingPart as missing:
        if options.require_rabbit:
            raise
        say_not_run(str(missing), cases)
        return True
    return False


def say_not_run(why: str, cases: Iterable[Case]) -> None:
    """Each by name; nothing where there is none."""
    listed = [format_case(case) for case in cases]
    if listed:
        print("\n".join([f"not run: {why}", *listed, f"{len(listed)} cases were not run."]))


NOT_OURS = "these break the broker, and only a private one may be broken; --transport rabbit would be right"


def not_ours(options: Namespace, cases: Iterable[Case]) -> list[Case]:
    """Those of ``cases`` that would break a broker of the user's. Raises MissingPart for them with --require-rabbit."""
    if kind_of(options.transport) is None or is_private(options.transport):
        return []
    found = list(filter(breaks_node, cases))
    if found and options.require_rabbit:
        raise MissingPart(f"--require-rabbit: {len(found)} cases, such as {format_case(found[0])}, are not run: {NOT_OURS}")
    return found


def writable(out: Path, option: str = "--out") -> Path:
    """``--out`` (or another folder), made if need be and tried with a real file. Raises UsageError before anything is run."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            return out
    except OSError as error:
        raise UsageError(f"{option} {out}: {error.strerror or error}; a folder that can be written to would be right") \
            from None
