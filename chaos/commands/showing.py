"""``chaos show``: reports that are there, told again: as a sweep ends, as Markdown, as GitHub's annotations. Runs nothing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from chaos.commands.excusing import known_of, status_of_results
from chaos.commands.reading import readable
from chaos.commands.shown import width
from chaos.commands.status import Status, worst
from chaos.errors import UsageError
from chaos.merge import suffix_of
from chaos.report.annotations import annotation_lines
from chaos.report.closing import closing
from chaos.report.files import JOURNAL
from chaos.report.journal import is_finished, read_journal
from chaos.report.jsonfile import read_events
from chaos.report.markdown import markdown_lines
from chaos.report.results import Gathering, Results

Show = Callable[[Results, str, int], Iterable[str]]
"""Of one report; the suffix of its commands; how many reports there are."""


def _text(results: Results, suffix: str, reports: int) -> Iterator[str]:
    return (line.plain for line in closing(results, width=width(), suffix=suffix))


FORMATS: Mapping[str, Show] = {
    "text": _text,
    "markdown": lambda results, suffix, reports: ["".join(markdown_lines(results, None, suffix))],
    "github": annotation_lines,
}


def do_show(options: Namespace) -> Status:
    """The status is the one that the sweep had; of several reports the worst."""
    statuses = []
    for path in options.reports:
        results, suffix = _results_in(path, options)
        for line in FORMATS[options.format](results, suffix, len(options.reports)):
            print(line)
        statuses.append(status_of_results(results))
    return worst(statuses)


def _results_in(path: Path, options: Namespace) -> tuple[Results, str]:
    """A report, or what a sweep that was killed has left of one: its journal. The report beside that is of a sweep before."""
    told, journal = Gathering(known_of(options)), path / JOURNAL if path.is_dir() else path
    torn = journal.name == JOURNAL and journal.exists() \
        and not ((path / "report.json").exists() and is_finished(journal))
    for event in readable(journal if torn else path, read_journal if torn else read_events):
        told.feed(event)
    results = told.results()
    if results is None:
        raise UsageError(f"{path}: no sweep has begun there, so there is nothing to show")
    return results, "" if torn else next(readable(path, lambda one: [suffix_of(one)]))
