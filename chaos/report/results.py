"""What a sweep said, gathered from its events into one value. It writes nothing and judges nothing.

A finished case is a ``Line`` here, some hundred bytes: its logs and stacks, which can be megabytes, are wherever they
were written down, and whoever shows them asks an ``Evidence`` for one case at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol, TypeVar, assert_never

from chaos.calls import is_call
from chaos.caseid import format_case, parse_case
from chaos.catalog import Area, doc_of
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
from chaos.known import NOTHING_KNOWN, Entry, Known, Settled, settled
from chaos.model import Case, Ending, Grade, Judged, Observation, Outcome, Phase, Variant, Verdict
from chaos.report.safetext import one_line

T = TypeVar("T")

PROMISE_ORDER = (
    "ends",
    "status",
    "cause",
    "nobody-left",
    "nothing-held",
    "gives-up",
    "ready-means-ready",
    "full-strength",
    "recovers",
    "stops-when-told",
    "keeps-secrets",
    "stays-in-bounds",
    "same-on-both-backends",
)
"""The order of the contract; the last one only says that another case differs, so any other reason is told first."""

MOST_TELLING: Mapping[Outcome, str] = {
    Outcome.FALSE_SUCCESS: "status",
    Outcome.RESPAWN_LOOP: "gives-up",
    Outcome.DEGRADED: "full-strength",
    Outcome.KILLED: "status",
    Outcome.SILENT_EXIT: "cause",
}
"""The promise whose reason explains an outcome, where that is not the first one in the order of the contract."""


@dataclass(frozen=True, slots=True)
class Line:
    """A judged case without its evidence: what a table, a matrix and a list of findings need to know of it.

    ``promises``: those it broke, in the order of the contract; ``why``: the reason in one sentence, "" for a plain pass;
    ``sites``: where a fault happened, ``fired``: how often, ``phase``: when it was the first time; ``serving_roles``: as in
    ``Expectation``; ``known``: the line of known findings that excuses it.
    """

    case_id: str
    case: Case
    outcome: Outcome
    grade: Grade
    promises: tuple[str, ...]
    why: str
    ending: Ending
    elapsed_s: float
    ready_s: float | None
    fired: int
    sites: tuple[str, ...]
    stopped_watching: str
    harness: str
    started_as: str
    phase: Phase | None
    serving_roles: tuple[str, ...]
    known: Entry | None = None


class Evidence(Protocol):
    """Everything about one case, read back from where it was written down."""

    def judged(self, line: Line) -> Judged: ...

    def data(self, line: Line) -> tuple[Verdict, dict[str, Any], dict[str, Any] | None]:
        """Its verdict, and what was seen (and beside) as ``codec`` writes it: what is only copied need not be read."""
        ...


def line_data(line: Line) -> dict[str, Any]:
    """What a comparison says of one half."""
    return {"outcome": line.outcome.value, "verdict": line.grade.value, "elapsed_s": line.elapsed_s, "why": line.why}


def line_of(judged: Judged) -> Line:
    seen, verdict = judged.seen, judged.verdict
    return Line(
        format_case(judged.case), judged.case, verdict.outcome, verdict.grade, promises_of(verdict),
        _reason(verdict, seen.harness), seen.ending, seen.elapsed_s, ready_after_s(seen), len(seen.fired),
        tuple(dict.fromkeys(firing.site for firing in seen.fired)), seen.stopped_watching, seen.harness, seen.started_as,
        seen.fired[0].phase if seen.fired else None, seen.expected.serving_roles,
    )  # fmt: skip


def rejudged(line: Line, verdict: Verdict) -> Line:
    return replace(
        line, outcome=verdict.outcome, grade=verdict.grade, promises=promises_of(verdict),
        why=_reason(verdict, line.harness),
    )  # fmt: skip


def ready_after_s(seen: Observation) -> float | None:
    """Seconds to the first READY=1 or, for a target that announces nothing, to serving; None: neither happened."""
    return seen.ready_s if seen.ready_s is not None else seen.served_s


def promises_of(verdict: Verdict) -> tuple[str, ...]:
    return tuple(sorted({broken.promise for broken in verdict.broken}, key=promise_rank))


def promise_rank(promise: str) -> int:
    """Its place in the contract; a promise that is not there yet comes last."""
    return PROMISE_ORDER.index(promise) if promise in PROMISE_ORDER else len(PROMISE_ORDER)


def why(judged: Judged) -> str:
    """The reason in one sentence: the broken promise that says most, with its evidence, else what the verdict notes."""
    return _reason(judged.verdict, judged.seen.harness) or f"ended as {judged.verdict.outcome}"


def _reason(verdict: Verdict, harness: str) -> str:
    telling = MOST_TELLING.get(verdict.outcome)
    broken = sorted(verdict.broken, key=lambda b: (b.promise != telling, promise_rank(b.promise)))
    if broken:
        return one_line(f"{broken[0].promise}: {broken[0].because}")
    if harness or verdict.note:
        return one_line(harness or verdict.note)
    return "" if verdict.grade is Grade.PASS else f"ended as {verdict.outcome}"


# --- gathering -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that a sweep said up to now. ``cases``: judged, sorted by id, so that two runs compare line by line.

    ``elapsed_s`` None: the sweep never said that it ended, so something tore it down; that counts as interrupted.
    """

    started: SweepStarted
    variants: tuple[Variant, ...] = ()
    planned: tuple[str, ...] = ()
    cases: tuple[Line, ...] = ()
    elapsed_s: float | None = None
    interrupted: bool = False
    known: Known = NOTHING_KNOWN

    @property
    def is_whole(self) -> bool:
        """Whether every case that there is ran: what is missing then fails no more."""
        return not (self.started.part or self.not_run or self.cut_short)

    @property
    def cut_short(self) -> bool:
        """Whether it could not run its cases: it was interrupted, or a start without any fault is not healthy."""
        return self.interrupted or bool(self.unhealthy_baselines)

    @property
    def shards(self) -> tuple[str, ...]:
        """Which shards of the plan these are, where not all of them are here: ``1/4``."""
        return tuple(option.removeprefix(SHARD) for option in self.started.part if option.startswith(SHARD))

    @property
    def settled(self) -> tuple[Settled, ...]:
        """What this run says about each line of the known findings."""
        return settled(self.known, self.cases, whole=self.is_whole) if self.known.entries else ()

    @property
    def not_run(self) -> tuple[str, ...]:
        """The ids of planned cases that were not finished, in the order in which they would have run."""
        finished = {line.case_id for line in self.cases}
        return tuple(case_id for case_id in self.planned if case_id not in finished)

    @property
    def unhealthy_baselines(self) -> tuple[Judged, ...]:
        return tuple(v.baseline for v in self.variants if v.baseline.verdict.grade is not Grade.PASS)


