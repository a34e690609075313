"""The main job as a stream of events: baselines, plan, cases, verdicts. Reads like a sweep is told; prints nothing."""

from __future__ import annotations

import fnmatch
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chaos.calls import is_call
from chaos.caseid import format_case
from chaos.catalog import SYSCALL
from chaos.confirm import confirmed, to_confirm, warmth
from chaos.discover import sites_of, steady, with_calls
from chaos.events import (
    SHARD,
    CaseFinished,
    CaseRejudged,
    CaseStarted,
    Event,
    Planned,
    SweepFinished,
    SweepStarted,
    VariantReady,
)
from chaos.feed import Feed
from chaos.installed import versions_of
from chaos.judge import for_pair, judge, judge_pair
from chaos.model import Case, Grade, Judged, Observation, Variant, Warm
from chaos.pairs import pairs_of, serving_in
from chaos.plan import SYSCALLS, Profile, plan, second_faults
from chaos.prepare import Timing, request_for, warmed
from chaos.runner.launch import tracer
from chaos.runner.request import Request, Runs
from chaos.target import Target

TRACED_RUNS = 2


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
    cold: bool = False
    shard: tuple[int, int] = (1, 1)
    """Which part of the plan, of how many; the parts of one plan are the same on every machine."""
    transport: str | None = None
    """As it stands in a case id; None: the target's own."""
    breaks_broker: bool = True
    """Whether the broker is a private one."""
    extra_sites: tuple[str, ...] = ()
    """Sites in the target's own code that were named."""
    untold: tuple[str, ...] = ()
    """Sites at which the target would not notice what is put in place: no case of them is planned."""

    @property
    def part(self) -> tuple[str, ...]:
        """The options that leave cases out, as they were typed."""
        number, count = self.shard
        return (*(f"--only {glob}" for glob in self.only),
                *([f"--backend {','.join(self.backends)}"] if self.backends else []),
                *([f"--workers {','.join(map(str, self.workers))}"] if self.workers else []),
                *([f"{SHARD}{number}/{count}"] if count > 1 else []))

    def finds_all(self, target: Target) -> bool:
        """Whether a good start is to show every named site: in a thorough profile, and of a launcher that has no backend,
        which comes by few of the usual ones."""
        return self.thorough or target.backends == ("-",)

    @property
    def thorough(self) -> bool:
        return self.profile is Profile.FULL or self.profile.exhaustive


def variants_of(target: Target, options: Options) -> tuple[Case, ...]:
    """The baseline cases of every way to start the target that the options ask for."""
    return tuple(Case(target.name, backend, workers, (), options.transport) for backend in options.backends or target.backends
                 for workers in options.workers or target.workers)


def run_baselines(pool: Runs, target: Target, cases: Iterable[Case], timing: Timing, *,
                  thorough: bool = False, exhaustive: bool = False, warm: bool = False) -> Iterator[Variant]:
    """Start each without a fault. What a good start looks like, and which sites it has, is learnt here.

    ``warm``: each is started once more, warm, from what the first start imported, and the two are compared.
    ``exhaustive``: each is started twice more, traced, which is slow and therefore not what a good start looks like.
    """
    for variant in _baselines(pool, target, cases, timing, thorough=thorough, warm=warm):
        if healthy(variant) and not variant.baseline.seen.expected.speaks and tracer():
            variant = _with_syscalls(pool, target, variant, timing)
        if exhaustive and healthy(variant):
            traced = [request_for(target, variant.baseline.case, timing, None, exhaustive=True)] * TRACED_RUNS
            variant = with_calls(variant, tuple(seen for _, seen in pool.run(traced) if seen is not None))
        yield variant


def _baselines(pool: Runs, target: Target, cases: Iterable[Case], timing: Timing, *,
               thorough: bool, warm: bool) -> list[Variant]:
    """A warm start follows as soon as the cold one has shown what to import ahead."""
    requests = [request_for(target, case, timing, None, thorough=thorough, learns=warm) for case in cases]
    found = dict[Case, Variant]()
    feed = Feed(requests)
    for request, seen in pool.run(feed):
        if seen is None:
            continue
        if request.ahead:
            found[request.case] = _with_warmth(found[request.case], request, seen)
            continue
        variant = found[request.case] = _variant(request, seen)
        if warm and healthy(variant) and seen.ahead:
            again = request_for(target, request.case, timing, seen.expected, thorough=thorough)
            said = (f"said\t{line}" for line in seen.output.splitlines())
            feed.run_again(replace(again, ahead=pool.remember((*seen.ahead, *said))))
    return [found[request.case] for request in requests]


def _with_syscalls(pool: Runs, target: Target, variant: Variant, timing: Timing) -> Variant:
    """The variant with the calls of the kernel that a good start makes below strace: a run more, for it is slower there."""
    request = request_for(target, variant.baseline.case, timing, variant.baseline.seen.expected)
    traced = pool.run_one(replace(request, traces=tuple(dict.fromkeys(name for name, _ in SYSCALLS))))
    return replace(variant, sites=(*variant.sites, *(site for site in sites_of(traced) if site.name.startswith(SYSCALL))))


def _variant(request: Request, seen: Observation) -> Variant:
    judged = Judged(request.case, replace(seen, ahead=()), judge(request.case, seen))
    variant = Variant(judged, sites_of(seen))
    return replace(variant, warm=Warm(because="its processes did not say what they import")) if request.learns else variant


