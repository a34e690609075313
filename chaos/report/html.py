"""``report.html``: one self-contained page. It asks no network; the layout is ``report.html.j2``'s.

Every text that a target wrote goes through ``safetext`` and then through jinja2's autoescape. Marked safe are two files of
our own alone, the style and the script, and the page's content policy names their hashes and forbids every other script
and every load: one missed escape would still do nothing. The script only filters and copies; without it all is shown.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import chain, islice, zip_longest

import jinja2
from markupsafe import Markup

import chaos
from chaos.calls import is_call
from chaos.caseid import format_case
from chaos.catalog import BY_NAME
from chaos.known import State
from chaos.model import Case, Grade, Judged, Observation, Outcome
from chaos.pairs import is_by_part, pairs_of, serving_in
from chaos.report.backends import TOLD, Difference, Halves, backends_against_each_other, counted, moved
from chaos.report.document import reproduce_line
from chaos.report.explain import ended, left_behind, log_excerpt, log_title, process_tree, started_as, timeline
from chaos.report.findings import Finding, findings, known_findings, never_reached
from chaos.report.history import Night, since_last
from chaos.report.matrix import LIFETIMES, MEANINGS, Column, Mark, Matrix, Variation, matrix_of, row_of
from chaos.report.results import (
    PROMISE_ORDER,
    Evidence,
    Line,
    Results,
    by_grade,
    coverage,
    line_of,
    planned_sites,
    sites_fired,
    sites_found,
)
from chaos.report.safetext import clean_lines, one_line

PARTS = ("report.html.j2", "report.css", "report.js")
LOG_LINES = 60
MOST_SECTIONS = 300
"""Cases that are shown in full, the worst; a page of thousands of logs opens slowly and is read by nobody."""
MOST_FINDINGS = 500
MOST_CASES = 100
"""Cases that are named under one finding."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What a filter can ask of a thing on the page; several values are separated by spaces."""

    area: str
    site: str
    promise: str
    verdict: str
    backend: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the matrix: ``anchor`` leads to its section, "" where it has none; ``title`` says all in words."""

    letter: str
    grade: str
    title: str
    anchor: str
    time: str = ""
    tags: Tags | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """The letters of one backend. ``differs``: the other backend's says something else."""

    letters: tuple[Letter, ...]
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A site, the milestones that a good start passes before it, and a cell for each column and backend."""

    site: str
    milestones: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The matrix for the page: ``columns`` across, each divided by ``backends`` (name, what stands in its cells)."""

    columns: tuple[tuple[str, str], ...]
    backends: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A finding: what, why, which command, and the cases (id, anchor) that belong to it. ``new``: how much of it is, since
    the last night. ``known``: since when and why."""

    grade: str
    what: str
    why: str
    reproduce: str
    count: int
    cases: tuple[tuple[str, str], ...]
    tags: Tags
    anchor: str
    new: str = ""
    known: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One bad case in full; every text in it is clean. ``beside``: what another run of it showed, next to this one."""

    anchor: str
    case_id: str
    grade: str
    outcome: str
    ended: str
    broken: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    blocks: tuple[tuple[str, list[str]], ...]
    beside: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    nights: tuple[tuple[str, str], ...]
    reproduce: str
    tags: Tags


@dataclass(frozen=True, slots=True)
class Moved:
    """A case that differs on the two backends: what the move does, how each half ended, and where their sections are."""

    move: str
    halves: tuple[str, str]
    cases: tuple[tuple[str, str], ...]
    grades: tuple[str, str]
    tags: Tags


@dataclass(frozen=True, slots=True)
class TableLine:
    """One case in the table of all; ``anchor`` "" for one without a section, which has its command here if it is bad."""

    case_id: str
    anchor: str
    reproduce: str
    grade: str
    outcome: str
    fired: int
    ended: str
    ready: str
    tags: Tags


