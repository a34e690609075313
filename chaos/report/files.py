"""The files of a sweep: the journal as it goes, and from it, when the sweep is over, each report. It knows no format.

What a report needs of all cases at once is a line each; the evidence of one case is read back from the journal when it is
its turn. So memory does not grow with logs, and a report is never made of anything that is not on the disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaos.caseid import format_case
from chaos.codec import from_data
from chaos.events import CaseFinished, CaseRejudged, Event
from chaos.model import Grade, Judged, Verdict
from chaos.report.atomic import write_atomically
from chaos.report.history import nights
from chaos.report.html import html_parts, read_ahead
from chaos.report.journal import Journal
from chaos.report.jsonfile import json_lines
from chaos.report.junit import junit_lines
from chaos.report.markdown import markdown_lines
from chaos.report.results import Evidence, Gathering, Line, Results

Render = Callable[[Results, Evidence, str], Iterable[str]]

JOURNAL = "journal.ndjson"
FORMATS: Mapping[str, Render] = {"report.json": json_lines, "junit.xml": junit_lines, "report.html": html_parts,
                                 "summary.md": markdown_lines}
WITH_PAST: Mapping[Render, Callable[..., Iterator[str]]] = {html_parts: html_parts, markdown_lines: markdown_lines}
"""Those that are told the last nights."""


class Files:
    """Writes everything that a sweep leaves in ``out``. ``suffix`` ends every command that a report shows.

    ``history``: the folder of the last nights, for the page to tell what is new; ``told``: where somebody else gathers the
    same events, and feeds it before this; None: it gathers by itself.

    The reports are written when it is left, for whatever reason: a sweep that is torn down (Ctrl-C, a defect of chaos)
    still reports what was finished. One that never started leaves older reports alone, and so does a write that fails,
    which raises ``OSError`` once the others are written.
    """

    def __init__(self, out: Path, *, suffix: str = "", told: Gathering | None = None,
                 history: Path | None = None, formats: Mapping[str, Render] = FORMATS) -> None:
        self._out = out
        self._suffix = suffix
        self._history = history
        self._formats = formats
        self._feeds = told is None
        self._told = Gathering() if told is None else told
        self._journal = Journal(out / JOURNAL)
        self._places: dict[str, int] = {}
        self._second: dict[str, int] = {}

    def __enter__(self) -> Self:
        read_ahead()
        self._journal.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.closing(self._journal):
            results = self._told.results()
            if results is not None:
                self._write(replace(results, cases=tuple(c for c in results.cases if c.case_id in self._places)))

    def _write(self, results: Results) -> None:
        with contextlib.ExitStack() as stack:
            for name, render in reversed(list(self._formats.items())):
                if render in WITH_PAST and self._history is not None:
                    render = partial(_with_past, WITH_PAST[render], self._history)
                stack.callback(write_atomically, self._out / name, render(results, self, self._suffix))

    def feed(self, event: Event) -> None:
        if self._feeds:
            self._told.feed(event)
        place = self._journal.write(event)
        if isinstance(event, CaseFinished):
            self._places[self._id(format_case(event.judged.case))] = place
        elif isinstance(event, CaseRejudged):
            self._second[self._id(format_case(event.case))] = place

    def _id(self, case_id: str) -> str:
        """The same text object that the gathering holds: an id is a hundred bytes, and there may be many."""
        line = self._told.line(case_id)
        return line.case_id if line is not None else case_id

    def judged(self, line: Line) -> Judged:
        """The case in full, with the last verdict over it: this is also the evidence that reports ask for."""
        finished = self._journal.read(self._places[line.case_id])
        assert isinstance(finished, CaseFinished)
        later = self._last_verdict(line)
        return finished.judged if later is None else replace(finished.judged, verdict=later)

    def data(self, line: Line) -> tuple[Verdict, dict[str, Any], dict[str, Any] | None]:
        judged = self._journal.read_data(self._places[line.case_id])["judged"]
        later = self._last_verdict(line)
        return from_data(Verdict, judged["verdict"]) if later is None else later, judged["seen"], judged["beside"]

    def _last_verdict(self, line: Line) -> Verdict | None:
        if line.case_id not in self._second:
            return None
        later = self._journal.read(self._second[line.case_id])
        assert isinstance(later, CaseRejudged)
        return later.verdict


def _with_past(render: Callable[..., Iterator[str]], history: Path, results: Results, evidence: Evidence,
               suffix: str) -> Iterator[str]:
    """A page with the nights before it. Read when it is its turn: an error there is the page's, and no other file's."""
    bad = [line.case_id for line in results.cases if line.grade is not Grade.PASS]
    yield from render(results, evidence, suffix, nights(history, results.started.target, bad, results.started.part))
