"""Cases as a matrix: sites in the order of the start down, action and lifetime across, the variants inside a cell.

Pure, and shared by the terminal and the HTML page. A cell shows its variants (backend and worker count) side by side,
because what the eye looks for is a difference between them; as rows of their own they would stand far apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from chaos.calls import is_call
from chaos.caseid import parse_case
from chaos.model import Case, Grade, Lifetime, Outcome
from chaos.report.results import Line, Results, sites_found

NO_CASE = "-"
"""Shown only beside a case: a cell in which nothing was ever to run stays empty."""

NOT_RUN = "_"
LETTERS: Mapping[Outcome, str] = {
    Outcome.FALSE_SUCCESS: "F",
    Outcome.SILENT_EXIT: "S",
    Outcome.KILLED: "K",
    Outcome.HANG_PROVEN: "H",
    Outcome.HANG_SUSPECTED: "h",
    Outcome.LIVELOCK: "L",
    Outcome.RETRY_LOOP: "T",
    Outcome.RESPAWN_LOOP: "R",
    Outcome.DEGRADED: "D",
    Outcome.UNREACHED: "u",
    Outcome.HARNESS_ERROR: "?",
}
BROKEN = "x"
"""A case that started, recovered or left cleanly, and still broke a promise (a left-over process, a leaked secret)."""

MEANINGS: Mapping[str, str] = {
    ".": "pass",
    **{letter: outcome.value for outcome, letter in LETTERS.items()},
    BROKEN: "another promise broken",
    NOT_RUN: "not run",
    NO_CASE: "no case",
}
LIFETIMES: Mapping[Lifetime, str] = {
    Lifetime.ONCE: "once",
    Lifetime.FIRST_K: "first k",
    Lifetime.PERSISTENT: "always",
}
_BADNESS = (Grade.PASS, Grade.UNREACHED, Grade.FAIL, Grade.UNKNOWN)


@dataclass(frozen=True, slots=True, order=True)
class Variation:
    """Where a case runs: what stands side by side in a cell."""

    backend: str
    workers: int
    transport: str = ""

    @property
    def label(self) -> str:
        """``eventlet w2``; a transport that is not the target's own is named, and ``-`` is no backend at all."""
        backend = "" if self.backend == "-" else f"{self.backend} "
        return f"{backend}w{self.workers}" + (f"-{self.transport}" if self.transport else "")


@dataclass(frozen=True, slots=True)
class Column:
    """An action and how long it lasts. ``action`` ends in ``+`` where more faults come with it."""

    action: str
    lifetime: Lifetime


@dataclass(frozen=True, slots=True)
class Mark:
    """One letter. ``worst``: the case that it stands for (one of ``count``); None where none was run."""

    letter: str
    count: int = 0
    worst: Line | None = None


Place = tuple[str, Column, Variation]


@dataclass(frozen=True, slots=True)
class Matrix:
    sites: tuple[str, ...]
    columns: tuple[Column, ...]
    variations: tuple[Variation, ...]
    marks: Mapping[Place, Mark]

    @property
    def backends(self) -> tuple[tuple[Variation, ...], ...]:
        """The variations, those of one backend together: a difference between backends is what the eye looks for."""
        return tuple(tuple(group) for _, group in groupby(self.variations, key=lambda variation: variation.backend))

    def cell(self, site: str, column: Column) -> tuple[tuple[Mark, ...], ...]:
        """For each backend a mark a variation; nothing at all where the site has no case in this column."""
        if not any((site, column, variation) in self.marks for variation in self.variations):
            return ()
        return tuple(tuple(self.mark(site, column, variation) for variation in group) for group in self.backends)

    def mark(self, site: str, column: Column, variation: Variation) -> Mark:
        return self.marks.get((site, column, variation), Mark(NO_CASE))

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters that occur, in the order of the legend."""
        cells = [self.cell(site, column) for site in self.sites for column in self.columns]
        seen = {mark.letter for cell in cells for group in cell for mark in group}
        return tuple(letter for letter in MEANINGS if letter in seen)


def matrix_of(results: Results) -> Matrix:
    """The matrix of all cases with a fault; planned ones that were not run are marked, since a gap reads as no case."""
    placed: dict[Place, list[Line]] = {}
    for line in results.cases:
        if line.case.faults:
            placed.setdefault(place_of(line.case), []).append(line)
    marks = {place: _worst(lines) for place, lines in placed.items()}
    all_marks = {**{place: Mark(NOT_RUN) for place in _unfinished(results)}, **marks}
    return Matrix(
        _in_start_order({site for site, _, _ in all_marks},
                        tuple(dict.fromkeys(map(row_of, sites_found(results.variants))))),
        _in_column_order({column for _, column, _ in all_marks}),
        tuple(sorted({variation for _, _, variation in all_marks})),
        all_marks,
    )


def row_of(site: str) -> str:
    """A named site has a row of its own; of the traced calls, which are hundreds, those into one package share one."""
    if not is_call(site):
        return site
    return f"calls of {site.partition(',')[2].partition(':')[0].partition('.')[0]}"


def place_of(case: Case) -> Place:
    """Where a case stands. One with several faults stands with its first; its column says that there are more."""
    fault = case.faults[0]
    action = fault.action if len(case.faults) == 1 else f"{fault.action}+"
    variation = Variation(case.backend, case.workers, case.transport or "")
    return row_of(fault.site), Column(action, fault.hits.lifetime), variation


def _unfinished(results: Results) -> list[Place]:
    return [place_of(case) for case in map(parse_case, results.not_run) if case.faults]


def _worst(cases: list[Line]) -> Mark:
    worst = max(cases, key=lambda line: _BADNESS.index(line.grade))
    return Mark(letter_of(worst), len(cases), worst)


def letter_of(line: Line) -> str:
    """``.`` for a pass whatever the outcome, else the outcome's letter."""
    if line.grade is Grade.PASS:
        return "."
    return LETTERS.get(line.outcome, BROKEN)


def _in_start_order(used: set[str], found: tuple[str, ...]) -> tuple[str, ...]:
    """Sites that a good start reached, in its order; then those that only a fault knows of, by name."""
    return (*(site for site in found if site in used), *sorted(used - set(found)))


def _in_column_order(columns: Iterable[Column]) -> tuple[Column, ...]:
    """By action, then from the shortest lifetime to the longest; what raises first, as most people look for that."""
    lifetimes = list(LIFETIMES)
    return tuple(
        sorted(columns, key=lambda c: (c.action.rstrip("+") != "raise", c.action, lifetimes.index(c.lifetime)))
    )
