"""Groups bad cases by cause: what one repair would mend is one finding. Pure; it judges nothing again.

Forty cases that hang in the same place are one thing to read, not forty. Two cases have the same cause when the same
outcome and the same broken promises follow from the same kind of action at the same site. The role, the hit, the
exception's class, the worker count and the backend do not divide: they say how far a finding reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from chaos.caseid import format_case
from chaos.model import Case, Grade, Judged, Outcome
from chaos.report.safetext import one_line

WORST_FIRST = (
    Outcome.HARNESS_ERROR,
    Outcome.FALSE_SUCCESS,
    Outcome.HANG_PROVEN,
    Outcome.HANG_SUSPECTED,
    Outcome.LIVELOCK,
    Outcome.RESPAWN_LOOP,
    Outcome.DEGRADED,
    Outcome.RETRY_LOOP,
    Outcome.KILLED,
    Outcome.SILENT_EXIT,
)
"""Chaos's own fault first, since it makes every other line doubtful; then by how long an operator would not notice."""

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

ACTION_FAMILIES: Mapping[str, str] = {
    "refuse": "cut connection",
    "reset_peer": "cut connection",
    "slow_close": "cut connection",
    "limit_data": "cut connection",
    "blackhole": "silent connection",
    "timeout": "silent connection",
    "latency": "slow connection",
    "bandwidth": "slow connection",
    "slicer": "slow connection",
}
"""Network words that end in the same place of a client. Everything else is its own family: stall is not freeze."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Cases with one cause. ``shortest``: the one to run again; ``why``: its evidence, in one sentence."""

    outcome: Outcome
    grade: Grade
    promises: tuple[str, ...]
    site: str
    action: str
    why: str
    shortest: Judged
    cases: tuple[Judged, ...]

    @property
    def what(self) -> str:
        """One line: what happened, where, in how many cases and where those ran."""
        place = f"{self.site} {self.action}".strip() or "no fault"
        count = "1 case" if len(self.cases) == 1 else f"{len(self.cases)} cases"
        return f"{self.outcome}: {place}, {count} ({reach(judged.case for judged in self.cases)})"


def findings(cases: Iterable[Judged]) -> tuple[Finding, ...]:
    """What fails, and what chaos could not tell, worst first. A run that Ctrl-C cut short is no finding."""
    return _grouped(j for j in cases if j.verdict.grade in (Grade.FAIL, Grade.UNKNOWN) and not _cut_short(j))


def never_reached(cases: Iterable[Judged]) -> tuple[Finding, ...]:
    """The same for faults that never fired: they prove nothing, and must not be taken for green."""
    return _grouped(judged for judged in cases if judged.verdict.grade is Grade.UNREACHED)


def _cut_short(judged: Judged) -> bool:
    return judged.seen.stopped_watching == "interrupted"


def _grouped(cases: Iterable[Judged]) -> tuple[Finding, ...]:
    ordered = sorted(cases, key=lambda judged: (_cause(judged), _length(judged)))
    found = [_finding(tuple(group)) for _, group in groupby(ordered, key=_cause)]
    return tuple(sorted(found, key=_badness))


def _cause(judged: Judged) -> tuple[str, ...]:
    """Equal for cases that one repair would mend.

    Chaos's own errors have no place in the target, only a message; and what would have happened at a site does not
    matter where it was never reached.
    """
    verdict = judged.verdict
    if verdict.grade is Grade.UNREACHED:
        return (verdict.outcome, verdict.grade, _place(judged.case)[0], "")
    if verdict.outcome is Outcome.HARNESS_ERROR:
        return (verdict.outcome, verdict.grade, one_line(judged.seen.harness or verdict.note), "", "")
    return (verdict.outcome, verdict.grade, *_place(judged.case), *_promises(judged))


def _place(case: Case) -> tuple[str, str]:
    """Site and action family, of several faults joined by ``+``."""
    families = [ACTION_FAMILIES.get(fault.action, fault.action) for fault in case.faults]
    return "+".join(fault.site for fault in case.faults), "+".join(families)


def _promises(judged: Judged) -> tuple[str, ...]:
    return tuple(sorted({broken.promise for broken in judged.verdict.broken}, key=promise_rank))


def promise_rank(promise: str) -> int:
    """Its place in the contract; a promise that is not there yet comes last."""
    return PROMISE_ORDER.index(promise) if promise in PROMISE_ORDER else len(PROMISE_ORDER)


def _length(judged: Judged) -> tuple[int, int, int, str]:
    """How much there is to a case: the fewest faults and workers, then the shortest id, are easiest to think about."""
    case_id = format_case(judged.case)
    return len(judged.case.faults), judged.case.workers, len(case_id), case_id


def _finding(cases: tuple[Judged, ...]) -> Finding:
    shortest = cases[0]
    verdict = shortest.verdict
    site, family = _place(shortest.case)
    action = "" if verdict.grade is Grade.UNREACHED else family
    return Finding(verdict.outcome, verdict.grade, _promises(shortest), site, action, why(shortest), shortest, cases)


def _badness(finding: Finding) -> tuple[int, int, int, str, str]:
    """Sorts the worst first: by outcome, then by the promise, then by how many cases; the id makes it stable."""
    outcome = WORST_FIRST.index(finding.outcome) if finding.outcome in WORST_FIRST else len(WORST_FIRST)
    promise = min(map(promise_rank, finding.promises), default=len(PROMISE_ORDER))
    return outcome, promise, -len(finding.cases), finding.site, format_case(finding.shortest.case)


def why(judged: Judged) -> str:
    """The reason in one sentence: the broken promise that says most, with its evidence, else what the verdict notes."""
    telling = MOST_TELLING.get(judged.verdict.outcome)
    broken = sorted(judged.verdict.broken, key=lambda b: (b.promise != telling, promise_rank(b.promise)))
    if broken:
        return one_line(f"{broken[0].promise}: {broken[0].because}")
    return one_line(judged.seen.harness or judged.verdict.note or f"ended as {judged.verdict.outcome}")


def reach(cases: Iterable[Case]) -> str:
    """Where cases ran: ``eventlet w1 w2, threading w2``."""
    places = sorted({(case.backend, _workers(case)) for case in cases})
    by_backend = groupby(places, key=lambda place: place[0])
    return ", ".join(" ".join([_backend(name), *(workers for _, workers in group)]) for name, group in by_backend)


def _workers(case: Case) -> str:
    return f"w{case.workers}" + (f"-{case.transport}" if case.transport else "")


def _backend(name: str) -> str:
    return "no backend" if name == "-" else name
