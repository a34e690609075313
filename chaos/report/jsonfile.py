"""Writes and reads ``report.json``. What stands in it is ``document``'s."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos.events import CaseFinished, Event
from chaos.model import Judged
from chaos.report.document import case_data, events_of, head_data
from chaos.report.filereport import FileReport
from chaos.report.results import Results


def json_report(path: Path, *, suffix: str = "") -> FileReport:
    """The consumer that writes ``report.json``. ``suffix`` ends every ``reproduce`` line."""
    return FileReport(path, lambda results: json_lines(results, suffix), keep=lambda judged: judged)


def json_lines(results: Results, suffix: str = "") -> Iterator[str]:
    """The report as text, a member a line and a case a line.

    So there is never a second copy of all cases in memory, and a ``grep`` or ``diff`` over lines says something. ASCII
    only: a byte of a log that was no UTF-8 survives as an escape.
    """
    yield "{\n"
    for name, value in head_data(results, suffix).items():
        yield f"{json.dumps(name)}: {json.dumps(value)},\n"
    yield '"cases": ['
    for index, judged in enumerate(results.cases):
        yield (",\n" if index else "\n") + json.dumps(case_data(judged, suffix))
    yield "\n]}\n"


def read_events(path: Path) -> Iterator[Event]:
    """The sweep that ``path`` reports, as events; a ``ValueError`` says where and why it is not a report of chaos."""
    data = _loaded(path)
    try:
        yield from events_of(data)
    except ValueError as error:
        raise ValueError(f"{path} is not a report that chaos can read: {error}") from error


def read_report(path: Path) -> list[Judged]:
    """The cases that ``path`` reports, sorted by id, baselines not among them."""
    return [event.judged for event in read_events(path) if isinstance(event, CaseFinished)]


def _loaded(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text: {error}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON (line {error.lineno}, column {error.colno}): {error.msg}") from error