def _with_warmth(variant: Variant, request: Request, seen: Observation) -> Variant:
    """The variant with what is known of its warm starts, of which ``seen`` is the first."""
    judged = Judged(request.case, seen, judge(request.case, seen))
    sites = steady(variant.sites, seen) if judged.verdict.grade is Grade.PASS else variant.sites
    return replace(variant, sites=sites, warm=warmth(variant.baseline, judged, request.ahead))


def healthy(variant: Variant) -> bool:
    return variant.baseline.verdict.grade is Grade.PASS


def sweep(target: Target, options: Options, pool: Runs) -> Iterator[Event]:
    """Everything, in order. Ends after the baselines when one of them is not healthy: nothing is injected then."""
    began = time.monotonic()
    yield SweepStarted(target.command, options.seed, options.jobs, options.profile.value, versions_of(target), options.part)
    variants = []
    exhaustive = options.profile.exhaustive
    for variant in run_baselines(pool, target, variants_of(target, options), options.timing,
                                 thorough=options.finds_all(target),
                                 exhaustive=exhaustive, warm=not options.cold):
        variants.append(variant)
        yield VariantReady(variant)
    if all(map(healthy, variants)):
        yield from _run_plan(target, options, pool, variants)
    yield SweepFinished(time.monotonic() - began)


def _run_plan(target: Target, options: Options, pool: Runs, variants: Sequence[Variant]) -> Iterator[Event]:
    """The planned cases; then, in a thorough sweep, those with a second fault in the clean-up that the first brought."""
    of_case = {(one.baseline.case.backend, one.baseline.case.workers): one for one in variants}

    def variant(case: Case) -> Variant:
        return of_case[case.backend, case.workers]

    good = {key: request_for(target, one.baseline.case, options.timing, one.baseline.seen.expected,
                             thorough=options.thorough) for key, one in of_case.items()}

    def prepared(case: Case) -> Request:
        expected = variant(case).baseline.seen.expected
        request = request_for(target, case, options.timing, expected, thorough=options.thorough)
        return warmed(request, good[case.backend, case.workers], variant(case).warm)

    named = {key: replace(one, sites=tuple(site for site in one.sites if not is_call(site.name)))
             for key, one in of_case.items()}       # a second fault is never at a traced call, and there may be thousands
    cases, seconds = planned(variants, options), dict[Case, None]()
    yield Planned(tuple(map(format_case, cases)))
    serving = serving_in(variants)
    for event in run_cases(pool, map(prepared, cases), options.seed, pairs_of(cases, serving)):
        yield event
        if options.thorough and isinstance(event, CaseFinished):
            case = event.judged.case
            seconds.update(dict.fromkeys(second_faults(event.judged, named[case.backend, case.workers])))
    if seconds:
        yield Planned(tuple(map(format_case, (*cases, *seconds))))
        yield from run_cases(pool, map(prepared, seconds), options.seed, pairs_of(seconds, serving))


def planned(variants: Iterable[Variant], options: Options) -> list[Case]:
    """Every case of the plan that ``--only`` lets through. Raises nothing: an empty plan is the caller's to explain."""
    cases = [case for variant in variants for case in plan(variant, options.profile, is_ours=options.breaks_broker,
                                                                extra=options.extra_sites)]
    return [case for case in cases if wanted(case, options.only) and _ours(case, options.shard)
            and not any(fault.site in options.untold for fault in case.faults)]


def _ours(case: Case, shard: tuple[int, int]) -> bool:
    """Stable: it asks the id alone. Both backends of a case are in one shard, so that they are judged as a pair there; with
    one worker whatever the role, for the launcher of the one may play the part that a worker has in the other."""
    number, count = shard
    if count == 1:
        return True
    faults = tuple(replace(fault, role=None) for fault in case.faults) if case.workers == 1 else case.faults
    text = format_case(replace(case, backend="-", faults=faults))
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) % count == number - 1


def wanted(case: Case, only: Sequence[str]) -> bool:
    """Whether ``--only`` lets it through. Its id, which takes time, is made only where there are globs."""
    return not only or any(fnmatch.fnmatchcase(format_case(case), glob) for glob in only)


def run_cases(pool: Runs, requests: Iterable[Request], seed: int, pairs: Mapping[Case, Case]) -> Iterator[Event]:
    """Run and judge. A warm verdict that is not a plain pass, and a share of those, is said when a cold run has confirmed
    it; a pair of backends is judged as a pair once both are known."""
    waiting: dict[Case, Judged] = {}
    held: dict[Case, Judged] = {}
    feed = Feed(requests)
    for request, seen in pool.run(feed):
        if seen is None:
            if request.case not in held:
                yield CaseStarted(request.case_id)
            continue
        feed.note(request.case, seen.elapsed_s)
        judged = Judged(request.case, seen, judge(request.case, seen))
        if request.case in held:
            judged = confirmed(held.pop(request.case), judged)
        elif to_confirm(judged, seed):
            held[request.case] = judged
            feed.run_again(replace(request, ahead="", cold_because="it confirms a warm run"))
            continue
        yield CaseFinished(judged)
        yield from as_pair(pairs, waiting, judged)


def as_pair(pairs: Mapping[Case, Case], waiting: dict[Case, Judged], judged: Judged) -> Iterator[Event]:
    """What this case and its twin on the other backend say of each other, once both are known."""
    if judged.case not in pairs:
        return
    twin = waiting.pop(pairs[judged.case], None)
    if twin is None:
        waiting[judged.case] = for_pair(judged)
        return
    for before, after in zip((twin, judged), judge_pair(twin, judged), strict=True):
        if after.verdict != before.verdict:
            yield CaseRejudged(after.case, after.verdict)
