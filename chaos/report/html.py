"""``report.html``: one self-contained page. It asks no network and runs no script; the layout is ``report.html.j2``'s.

Every text that a target wrote goes through ``safetext`` and then through jinja2's autoescape; nothing is marked safe.
The page's content policy forbids scripts and loads besides, so that one missed escape would still do nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import jinja2

import chaos
from chaos.caseid import format_case
from chaos.model import Case, Grade, Judged
from chaos.report.document import reproduce_line
from chaos.report.explain import ended, left_behind, log_excerpt, log_title, process_tree, timeline
from chaos.report.findings import Finding, findings, never_reached
from chaos.report.matrix import LIFETIMES, MEANINGS, Column, Mark, Matrix, Variation, letter_of, matrix_of
from chaos.report.results import Evidence, Line, Results, by_grade, line_of, sites_fired, sites_found
from chaos.report.safetext import clean_lines, one_line

LOG_LINES = 60


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the matrix: ``anchor`` leads to its section, "" where it has none; ``title`` says all in words."""

    letter: str
    grade: str
    title: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Row:
    """A site, and for each column and backend the letters of that backend's variations."""

    site: str
    cells: tuple[tuple[Letter, ...], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The matrix for the page: ``columns`` across, each divided by ``backends`` (name, what stands in its cells)."""

    columns: tuple[tuple[str, str], ...]
    backends: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A finding: what, why, which command, and the cases (id, anchor) that belong to it."""

    grade: str
    what: str
    why: str
    reproduce: str
    cases: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One bad case in full; every text in it is clean."""

    anchor: str
    case_id: str
    grade: str
    outcome: str
    ended: str
    broken: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    blocks: tuple[tuple[str, str], ...]
    reproduce: str


@dataclass(frozen=True, slots=True)
class TableLine:
    """One case in the table of all; ``anchor`` "" for one without a section."""

    case_id: str
    anchor: str
    grade: str
    letter: str
    outcome: str
    fired: int
    ended: str
    ready: str


def html_parts(results: Results, evidence: Evidence, suffix: str = "") -> Iterator[str]:
    """The whole page, a part at a time. ``suffix`` ends every command."""
    cases = (*map(line_of, results.unhealthy_baselines), *results.cases)
    baselines = {judged.case: judged for judged in results.unhealthy_baselines}
    return _template().generate(
        version=chaos.__version__,
        started=results.started,
        target=one_line(results.started.target),
        results=results,
        counts=[(grade.value, count) for grade, count in by_grade(results.cases).items()],
        sites_found=len(sites_found(results.variants)),
        sites_fired=len(sites_fired(results.cases)),
        baselines=[table_line(line_of(variant.baseline)) for variant in results.variants],
        grid=grid_of(matrix_of(results)),
        findings=[listed(finding, suffix) for finding in findings(cases)],
        unreached=[listed(finding, suffix) for finding in never_reached(cases)],
        has_sections=any(map(_has_section, cases)),
        sections=(section(baselines.get(line.case) or evidence.judged(line), suffix) for line in cases if _has_section(line)),
        lines=map(table_line, results.cases),
    )


def _template() -> jinja2.Template:
    source = resources.files("chaos.report").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def anchor(case: Case) -> str:
    """Where a case's section is: the same from run to run, so that a link to it can be kept."""
    return "case-" + hashlib.sha256(format_case(case).encode()).hexdigest()[:12]


def _has_section(line: Line) -> bool:
    return line.grade is not Grade.PASS


# --- the matrix ----------------------------------------------------------------------------------------------------


def grid_of(matrix: Matrix) -> Grid:
    rows = [
        Row(site, tuple(cell for column in matrix.columns for cell in _cells(matrix, site, column)))
        for site in matrix.sites
    ]
    return Grid(
        tuple((column.action, LIFETIMES[column.lifetime]) for column in matrix.columns),
        tuple((group[0].backend, " ".join(map(_size, group))) for group in matrix.backends),
        tuple(rows),
        tuple((letter, MEANINGS[letter]) for letter in matrix.letters),
    )


def _size(variation: Variation) -> str:
    return f"w{variation.workers}" + (f"-{variation.transport}" if variation.transport else "")


def _cells(matrix: Matrix, site: str, column: Column) -> Iterator[tuple[Letter, ...]]:
    """The letters of each backend; no letters, not dashes, where the site has no case in this column at all."""
    marks = matrix.cell(site, column) or ((),) * len(matrix.backends)
    for group, letters in zip(matrix.backends, marks, strict=True):
        yield tuple(_letter(mark, variation) for mark, variation in zip(letters, group, strict=False))


def _letter(mark: Mark, variation: Variation) -> Letter:
    if mark.worst is None:
        return Letter(mark.letter, "none", f"{variation.label}: {MEANINGS[mark.letter]}", "")
    more = f" (the worst of {mark.count} cases)" if mark.count > 1 else ""
    title = f"{mark.worst.case_id}: {mark.worst.outcome}{more}"
    link = anchor(mark.worst.case) if _has_section(mark.worst) else ""
    return Letter(mark.letter, mark.worst.grade.value, title, link)


# --- findings, sections, table -------------------------------------------------------------------------------------


def listed(finding: Finding, suffix: str) -> Listed:
    return Listed(
        finding.grade.value,
        finding.what,
        finding.why,
        reproduce_line(finding.shortest.case, suffix),
        tuple((line.case_id, anchor(line.case)) for line in finding.cases),
    )


def section(judged: Judged, suffix: str) -> Section:
    seen, verdict = judged.seen, judged.verdict
    blocks = (
        ("timeline (seconds after exec)", timeline(seen)),
        ("processes", process_tree(seen.processes, seen.leftovers)),
        ("left behind", left_behind(seen)),
        (log_title(seen), log_excerpt(seen, lines=LOG_LINES)),
        ("stacks", clean_lines(seen.stacks)),
    )
    return Section(
        anchor(judged.case),
        format_case(judged.case),
        verdict.grade.value,
        verdict.outcome.value,
        ended(seen.ending, seen.elapsed_s),
        tuple((broken.promise, one_line(broken.because)) for broken in verdict.broken),
        tuple(one_line(text) for text in (verdict.note, seen.harness) if text),
        tuple((title, "\n".join(lines)) for title, lines in blocks if lines),
        reproduce_line(judged.case, suffix),
    )


def table_line(line: Line) -> TableLine:
    return TableLine(
        line.case_id,
        anchor(line.case) if _has_section(line) else "",
        line.grade.value,
        letter_of(line),
        line.outcome.value,
        line.fired,
        ended(line.ending, line.elapsed_s),
        "never" if line.ready_s is None else f"{line.ready_s:.2f} s",
    )
