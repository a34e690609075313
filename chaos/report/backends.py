"""What the move from one backend to the other changes, case by case, the worst first: for text, Markdown, data and the page.

It reads the two halves of one sweep as they were judged, and judges nothing itself. Pure.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chaos.model import Case, Outcome
from chaos.pairs import is_by_part, pairs_of
from chaos.promises import SAME_ON_BOTH_BACKENDS, Met, met_the_same
from chaos.report.findings import WORST_FIRST
from chaos.report.results import Line, line_data, promise_rank
from chaos.report.safetext import for_markdown

BEFORE, AFTER = "eventlet", "threading"
TOLD = 20
"""Differences on a page that is about more than these; ``chaos compare --backends`` has them all."""


class Move(enum.StrEnum):
    """What the move does to one case; declared from the worst to the best."""

    WORSE = "worse"
    BOTH_FAIL = "both fail"
    OTHERWISE = "otherwise"
    BETTER = "better"


@dataclass(frozen=True, slots=True)
class Difference:
    """One case that ended differently on the two backends, or broke other promises."""

    before: Line
    after: Line

    @property
    def move(self) -> Move:
        match fails_by_itself(self.before), fails_by_itself(self.after):
            case False, True:
                return Move.WORSE
            case True, True:
                return Move.BOTH_FAIL
            case True, False:
                return Move.BETTER
        return Move.OTHERWISE

    @property
    def ids(self) -> tuple[str, ...]:
        """The second only where it says more than the other backend."""
        by_part = is_by_part(self.before.case, self.after.case)
        return (self.before.case_id, self.after.case_id) if by_part else (self.before.case_id,)

    @property
    def halves(self) -> tuple[str, str]:
        """How each ended; of two with one outcome also the promises that they broke."""
        return self._half(self.before), self._half(self.after)

    def _half(self, line: Line) -> str:
        if self.before.outcome is not self.after.outcome:
            return f"{line.outcome} ({line.grade})"
        return f"{line.outcome} ({': '.join(filter(None, (line.grade.value, ', '.join(own_promises(line)))))})"


@dataclass(frozen=True, slots=True)
class Halves:
    """``pairs``: how many cases ran on both backends; ``differ``: those that differ, the worst first; ``elsewhere``: the
    pairs whose fault met another thing on each, of which nothing can be said; ``alone``: how many ran on one only."""

    pairs: int
    differ: tuple[Difference, ...]
    elsewhere: int = 0
    alone: int = 0

    @property
    def moves(self) -> tuple[tuple[str, int], ...]:
        counts = Counter(one.move for one in self.differ)
        return tuple((move.value, counts[move]) for move in Move if counts[move])


def fails_by_itself(line: Line) -> bool:
    """Not only by differing from the other half, for which a half that does well is marked too."""
    return bool(own_promises(line)) or line.outcome in WORST_FIRST


def own_promises(line: Line) -> tuple[str, ...]:
    return tuple(promise for promise in line.promises if promise != SAME_ON_BOTH_BACKENDS)


def backends_against_each_other(lines: Iterable[Line]) -> Halves:
    """Every case that ran on both backends, eventlet first in each pair, whichever process plays the part in each."""
    found: dict[Case, Line] = {line.case: line for line in lines}
    twins = pairs_of(found, lambda case: found[case].serving_roles)
    pairs = [Difference(found[case], found[twin]) for case, twin in twins.items() if case.backend == BEFORE]
    same = [pair for pair in pairs if met_the_same(_met(pair.before), _met(pair.after))]
    differ = sorted(filter(_differs, same), key=_badness)
    return Halves(len(pairs), tuple(differ), len(pairs) - len(same), len(found) - 2 * len(pairs))


def _met(line: Line) -> Met:
    return Met(line.case, line.phase, line.serving_roles)


def _differs(pair: Difference) -> bool:
    before, after = pair.before, pair.after
    if Outcome.HARNESS_ERROR in (before.outcome, after.outcome):        # chaos's own fault says nothing of a backend
        return False
    return before.outcome is not after.outcome or own_promises(before) != own_promises(after)


def _badness(pair: Difference) -> tuple[int, int, int, int, str]:
    """What the move does, then how bad what comes after it is, then how much better it was before; the id keeps it stable."""
    promise = min(map(promise_rank, own_promises(pair.after)), default=99)
    move = list(Move).index(pair.move)
    return move, _severity(pair.after), -_severity(pair.before), promise, pair.before.case_id


def _severity(line: Line) -> int:
    """Small is bad."""
    return WORST_FIRST.index(line.outcome) if line.outcome in WORST_FIRST else len(WORST_FIRST)


# --- as text, Markdown and data --------------------------------------------------------------------------------------


def counted(halves: Halves) -> str:
    """``12 cases ran on both backends, 3 with different outcomes …``."""
    same = sum(one.before.outcome is one.after.outcome for one in halves.differ)
    parts = [f"{halves.pairs} cases ran on both backends, {len(halves.differ) - same} with different outcomes"]
    parts += [f"{same} with one outcome and other broken promises"] if same else []
    parts += [f"in {halves.elsewhere} the fault met another thing on each"] if halves.elsewhere else []
    parts += [f"{halves.alone} ran on one only"] if halves.alone else []
    return "; ".join(parts)


def moved(halves: Halves) -> str:
    """``from eventlet to threading: 2 worse, 1 both fail``; "" where nothing differs."""
    counts = ", ".join(f"{count} {name}" for name, count in halves.moves)
    return f"from {BEFORE} to {AFTER}: {counts}" if counts else ""


def halves_as_text(halves: Halves) -> str:
    """Two lines a difference, under a heading for each kind of move; then a line of counts."""
    lines: list[str] = []
    kind = None
    for one in halves.differ:
        if one.move is not kind:
            kind = one.move
            lines.append(f"{kind}: {dict(halves.moves)[kind]}")
        before, after = one.halves
        lines += [*(f"  {case_id}" for case_id in one.ids), f"    {BEFORE}: {before}; {AFTER}: {after}"]
    return "\n".join([*lines, counted(halves)])


def halves_as_markdown(halves: Halves) -> str:
    return "\n".join([f"**{counted(halves)}**", *markdown_table(halves, most=len(halves.differ))])


def markdown_table(halves: Halves, *, most: int = TOLD) -> list[str]:
    """The lines of a table of the worst differences; none where there is no difference."""
    if not halves.differ:
        return []
    rows = [f"| {one.move} | {' and '.join(f'`{case_id}`' for case_id in one.ids)} | "
            f"{' | '.join(map(for_markdown, one.halves))} |" for one in islice(halves.differ, most)]
    left = len(halves.differ) - most
    rows += [f"| … | {left} more, by `chaos compare --backends` | | |"] if left > 0 else []
    return ["", f"| {moved(halves).partition(':')[0]} | case | {BEFORE} | {AFTER} |", "|---|---|---|---|", *rows]


def halves_as_data(halves: Halves) -> dict[str, Any]:
    differ = [{"id": one.before.case_id, "twin": one.after.case_id, "move": one.move.value,
               BEFORE: _half_data(one.before), AFTER: _half_data(one.after)} for one in halves.differ]
    return {"schema": 1, "pairs": halves.pairs, "elsewhere": halves.elsewhere, "alone": halves.alone, "differ": differ}


def _half_data(line: Line) -> dict[str, Any]:
    return {**line_data(line), "promises": list(line.promises)}
