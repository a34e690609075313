"""Groups bad cases by cause: what one repair would mend is one finding. Pure; it judges nothing again.

Forty cases that hang in the same place are one thing to read, not forty. Two cases have the same cause when the same
outcome and the same broken promises follow from the same kind of action at the same site. The role, the hit, the
exception's class, the worker count and the backend do not divide: they say how far a finding reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from chaos.known import Entry
from chaos.model import Case, Grade, Outcome
from chaos.report.results import PROMISE_ORDER, Line, promise_rank

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
    shortest: Line
    cases: tuple[Line, ...]

    @property
    def known(self) -> Entry | None:
        """The line of the known findings that excuses all its cases."""
        return self.shortest.known

    @property
    def what(self) -> str:
        """One line: what happened, where, in how many cases and where those ran."""
        place = f"{self.site} {self.action}".strip() or "no fault"
        count = "1 case" if len(self.cases) == 1 else f"{len(self.cases)} cases"
        return f"{self.outcome}: {place}, {count} ({reach(line.case for line in self.cases)})"


def findings(cases: Iterable[Line]) -> tuple[Finding, ...]:
    """What fails, and what chaos could not tell, worst first. A run that Ctrl-C cut short is no finding, nor is one that is
    known a new one."""
    return _grouped(line for line in cases if line.grade in (Grade.FAIL, Grade.UNKNOWN) and not _cut_short(line)
                    and line.known is None)


def known_findings(cases: Iterable[Line]) -> tuple[Finding, ...]:
    """What fails and is known to, worst first."""
    return _grouped(line for line in cases if line.known is not None)


def never_reached(cases: Iterable[Line]) -> tuple[Finding, ...]:
    """The same for faults that never fired: they prove nothing, and must not be taken for green."""
    return _grouped(line for line in cases if line.grade is Grade.UNREACHED)


def _cut_short(line: Line) -> bool:
    return line.stopped_watching == "interrupted"


def _grouped(cases: Iterable[Line]) -> tuple[Finding, ...]:
    ordered = sorted(cases, key=lambda line: (cause_of(line), _length(line)))
    found = [_finding(tuple(group)) for _, group in groupby(ordered, key=cause_of)]
    return tuple(sorted(found, key=_badness))


def cause_of(line: Line) -> tuple[str, ...]:
    """Equal for cases that one repair would mend.

    Chaos's own errors have no place in the target, only a message; and what would have happened at a site does not
    matter where it was never reached.
    """
    if line.grade is Grade.UNREACHED:
        return (line.outcome, line.grade, _place(line.case)[0], "")
    if line.outcome is Outcome.HARNESS_ERROR:
        return (line.outcome, line.grade, line.why, "", "")
    known = (line.known.case,) if line.known else ()
    return (line.outcome, line.grade, *_place(line.case), *line.promises, *known)


def _place(case: Case) -> tuple[str, str]:
    """Site and action family, of several faults joined by ``+``."""
    families = [ACTION_FAMILIES.get(fault.action, fault.action) for fault in case.faults]
    return "+".join(fault.site for fault in case.faults), "+".join(families)


def _length(line: Line) -> tuple[int, int, int, str]:
    """How much there is to a case: the fewest faults and workers, then the shortest id, are easiest to think about."""
    return len(line.case.faults), line.case.workers, len(line.case_id), line.case_id


def _finding(cases: tuple[Line, ...]) -> Finding:
    shortest = cases[0]
    site, family = _place(shortest.case)
    action = "" if shortest.grade is Grade.UNREACHED else family
    return Finding(shortest.outcome, shortest.grade, shortest.promises, site, action, shortest.why, shortest, cases)


def _badness(finding: Finding) -> tuple[int, int, int, str, str]:
    """Sorts the worst first: by outcome, then by the promise, then by how many cases; the id makes it stable."""
    outcome = WORST_FIRST.index(finding.outcome) if finding.outcome in WORST_FIRST else len(WORST_FIRST)
    promise = min(map(promise_rank, finding.promises), default=len(PROMISE_ORDER))
    return outcome, promise, -len(finding.cases), finding.site, finding.shortest.case_id


def reach(cases: Iterable[Case]) -> str:
    """Where cases ran: ``eventlet w1 w2, threading w2``."""
    places = sorted({(case.backend, _workers(case)) for case in cases})
    by_backend = groupby(places, key=lambda place: place[0])
    return ", ".join(" ".join([_backend(name), *(workers for _, workers in group)]) for name, group in by_backend)


def _workers(case: Case) -> str:
    return f"w{case.workers}" + (f"-{case.transport}" if case.transport else "")


def _backend(name: str) -> str:
    return "no backend" if name == "-" else name