class Gathering:
    """Folds events into ``Results``, a line a case. Every report of a sweep can read from the same one."""

    def __init__(self, known: Known = NOTHING_KNOWN) -> None:
        self._known = known
        self._started: SweepStarted | None = None
        self._variants: list[Variant] = []
        self._planned: tuple[str, ...] = ()
        self._lines: dict[str, Line] = {}
        self._grades: Counter[Grade] = Counter()
        self._finished: SweepFinished | None = None
        self._same: dict[Any, Any] = {}

    def feed(self, event: Event) -> None:
        match event:
            case SweepStarted():
                self._started = event
            case VariantReady(variant):
                self._variants.append(variant)
            case Planned(case_ids):
                self._planned = case_ids
            case CaseFinished(judged):
                self._keep(line_of(judged))
            case CaseRejudged(case, verdict):
                self._keep(rejudged(self._lines[format_case(case)], verdict))
            case SweepFinished():
                self._finished = event
            case CaseStarted():
                pass
            case _:
                assert_never(event)

    def _keep(self, line: Line) -> None:
        """What many lines have in common is held once: a sweep has a hundred thousand cases and a dozen endings."""
        known = self._lines.get(line.case_id)
        if known is not None:
            self._grades[known.grade] -= 1
        self._grades[line.grade] += 1
        self._lines[line.case_id] = replace(
            line, promises=self._one(line.promises), why=self._one(line.why), ending=self._one(line.ending),
            sites=self._one(line.sites), stopped_watching=self._one(line.stopped_watching),
            harness=self._one(line.harness), started_as=self._one(line.started_as),
            serving_roles=self._one(line.serving_roles), known=self._known.excuse(line),
        )  # fmt: skip

    def _one(self, value: T) -> T:
        same: T = self._same.setdefault(value, value)
        return same

    def line(self, case_id: str) -> Line | None:
        """A case that has finished, as it is judged now."""
        return self._lines.get(case_id)

    @property
    def grades(self) -> Mapping[Grade, int]:
        """How many cases have each verdict, without counting them again."""
        return {grade: self._grades[grade] for grade in Grade}

    @property
    def done(self) -> int:
        return len(self._lines)

    @property
    def variants(self) -> tuple[Variant, ...]:
        return tuple(self._variants)

    def results(self) -> Results | None:
        """What was said; None where nothing has started: there is nothing to report, and an older report stays."""
        if self._started is None:
            return None
        return Results(
            self._started,
            tuple(self._variants),
            self._planned,
            tuple(self._lines[case_id] for case_id in sorted(self._lines)),
            self._finished.elapsed_s if self._finished else None,
            self._finished.interrupted if self._finished else True,
            self._known,
        )


