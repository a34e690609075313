"""What a sweep said, gathered from its events into one value. It writes nothing and judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from chaos.caseid import format_case
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
from chaos.model import Grade, Judged, Observation, Outcome, Variant


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that a sweep said up to now. ``cases``: judged, sorted by id, so that two runs compare line by line.

    ``elapsed_s`` None: the sweep never said that it ended, so something tore it down; that counts as interrupted.
    """

    started: SweepStarted
    variants: tuple[Variant, ...] = ()
    planned: tuple[str, ...] = ()
    cases: tuple[Judged, ...] = ()
    elapsed_s: float | None = None
    interrupted: bool = False

    @property
    def not_run(self) -> tuple[str, ...]:
        """The ids of planned cases that were not finished, in the order in which they would have run."""
        finished = {format_case(judged.case) for judged in self.cases}
        return tuple(case_id for case_id in self.planned if case_id not in finished)

    @property
    def unhealthy_baselines(self) -> tuple[Judged, ...]:
        return tuple(v.baseline for v in self.variants if v.baseline.verdict.grade is not Grade.PASS)


class Gathering:
    """Folds events into ``Results``. ``keep`` says what is needed of a finished case: its logs may be large."""

    def __init__(self, keep: Callable[[Judged], Judged] = lambda judged: judged) -> None:
        self._keep = keep
        self._started: SweepStarted | None = None
        self._variants: list[Variant] = []
        self._planned: tuple[str, ...] = ()
        self._judged: dict[str, Judged] = {}
        self._finished: SweepFinished | None = None

    def feed(self, event: Event) -> None:
        match event:
            case SweepStarted():
                self._started = event
            case VariantReady(variant):
                self._variants.append(variant)
            case Planned(case_ids):
                self._planned = case_ids
            case CaseFinished(judged) | CaseRejudged(judged):
                self._judged[format_case(judged.case)] = self._keep(judged)
            case SweepFinished():
                self._finished = event
            case CaseStarted():
                pass
            case _:
                assert_never(event)

    def results(self) -> Results | None:
        """What was said; None where nothing has started: there is nothing to report, and an older report stays."""
        if self._started is None:
            return None
        return Results(
            self._started,
            tuple(self._variants),
            self._planned,
            tuple(self._judged[case_id] for case_id in sorted(self._judged)),
            self._finished.elapsed_s if self._finished else None,
            self._finished.interrupted if self._finished else True,
        )


def keep_failures(judged: Judged) -> Judged:
    """A case that passed without its evidence, any other in full: what JUnit and HTML show."""
    return without_evidence(judged) if judged.verdict.grade is Grade.PASS else judged


def without_evidence(judged: Judged) -> Judged:
    """The case with its verdict, how it ended and what fired: a line of a table."""
    return replace(judged, seen=_ending_only(judged.seen))


def verdict_only(judged: Judged) -> Judged:
    """What a terminal needs once a case was told: of the firings, which can be thousands, one a site."""
    seen = _ending_only(judged.seen)
    return replace(judged, seen=replace(seen, fired=tuple({firing.site: firing for firing in seen.fired}.values())))


def _ending_only(seen: Observation) -> Observation:
    return Observation(
        ending=seen.ending,
        elapsed_s=seen.elapsed_s,
        limits=seen.limits,
        expected=seen.expected,
        stopped_watching=seen.stopped_watching,
        fired=seen.fired,
        ready_s=seen.ready_s,
        served_s=seen.served_s,
        harness=seen.harness,
    )


# --- figures -------------------------------------------------------------------------------------------------------


def by_grade(cases: Iterable[Judged]) -> Mapping[Grade, int]:
    """How many cases have each verdict; every verdict is there, at 0 if need be, so that two summaries compare."""
    counted = Counter(judged.verdict.grade for judged in cases)
    return {grade: counted[grade] for grade in Grade}


def by_outcome(cases: Iterable[Judged]) -> Mapping[Outcome, int]:
    counted = Counter(judged.verdict.outcome for judged in cases)
    return {outcome: counted[outcome] for outcome in Outcome}


def sites_found(variants: Iterable[Variant]) -> tuple[str, ...]:
    """The names of the sites that good starts reached, in the order of the start, over all variants.

    Variants differ (only some fork), so their orders are merged by insertion: a site that an earlier variant did not
    reach goes right behind the one that it followed. Times would be simpler, and would shuffle rows from run to run.
    """
    order: list[str] = []
    for variant in variants:
        place = 0
        for name in dict.fromkeys(site.name for site in sorted(variant.sites, key=lambda site: site.at_s)):
            if name in order:
                place = order.index(name) + 1
            else:
                order.insert(place, name)
                place += 1
    return tuple(order)


def sites_fired(cases: Iterable[Judged]) -> frozenset[str]:
    """The names of the sites at which at least one fault really happened."""
    return frozenset(firing.site for judged in cases for firing in judged.seen.fired)
