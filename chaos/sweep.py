"""The main job as a stream of events: baselines, plan, cases, verdicts. Reads like a sweep is told; prints nothing."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chaos.caseid import format_case
from chaos.discover import sites_of, with_calls
from chaos.events import (
    CaseFinished,
    CaseRejudged,
    CaseStarted,
    Event,
    Planned,
    SweepFinished,
    SweepStarted,
    VariantReady,
)
from chaos.judge import judge, judge_pair, pair_key
from chaos.model import Case, Expectation, Grade, Judged, Observation, Variant
from chaos.plan import Profile, plan, second_faults
from chaos.prepare import Timing, request_for
from chaos.runner.pool import Pool
from chaos.target import Target

TRACED_RUNS = 2
PACKAGES = ("oslo.service", "cotyledon", "oslo.messaging", "eventlet")


@dataclass(frozen=True, slots=True)
class Options:
    """What a sweep covers. Empty ``backends`` or ``workers``: those of the target."""

    backends: tuple[str, ...] = ()
    workers: tuple[int, ...] = ()
    profile: Profile = Profile.DEFAULT
    only: tuple[str, ...] = ()
    jobs: int = 1
    seed: int = 0
    timing: Timing = field(default_factory=Timing)

    @property
    def thorough(self) -> bool:
        return self.profile in (Profile.FULL, Profile.NIGHTLY)


def variants_of(target: Target, options: Options) -> tuple[Case, ...]:
    """The baseline cases of every way to start the target that the options ask for."""
    return tuple(Case(target.name, backend, workers) for backend in options.backends or target.backends
                 for workers in options.workers or target.workers)


def run_baselines(pool: Pool, target: Target, cases: Iterable[Case], timing: Timing, *,
                  thorough: bool = False, exhaustive: bool = False) -> Iterator[Variant]:
    """Start each without a fault. What a good start looks like, and which sites it has, is learnt here.

    ``exhaustive``: each is started twice more, traced, which is slow and therefore not what a good start looks like.
    """
    requests = [request_for(target, case, timing, None, thorough=thorough) for case in cases]
    done = {request.case: seen for request, seen in pool.run(requests) if seen is not None}
    for request in requests:
        seen = done[request.case]
        variant = Variant(Judged(request.case, seen, judge(request.case, seen)), sites_of(seen))
        if exhaustive and healthy(variant):
            traced = [request_for(target, request.case, timing, None, exhaustive=True)] * TRACED_RUNS
            variant = with_calls(variant, tuple(seen for _, seen in pool.run(traced) if seen is not None))
        yield variant


def healthy(variant: Variant) -> bool:
    return variant.baseline.verdict.grade is Grade.PASS


def sweep(target: Target, options: Options, pool: Pool) -> Iterator[Event]:
    """Everything, in order. Ends after the baselines when one of them is not healthy: nothing is injected then."""
    began = time.monotonic()
    yield SweepStarted(target.command, options.seed, options.jobs, options.profile.value, versions())
    variants = []
    for variant in run_baselines(pool, target, variants_of(target, options), options.timing,
                                 thorough=options.thorough, exhaustive=options.profile is Profile.NIGHTLY):
        variants.append(variant)
        yield VariantReady(variant)
    if all(map(healthy, variants)):
        yield from _run_plan(target, options, pool, variants)
    yield SweepFinished(time.monotonic() - began)


def _run_plan(target: Target, options: Options, pool: Pool, variants: Sequence[Variant]) -> Iterator[Event]:
    """The planned cases; then, in a thorough sweep, those with a second fault in the clean-up that the first brought."""
    of_case = {(one.baseline.case.backend, one.baseline.case.workers): one for one in variants}

    def variant(case: Case) -> Variant:
        return of_case[case.backend, case.workers]

    def expected(case: Case) -> Expectation:
        return variant(case).baseline.seen.expected

    cases, seconds = planned(variants, options), dict[Case, None]()
    yield Planned(tuple(map(format_case, cases)))
    for event in run_cases(pool, target, cases, options.timing, expected, thorough=options.thorough):
        yield event
        if options.thorough and isinstance(event, CaseFinished):
            seconds.update(dict.fromkeys(second_faults(event.judged, variant(event.judged.case))))
    if seconds:
        yield Planned(tuple(map(format_case, (*cases, *seconds))))
        yield from run_cases(pool, target, seconds, options.timing, expected, thorough=True)


def planned(variants: Iterable[Variant], options: Options) -> list[Case]:
    """Every case of the plan that ``--only`` lets through. Raises nothing: an empty plan is the caller's to explain."""
    cases = [case for variant in variants for case in plan(variant, options.profile)]
    return [case for case in cases if _wanted(format_case(case), options.only)]


def _wanted(case_id: str, only: Sequence[str]) -> bool:
    return not only or any(fnmatch.fnmatchcase(case_id, glob) for glob in only)


def run_cases(pool: Pool, target: Target, cases: Iterable[Case], timing: Timing,
              expected: Callable[[Case], Expectation], *, thorough: bool = False) -> Iterator[Event]:
    """Run and judge; a pair of backends is judged as a pair once both are known."""
    twins: dict[Case, Judged] = {}
    requests = (request_for(target, case, timing, expected(case), thorough=thorough) for case in cases)
    for request, seen in pool.run(requests):
        if seen is None:
            yield CaseStarted(request.case_id)
            continue
        judged = Judged(request.case, seen, judge(request.case, seen))
        yield CaseFinished(judged)
        twin = twins.pop(pair_key(judged.case), None)
        if twin is None:
            twins[pair_key(judged.case)] = judged
        else:
            yield from _as_pair(twin, judged)


def _as_pair(first: Judged, second: Judged) -> Iterator[Event]:
    for before, after in zip((first, second), judge_pair(first, second), strict=True):
        if after.verdict != before.verdict:
            yield CaseRejudged(after)



def versions() -> tuple[tuple[str, str], ...]:
    """The installed versions of the packages whose behaviour a sweep of an OpenStack launcher shows."""
    found = []
    for name in PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(found)


def observation_of(pool: Pool, target: Target, case: Case, timing: Timing, expected: Expectation) -> Observation:
    return pool.run_one(request_for(target, case, timing, expected))