# --- figures -------------------------------------------------------------------------------------------------------


def by_grade(cases: Iterable[Line]) -> Mapping[Grade, int]:
    """How many cases have each verdict; every verdict is there, at 0 if need be, so that two summaries compare."""
    counted = Counter(line.grade for line in cases)
    return {grade: counted[grade] for grade in Grade}


def by_outcome(cases: Iterable[Line]) -> Mapping[Outcome, int]:
    counted = Counter(line.outcome for line in cases)
    return {outcome: counted[outcome] for outcome in Outcome}


def sites_found(variants: Iterable[Variant]) -> tuple[str, ...]:
    """The names of the sites that good starts reached, in the order of the start, over all variants.

    Variants differ (only some fork), so their orders are merged by insertion: a site that an earlier variant did not
    reach goes right behind the one that it followed. Times would be simpler, and would shuffle rows from run to run.
    """
    order: list[str] = []
    known: set[str] = set()
    for variant in variants:
        place = 0
        for name in dict.fromkeys(site.name for site in sorted(variant.sites, key=lambda site: site.at_s)):
            if name in known:
                there = place < len(order) and order[place] == name     # nearly always: thousands of calls, in one order
                place = (place if there else order.index(name)) + 1
            else:
                order.insert(place, name)
                known.add(name)
                place += 1
    return tuple(order)


def sites_fired(cases: Iterable[Line]) -> frozenset[str]:
    """The names of the sites at which at least one fault really happened."""
    return frozenset(site for line in cases for site in line.sites)


def planned_sites(results: Results) -> tuple[str, ...]:
    """The sites of all planned cases, each once."""
    cases = chain((line.case for line in results.cases), map(parse_case, results.not_run))
    return tuple(dict.fromkeys(fault.site for case in cases for fault in case.faults))


def coverage(found: Iterable[str], planned: Sequence[str], fired: Collection[str]) -> str:
    """How many sites met a fault: of those that good starts (``found``) came by, if any was planned there, and of the other
    planned ones, which no start shows: the wire and the broker, and what is put in place. "" where there is neither."""
    usual = [site for site in found if not is_call(site)]
    others = [site for site in planned if site not in usual and not is_call(site)]
    areas = dict.fromkeys(doc.area if (doc := doc_of(site)) else Area.OWN for site in others)
    parts = []
    if usual and not (others and set(planned).isdisjoint(usual)):
        parts.append(f"{_share(usual, fired)} of the {_sites(len(usual))} of a good start")
    if others:
        beside = "other " if parts else ""
        parts.append(f"{_share(others, fired)} of the {_sites(len(others), beside)} in the plan "
                     f"({', '.join(areas)})")
    return f"faults fired at {', and at '.join(parts)}" if parts else ""


def _share(sites: Collection[str], fired: Collection[str]) -> int:
    return sum(site in fired for site in sites)


def _sites(count: int, which: str = "") -> str:
    return f"{count} {which}site{'' if count == 1 else 's'}"
