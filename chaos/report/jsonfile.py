"""Writes and reads ``report.json``, a case at a time. What stands in it is ``document``'s."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from chaos.caseid import format_case
from chaos.codec import json_of
from chaos.events import CaseFinished, Event, Planned, VariantReady
from chaos.model import Judged
from chaos.report.document import (
    case_data_of,
    check_head,
    finished_of,
    head_data,
    judged_of,
    not_run_of,
    started_of,
    variants_of,
)
from chaos.report.results import Evidence, Results

_CASES = '"cases": ['
"""The line after which every line is a case, in a report as chaos writes it."""


def json_lines(results: Results, evidence: Evidence, suffix: str = "") -> Iterator[str]:
    """The report as text, a member a line and a case a line. ``suffix`` ends every ``reproduce`` line.

    So no more than one case is in memory, here and where it is read again, and a ``grep`` or ``diff`` over lines says
    something. ASCII only: a byte of a log that was no UTF-8 survives as an escape.
    """
    yield "{\n"
    for name, value in head_data(results, suffix).items():
        yield f"{json.dumps(name)}: "
        yield from _items(value) if isinstance(value, Iterator) else [json_of(value)]
        yield ",\n"
    yield _CASES
    for index, line in enumerate(results.cases):
        yield (",\n" if index else "\n") + json_of(case_data_of(line.case, *evidence.data(line), suffix, line.known))
    yield "\n]}\n"


def _items(values: Iterator[Any]) -> Iterator[str]:
    """A list as text, an item at a time."""
    yield "["
    for index, value in enumerate(values):
        yield (", " if index else "") + json_of(value)
    yield "]"


def read_events(path: Path) -> Iterator[Event]:
    """The sweep that ``path`` reports, as events; a ``ValueError`` says where and why it is not a report of chaos.

    The plan comes back as the cases that were finished, then those that were not; its order is not kept.
    """
    report = read_head(path)
    with _telling(path):
        yield started_of(report)
        yield from map(VariantReady, variants_of(report))
        yield Planned((*(format_case(judged.case) for judged in read_cases(path)), *not_run_of(report)))
        yield from map(CaseFinished, read_cases(path))
        yield finished_of(report)


def read_head(path: Path) -> Mapping[str, Any]:
    """Everything in the report but its cases; ``ValueError`` as ``read_events``."""
    with _telling(path), _opened(path) as file:
        return check_head(_head(path, file))


def read_cases(path: Path) -> Iterator[Judged]:
    """The cases that ``path`` reports, in its order (by id, as chaos writes it), baselines not among them.

    One at a time, where a case is a line; a report that something else has written anew is read whole.
    """
    with _telling(path), _opened(path) as file:
        head = check_head(_head(path, file))
        if head["cases"]:
            yield from map(judged_of, head["cases"])
            return
        for number, line in enumerate(file, len(head) + 2):
            if line == "]}\n":
                return
            yield judged_of(_parsed(path, line.rstrip().removesuffix(","), number))
        raise ValueError("it ends in the middle of its cases")


def _head(path: Path, file: TextIO) -> Any:
    """The members before the cases, with no cases; of a file in another layout all there is."""
    lines: list[str] = []
    for line in file:
        lines.append(line)
        if line.startswith(_CASES):
            break
        if len(lines) == 1 and line != "{\n":
            break
    text = "".join(lines)
    if text.endswith(_CASES + "\n"):
        return _parsed(path, text + "]}")
    return _parsed(path, text + file.read())


def _parsed(path: Path, text: str, first: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {first + error.lineno - 1}, column {error.colno}"
        raise ValueError(f"{path} is not JSON ({place}): {error.msg}") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open(encoding="utf-8") as file:
        yield file


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """An error of what stands in the file names the file; one that does already stays as it is."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text: {error}") from error
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} is not a report that chaos can read: {error}") from error