def html_parts(results: Results, evidence: Evidence, suffix: str = "", past: Sequence[Night] = ()) -> Iterator[str]:
    """The whole page, a part at a time. ``suffix`` ends every command; ``past``: the nights before, the oldest first."""
    unhealthy = [line_of(judged) for judged in results.unhealthy_baselines]
    found, unreached = findings((*unhealthy, *results.cases)), never_reached(results.cases)
    known = known_findings(results.cases)
    sites, fired = sites_found(results.variants), sites_fired(results.cases)
    full = frozenset(_worst((*found, *unreached, *known)))
    pairs = pairs_of((line.case for line in results.cases), serving_in(results.variants))
    page = Page(results, evidence, suffix, past, full, pairs)
    bad = [line for line in (*unhealthy, *results.cases) if line.case_id in full]
    return _template().generate(
        version=chaos.__version__,
        style=Markup(_own("report.css")),
        script=Markup(_own("report.js")),
        policy=policy(),
        started=results.started,
        target=one_line(results.started.target),
        results=results,
        counts=_counts(results, past),
        since=_since(results, past),
        fixed=sorted(_fixed(results, past)),
        covered=coverage(sites, planned_sites(results), fired),
        calls=[name in fired for name in sites if is_call(name)],
        quiet_sites=[one_line(name) for name in sites if name not in fired],
        baselines=[page.table_line(line_of(variant.baseline)) for variant in results.variants],
        filters=_filters(results),
        grid=page.grid(matrix_of(results)),
        findings=[page.listed(finding) for finding in found[:MOST_FINDINGS]],
        unreached=[page.listed(finding) for finding in unreached[:MOST_FINDINGS]],
        known=[page.listed(finding) for finding in known[:MOST_FINDINGS]],
        overdue=[one_line(line.told) for line in results.settled if line.fails_the_job or line.state is State.NO_CASE],
        moves=page.moves(halves := backends_against_each_other(results.cases)),
        moved=moved(halves),
        backends_counted=counted(halves),
        more_moves=max(0, len(halves.differ) - TOLD),
        has_sections=bool(bad),
        shown=len(bad),
        left_out=sum(line.grade is not Grade.PASS for line in results.cases) + len(unhealthy) - len(bad),
        sections=map(page.section, bad),
        lines=map(page.table_line, results.cases),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_own("report.html.j2"))


def read_ahead() -> None:
    """Read what the page is made from. To be called at the beginning: chaos may be upgraded under a sweep that runs, and a
    template of the next release does not fit the values of this one."""
    for name in PARTS:
        _own(name)


@functools.cache
def _own(name: str) -> str:
    return resources.files("chaos.report").joinpath(name).read_text(encoding="utf-8")


def policy() -> str:
    """The content policy of the page: our own style and script, by their hashes, and nothing from anywhere."""
    style, script = (base64.b64encode(hashlib.sha256(_own(name).encode()).digest()).decode()
                     for name in ("report.css", "report.js"))
    return (f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; "
            "form-action 'none'")


def anchor(case: Case) -> str:
    """Where a case's section is: the same from run to run, so that a link to it can be kept."""
    return "case-" + hashlib.sha256(format_case(case).encode()).hexdigest()[:12]


def _worst(found: Iterable[Finding]) -> Iterator[str]:
    """The ids of the cases to show in full: of each finding the shortest, then of each the next, the worst finding first."""
    turns = zip_longest(*(finding.cases for finding in found))
    return islice((line.case_id for turn in turns for line in turn if line is not None), MOST_SECTIONS)


# --- the header ----------------------------------------------------------------------------------------------------


def _counts(results: Results, past: Sequence[Night]) -> list[tuple[str, int, str]]:
    """Each verdict, how many, and by how many more or fewer than last time."""
    last = past[-1].counts if past else None
    return [(grade.value, count, "" if last is None else f"{count - last.get(grade, 0):+d}")
            for grade, count in by_grade(results.cases).items()]


def _since(results: Results, past: Sequence[Night]) -> str:
    """Cases that this run left out are no progress, so they are told apart."""
    found = since_last(past, results)
    if found is None:
        return ""
    undecided = f", {len(found.undecided)} that failed could not be judged" if found.undecided else ""
    left = f", {len(found.not_run)} that failed did not run" if found.not_run else ""
    return (f"Since {one_line(past[-1].name)} ({past[-1].total} cases): {len(found.new)} new failures, "
            f"{len(found.fixed)} that failed do not any more{undecided}{left}.")


def _fixed(results: Results, past: Sequence[Night]) -> frozenset[str]:
    found = since_last(past, results)
    return found.fixed if found else frozenset()


# --- the filter ----------------------------------------------------------------------------------------------------


def tags_of(line: Line) -> Tags:
    sites = dict.fromkeys(fault.site for fault in line.case.faults)
    areas = dict.fromkeys(map(_area, sites))
    return Tags(" ".join(areas), " ".join(dict.fromkeys(map(_word, map(row_of, sites)))), " ".join(line.promises),
                line.grade.value, line.case.backend)


def _area(site: str) -> str:
    if is_call(site):
        return "traced-calls"
    return _word(BY_NAME[site].area.value) if site in BY_NAME else "other"


def _word(text: str) -> str:
    return text.replace(" ", "-")


