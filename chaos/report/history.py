"""The last nights of a target, a small file each: when, how many of each verdict, and a line a case. It compares nothing.

A night holds no evidence; that is in the report of that night, if anybody kept it. Files are named by their time, so that
their order is the order of their names.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.model import Grade, Outcome
from chaos.report.atomic import write_atomically
from chaos.report.results import Results, by_grade

SCHEMA = 1
KEPT = 30
"""Nights that stay; older ones are removed when a new one is written."""


@dataclass(frozen=True, slots=True)
class Night:
    """``name``: its time, ``2026-11-22T03-00-00Z``; ``cases``: outcome and verdict of those that were asked for, and of those
    that failed the night before; ``part``: as in ``SweepStarted``."""

    name: str
    target: str
    counts: Mapping[Grade, int]
    failing: frozenset[str]
    cases: Mapping[str, tuple[Outcome, Grade]] = field(default_factory=dict)
    part: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Since:
    """What there is of new failures, and what became of those of the night before: ids of cases."""

    new: frozenset[str]
    still: frozenset[str]
    fixed: frozenset[str]
    undecided: frozenset[str]
    """Unreached or unknown, which is no repair."""
    not_run: frozenset[str]

    @property
    def doubtful(self) -> str:
        """``, 2 undecided, 3 not run``: what nobody can call gone. "" where there is none."""
        both = ((self.undecided, "undecided"), (self.not_run, "not run"))
        return "".join(f", {len(ids)} {what}" for ids, what in both if ids)


def since(before: Night, failing: Collection[str], grades: Mapping[str, Grade]) -> Since:
    """``failing``: all that fails now; ``grades``: of every case that ran, or at least of those that failed ``before``."""
    now = frozenset(failing)
    left = before.failing - now
    fixed = frozenset(case_id for case_id in left if grades.get(case_id) is Grade.PASS)
    not_run = frozenset(case_id for case_id in left if case_id not in grades)
    return Since(now - before.failing, before.failing & now, fixed, left - fixed - not_run, not_run)


def since_last(past: Sequence[Night], results: Results) -> Since | None:
    """The same of a sweep that ends now; None: there was no night before."""
    grades = {line.case_id: line.grade for line in results.cases}
    return since(past[-1], [one for one, grade in grades.items() if grade is Grade.FAIL], grades) if past else None


def remember(folder: Path, name: str, results: Results) -> None:
    """Keep this sweep as the night ``name``, and of all nights there the last ``KEPT``."""
    write_atomically(folder / f"{name}.ndjson", _written(results))
    for old in _files(folder)[:-KEPT]:
        old.unlink(missing_ok=True)


def _written(results: Results) -> Iterator[str]:
    counts = {grade.value: count for grade, count in by_grade(results.cases).items()}
    head = {"schema": SCHEMA, "target": results.started.target, "seed": results.started.seed, "verdicts": counts,
            "interrupted": results.interrupted, "elapsed_s": results.elapsed_s, "part": list(results.started.part)}
    yield json.dumps(head) + "\n"
    for line in results.cases:
        yield json.dumps([line.case_id, line.outcome.value, line.grade.value, round(line.elapsed_s, 3)]) + "\n"


def nights(folder: Path, target: str, wanted: Collection[str] = (), part: Sequence[str] = ()) -> tuple[Night, ...]:
    """The nights of ``target`` in which the same ``part`` of its plan ran, the oldest first, with what they say of the cases
    ``wanted``. ValueError names a file that is none: a trend with a hole would be read as a quiet night."""
    found: list[Night] = []
    for path in _files(folder):
        night = _night(path, (*wanted, *(found[-1].failing if found else ())))
        if (night.target, night.part) == (target, tuple(part)):
            found.append(night)
    return tuple(found)


def tonight(name: str, results: Results) -> Night:
    """The night that ``remember`` keeps, before it is kept."""
    cases = {line.case_id: (line.outcome, line.grade) for line in results.cases}
    failing = frozenset(case_id for case_id, (_, grade) in cases.items() if grade is Grade.FAIL)
    return Night(name, results.started.target, by_grade(results.cases), failing, cases, results.started.part)


def _files(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("[0-9]*.ndjson")) if folder.is_dir() else []


def _night(path: Path, wanted: Collection[str]) -> Night:
    asked = frozenset(wanted)
    failing: set[str] = set()
    cases: dict[str, tuple[Outcome, Grade]] = {}
    try:
        with path.open(encoding="utf-8") as file:
            head: dict[str, Any] = json.loads(file.readline())
            if head["schema"] != SCHEMA:
                raise ValueError(f"schema {head['schema']!r}, wanted {SCHEMA}")
            for line in file:
                case_id, outcome, grade, _ = json.loads(line)
                if grade == Grade.FAIL.value:
                    failing.add(case_id)
                if case_id in asked:
                    cases[case_id] = (Outcome(outcome), Grade(grade))
        counts = {Grade(name): int(count) for name, count in head["verdicts"].items()}
        return Night(path.stem, head["target"], counts, frozenset(failing), cases, tuple(head.get("part", ())))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a night that this chaos can read: {error}") from error


def trend(history: Sequence[Night]) -> list[str]:
    """A line a night: its counts, and what began and stopped failing since the night before. What did not run, or could not
    be judged, has not stopped."""
    lines = []
    for before, night in zip([None, *history], history, strict=False):
        counted = ", ".join(f"{night.counts.get(grade, 0)} {grade}" for grade in Grade)
        since = "" if before is None else f"; {_since(before, night)}"
        lines.append(f"{night.name}  {night.total} cases: {counted}{since}")
    return lines


def _since(before: Night, night: Night) -> str:
    found = since(before, night.failing, {case_id: grade for case_id, (_, grade) in night.cases.items()})
    return f"{len(found.new)} new, {len(found.fixed)} gone{found.doubtful}"
