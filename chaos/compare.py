"""Two sets of verdicts side by side: what is new, fixed, still failing, changed, slower; as text, Markdown or data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.model import Grade
from chaos.report.results import Line, line_data
from chaos.report.safetext import for_markdown

SLOWER_FACTOR = 1.5
SLOWER_BY_S = 0.5
"""A case is slower when it takes half as long again, and half a second more: below that, two nights differ by chance."""
MOST_SLOWER = 20
"""So many are told for a reader; the data has all. On a machine that was busy, or cold where it was warm, most cases are."""


@dataclass(frozen=True, slots=True)
class Change:
    """One case in both reports; ``was`` or ``now`` is None where it is not in that report."""

    case_id: str
    was: Line | None
    now: Line | None

    @property
    def told(self) -> str:
        """``clean-exit -> respawn-loop``; a case that is in one report only says nothing."""
        was, now = (str(line.outcome) if line else "not run" for line in (self.was, self.now))
        return now if was == now else f"{was} -> {now}"

    @property
    def grew_s(self) -> float:
        return self.now.elapsed_s - self.was.elapsed_s if self.was and self.now else 0.0

    @property
    def times(self) -> str:
        return f"{self.was.elapsed_s:.2f} s -> {self.now.elapsed_s:.2f} s" if self.was and self.now else ""


Comparison = Mapping[str, Sequence[Change]]
"""The groups by name, in the order in which they are told. A case may stand in several."""


def comparison(old: Iterable[Line], new: Iterable[Line]) -> Comparison:
    """What changed from ``old`` to ``new``, by group, each sorted by id."""
    before, after = ({line.case_id: line for line in lines} for lines in (old, new))
    changes = [Change(key, before.get(key), after.get(key)) for key in sorted({*before, *after})]
    return {
        "new": [c for c in changes if _fails(c.now) and not _fails(c.was) and not _is_known(c)],
        "fixed": [c for c in changes if _fails(c.was) and c.now is not None and c.now.grade is Grade.PASS],
        "still failing": [c for c in changes if _fails(c.was) and _fails(c.now) and not _is_known(c)],
        **({"known": known} if (known := [c for c in changes if _is_known(c)]) else {}),
        "changed outcome": [c for c in changes if c.was and c.now and c.was.outcome is not c.now.outcome],
        "slower": [c for c in changes if _slower(c)],
        "only in the old report": [c for c in changes if c.now is None],
        "only in the new report": [c for c in changes if c.was is None],
    }


def _fails(line: Line | None) -> bool:
    return line is not None and line.grade is Grade.FAIL


def _is_known(change: Change) -> bool:
    return change.now is not None and change.now.known is not None


def _slower(change: Change) -> bool:
    """Only where the same happened: another outcome takes another time, and is told as that."""
    was, now = change.was, change.now
    if was is None or now is None or was.outcome is not now.outcome:
        return False
    return now.elapsed_s >= max(was.elapsed_s * SLOWER_FACTOR, was.elapsed_s + SLOWER_BY_S)


def counts(found: Comparison) -> str:
    """``1 new, 0 fixed, 3 still failing, …``."""
    return ", ".join(f"{len(changes)} {name}" for name, changes in found.items())


def _detail(group: str, change: Change) -> str:
    if group == "slower":
        return change.times
    return "" if group.startswith("only") else change.told


def _told(group: str, changes: Sequence[Change]) -> Sequence[Change]:
    """Those of a group that are worth a reader's line: of many that are slower the ones that grew most."""
    if group != "slower" or len(changes) <= MOST_SLOWER:
        return changes
    return sorted(changes, key=lambda change: change.grew_s, reverse=True)[:MOST_SLOWER]


def _title(told: Sequence[Change], changes: Sequence[Change]) -> str:
    return f"{len(changes)}" if told == changes else f"{len(changes)}, these {len(told)} most"


def as_text(found: Comparison) -> str:
    """Each group that is not empty with its case ids, the slower ones shortened; then a line of counts."""
    lines: list[str] = []
    for name, changes in found.items():
        told = _told(name, changes)
        lines += [f"{name}: {_title(told, changes)}"] if changes else []
        lines += [f"  {change.case_id}  {_detail(name, change)}".rstrip() for change in told]
    return "\n".join([*lines, counts(found)])


def as_markdown(found: Comparison) -> str:
    """The counts, then a table a group, for a page that a CI job shows. The reason stands beside what fails."""
    parts = [f"**{counts(found)}**"]
    for name, changes in found.items():
        if told := _told(name, changes):
            parts += ["", f"### {name[0].upper()}{name[1:]} ({_title(told, changes)})", ""]
            parts += ["| case | what | why |", "|---|---|---|"]
            parts += [f"| {_code(c.case_id)} | {_detail(name, c)} | {for_markdown(c.now.why if c.now else '')} |"
                      for c in told]
    return "\n".join(parts)


def _code(text: str) -> str:
    return f"`{text}`"


def as_data(found: Comparison) -> dict[str, Any]:
    """The groups as data: a list of ``{id, was, now}`` each, where was and now are ``{outcome, verdict, elapsed_s}``."""
    return {"schema": 1, **{name.replace(" ", "_"): [_change_data(change) for change in changes]
                            for name, changes in found.items()}}


def _change_data(change: Change) -> dict[str, Any]:
    was, now = (None if line is None else line_data(line) for line in (change.was, change.now))
    return {"id": change.case_id, "was": was, "now": now}