def _together(tags: Iterable[Tags]) -> Tags:
    parts = zip(*((one.area, one.site, one.promise, one.verdict, one.backend) for one in tags), strict=True)
    return Tags(*(" ".join(dict.fromkeys(" ".join(values).split())) for values in parts))


def _filters(results: Results) -> list[tuple[str, list[str]]]:
    """What can be asked, and the values that occur; nothing where there is nothing to choose from."""
    found: dict[str, dict[str, None]] = {name: {} for name in ("verdict", "promise", "area", "site", "backend")}
    for line in results.cases:
        tags = tags_of(line)
        for name, values in found.items():
            values.update(dict.fromkeys(getattr(tags, name).split()))
    order = [*(grade.value for grade in Grade), *PROMISE_ORDER]
    return [(name, sorted(values, key=lambda value: (order.index(value) if value in order else 99, value)))
            for name, values in found.items() if values]


# --- matrix, findings, sections, table -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """What every part of the page is made from. ``full``: the ids of the cases that have a section; ``pairs``: what each
    case is on the other backend."""

    results: Results
    evidence: Evidence
    suffix: str
    past: Sequence[Night]
    full: frozenset[str]
    pairs: Mapping[Case, Case]

    def grid(self, matrix: Matrix) -> Grid:
        before = _milestones(self.results, matrix.sites)
        rows = [Row(site, before.get(site, ()), tuple(chain.from_iterable(self._cells(matrix, site, column)
                                                                          for column in matrix.columns)))
                for site in matrix.sites]
        return Grid(
            tuple((column.action, LIFETIMES[column.lifetime]) for column in matrix.columns),
            tuple((group[0].backend, " ".join(map(_size, group))) for group in matrix.backends),
            tuple(rows),
            tuple((letter, MEANINGS[letter]) for letter in matrix.letters),
        )

    def _cells(self, matrix: Matrix, site: str, column: Column) -> Iterator[Cell]:
        """The letters of each backend; no letters, not dashes, where the site has no case in this column at all."""
        marks = matrix.cell(site, column) or ((),) * len(matrix.backends)
        differs = _differs(matrix, marks)
        for group, letters in zip(matrix.backends, marks, strict=True):
            yield Cell(tuple(self._letter(mark, where) for mark, where in zip(letters, group, strict=False)), differs)

    def _letter(self, mark: Mark, variation: Variation) -> Letter:
        line = mark.worst
        if line is None:
            return Letter(mark.letter, "none", f"{variation.label}: {MEANINGS[mark.letter]}", "")
        more = f" (the worst of {mark.count} cases)" if mark.count > 1 else ""
        title = f"{line.case_id}: {line.outcome}, {ended(line.ending, line.elapsed_s)}{more}"
        return Letter(mark.letter, line.grade.value, title, self._link(line), f"{line.elapsed_s:.1f}", tags_of(line))

    def _link(self, line: Line) -> str:
        return anchor(line.case) if line.case_id in self.full else ""

    def listed(self, finding: Finding) -> Listed:
        return Listed(
            finding.grade.value,
            finding.what,
            finding.why,
            reproduce_line(finding.shortest.case, self.suffix),
            len(finding.cases),
            tuple((line.case_id, self._link(line)) for line in finding.cases[:MOST_CASES]),
            _together(map(tags_of, finding.cases)),
            anchor(finding.shortest.case).replace("case-", "finding-"),
            self._new(finding),
            one_line(finding.known.told) if finding.known else "",
        )

    def _new(self, finding: Finding) -> str:
        if not self.past or finding.grade is not Grade.FAIL:
            return ""
        new = sum(line.case_id not in self.past[-1].failing for line in finding.cases)
        return "new" if new == len(finding.cases) else f"{new} of {len(finding.cases)} cases new" if new else ""

    def section(self, line: Line) -> Section:
        judged = next((one for one in self.results.unhealthy_baselines if one.case == line.case), None) \
            or self.evidence.judged(line)
        seen, verdict = judged.seen, judged.verdict
        proof = [f"{seen.proof.kind}, if {seen.proof.assumption}", *clean_lines(seen.proof.text)] if seen.proof else []
        blocks = (
            ("proof that it cannot go on by itself", proof),
            ("timeline (seconds after exec)", timeline(seen)),
            ("processes", process_tree(seen.processes, seen.leftovers)),
            ("left behind", left_behind(seen)),
            (log_title(seen), log_excerpt(seen, lines=LOG_LINES)),
            ("stacks", clean_lines(seen.stacks)),
        )
        return Section(
            anchor(judged.case),
            line.case_id,
            verdict.grade.value,
            verdict.outcome.value,
            ended(seen.ending, seen.elapsed_s),
            tuple((broken.promise, one_line(broken.because)) for broken in verdict.broken),
            (*(one_line(text) for text in (verdict.note, seen.harness) if text), *started_as(seen)),
            tuple((title, lines) for title, lines in blocks if lines),
            tuple(self._beside(judged)),
            tuple((one_line(night.name), _told(night, line.case_id)) for night in self.past),
            reproduce_line(judged.case, self.suffix),
            tags_of(line),
        )

    def _beside(self, judged: Judged) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
        """Two runs of one case next to each other: on the two backends; warm and cold, where those disagree."""
        other = self.pairs.get(judged.case)
        twin = other and _find(self.results.cases, format_case(other))
        if twin:
            sides = sorted([judged, self.evidence.judged(twin)], key=lambda one: one.case.backend)
            yield "eventlet beside threading", tuple(
                (f"{one.case.backend}: {one.verdict.grade} {one.verdict.outcome}{_where(judged.case, one.case)}",
                 _side(one.seen)) for one in sides)
        if judged.beside is not None:
            yield "a cold run beside a warm one", (("cold", _side(judged.seen)), ("warm", _side(judged.beside)))

    def moves(self, halves: Halves) -> list[Moved]:
        """The worst of what differs on the other backend."""
        return [Moved(one.move.value, one.halves, tuple((line.case_id, self._link(line)) for line in self._shown_of(one)),
                      (one.before.grade.value, one.after.grade.value), _together(map(tags_of, (one.before, one.after))))
                for one in halves.differ[:TOLD]]

    def _shown_of(self, one: Difference) -> tuple[Line, ...]:
        """Both cases of a pair where they differ by more than the backend, else the one that has a section."""
        if len(one.ids) > 1:
            return one.before, one.after
        return (one.after if self._link(one.after) else one.before,)

    def table_line(self, line: Line) -> TableLine:
        link = self._link(line)
        return TableLine(
            line.case_id,
            link,
            "" if link or line.grade is Grade.PASS else reproduce_line(line.case, self.suffix),
            line.grade.value,
            line.outcome.value,
            line.fired,
            ended(line.ending, line.elapsed_s),
            "never" if line.ready_s is None else f"{line.ready_s:.2f} s",
            tags_of(line),
        )


def _size(variation: Variation) -> str:
    return f"w{variation.workers}" + (f"-{variation.transport}" if variation.transport else "")


def _differs(matrix: Matrix, marks: Sequence[Sequence[Mark]]) -> bool:
    """Whether one case ended otherwise on another backend. What chaos lost says nothing of a backend."""
    outcomes: dict[str, set[str]] = {}
    for group, letters in zip(matrix.backends, marks, strict=True):
        for variation, mark in zip(group, letters, strict=False):
            if mark.worst is not None and mark.worst.outcome is not Outcome.HARNESS_ERROR:
                outcomes.setdefault(_size(variation), set()).add(mark.letter)
    return any(len(letters) > 1 for letters in outcomes.values())


def _milestones(results: Results, sites: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each row the milestones that come between it and the row before, as the first baseline passed them."""
    if not results.variants:
        return {}
    variant = results.variants[0]
    at_s: dict[str, float] = {}
    for site in variant.sites:
        at_s.setdefault(row_of(site.name), site.at_s)
    first: dict[str, float] = {}
    for milestone in sorted(variant.baseline.seen.milestones, key=lambda one: one.at_s):
        first.setdefault(milestone.name, milestone.at_s)
    left = list(first)
    found: dict[str, tuple[str, ...]] = {}
    for row in sites:
        passed = [name for name in left if row in at_s and first[name] <= at_s[row]]
        found[row] = tuple(map(one_line, passed))
        left = [name for name in left if name not in passed]
    return found


def _find(cases: Sequence[Line], case_id: str) -> Line | None:
    at = bisect_left(cases, case_id, key=lambda line: line.case_id)
    return cases[at] if at < len(cases) and cases[at].case_id == case_id else None


def _where(mine: Case, shown: Case) -> str:
    """The other's id where it differs by more than the backend: with one worker the launcher may be the service itself."""
    return f", {format_case(shown)}" if shown.backend != mine.backend and is_by_part(mine, shown) else ""


def _side(seen: Observation) -> str:
    return "\n".join([ended(seen.ending, seen.elapsed_s), "", *timeline(seen), "", *log_excerpt(seen, lines=12)])


def _told(night: Night, case_id: str) -> str:
    if case_id not in night.cases:
        return "not run"
    outcome, grade = night.cases[case_id]
    return f"{grade} {outcome}"
