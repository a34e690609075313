"""What a terminal shows when a sweep is over, as lines: matrix, findings, summary, the command to type next. Pure.

Colour only repeats what the words and letters say. Everything is wrapped to the width but lines that hold an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from chaos.calls import Rank, is_call, rank
from chaos.known import Settled, State
from chaos.model import Grade
from chaos.report.document import reproduce_line
from chaos.report.explain import story
from chaos.report.findings import Finding, findings, known_findings, never_reached
from chaos.report.matrix import LIFETIMES, MEANINGS, Column, Mark, Matrix, matrix_of
from chaos.report.results import Line, Results, by_grade, coverage, line_of, planned_sites, sites_fired, sites_found
from chaos.report.safetext import one_line, wrapped

STYLES = {Grade.PASS: "green", Grade.FAIL: "bold red", Grade.UNREACHED: "yellow", Grade.UNKNOWN: "bold magenta"}
TOLD_IN_FULL = 20
"""Findings with their reason and command; of the rest a line and an id. Beyond a screen or two nobody reads reasons."""
TOLD_AT_ALL = 300
"""Of still more only how many: the files have them all."""


def closing(results: Results, *, width: int, suffix: str = "", notes: Sequence[str] = ()) -> list[Text]:
    """The end of a sweep. Its last line is the command that runs the worst finding again; all passing, the summary.

    A baseline that is not healthy is told in full, and is then no finding of a list as well.
    """
    found, unreached = findings(results.cases), never_reached(results.cases)
    sections = [
        matrix_lines(matrix_of(results), width),
        *([Text(line) for line in story(judged, width=width)] for judged in results.unhealthy_baselines),
        finding_lines("Findings, worst first", "cause", found, width, suffix),
        finding_lines("Never reached, which proves nothing", "site", unreached, width, suffix),
        finding_lines("Known findings, which do not fail the job", "cause", known_findings(results.cases), width, suffix),
        overdue_lines(results.settled, width),
        [Text(line) for note in notes for line in wrapped(note, width)],
        summary_lines(results, width),
    ]
    worst = (*findings(all_bad(results)), *unreached)[:1]
    last = [Text(reproduce_line(finding.shortest.case, suffix), "bold") for finding in worst]
    return [*(line for section in sections if section for line in (Text(), *section)), *last]


def all_bad(results: Results) -> tuple[Line, ...]:
    """A baseline that is not healthy is a finding too: the only one, since nothing is injected then."""
    return (*map(line_of, results.unhealthy_baselines), *results.cases)


# --- the matrix ----------------------------------------------------------------------------------------------------


def matrix_lines(matrix: Matrix, width: int) -> list[Text]:
    """The matrix in as many blocks of columns as the width asks for, and its legend; nothing where there is no case."""
    if not matrix.sites:
        return []
    site_width = min(max(map(len, matrix.sites)), max(8, width - 12))
    blocks = _blocks(matrix, max(1, width - site_width))
    lines = [line for block in blocks for line in (*_block_lines(matrix, block, site_width), Text())]
    return [*lines, *legend_lines(matrix, width)]


def _column_width(matrix: Matrix, column: Column) -> int:
    return 2 + max(len(column.action), len(LIFETIMES[column.lifetime]), _cell_width(matrix))


def _cell_width(matrix: Matrix) -> int:
    """A letter a variation, and a gap between two backends."""
    return len(matrix.variations) + len(matrix.backends) - 1


def _blocks(matrix: Matrix, room: int) -> list[tuple[Column, ...]]:
    """The columns, in groups that fit into ``room`` cells; never an empty one."""
    blocks: list[tuple[Column, ...]] = [()]
    for column in matrix.columns:
        together = sum(_column_width(matrix, each) for each in (*blocks[-1], column))
        if blocks[-1] and together > room:
            blocks.append(())
        blocks[-1] = (*blocks[-1], column)
    return blocks


def _block_lines(matrix: Matrix, block: Sequence[Column], site_width: int) -> Iterator[Text]:
    """Two lines of heading, then a line a site that has a case in this block."""
    for words in ([column.action for column in block], [LIFETIMES[column.lifetime] for column in block]):
        cells = (f"  {word:{_column_width(matrix, c) - 2}}" for word, c in zip(words, block, strict=True))
        yield Text((" " * site_width + "".join(cells)).rstrip(), "bold")
    for site in matrix.sites:
        line = Text(_shortened(site, site_width).ljust(site_width))
        for column in block:
            line.append_text(_cell(matrix, site, column))
        line.rstrip()
        if len(line) > site_width:
            yield line


def _cell(matrix: Matrix, site: str, column: Column) -> Text:
    """One letter a variation, side by side, a gap between the backends; an empty cell where there is no case at all."""
    groups = [Text.assemble(*map(_letter, group)) for group in matrix.cell(site, column)]
    cell = Text("  ") + Text(" ").join(groups)
    return cell + Text(" " * (_column_width(matrix, column) - len(cell)))


def _letter(mark: Mark) -> tuple[str, str]:
    return mark.letter, STYLES[mark.worst.grade] if mark.worst else ""


def _shortened(site: str, width: int) -> str:
    return site if len(site) <= width else site[: width - 1] + "…"


def legend_lines(matrix: Matrix, width: int) -> list[Text]:
    """What the letters are (those that occur), and what stands side by side."""
    names = "; ".join(", ".join(variation.label for variation in group) for group in matrix.backends)
    places = f"In a cell, from left to right: {names}." if len(matrix.variations) > 1 else f"All cells: {names}."
    worst = " A letter is the worst of its cases." if any(mark.count > 1 for mark in matrix.marks.values()) else ""
    letters = "   ".join(f"{letter}\N{NO-BREAK SPACE}{MEANINGS[letter]}" for letter in matrix.letters)
    lines = [*wrapped(letters, width), *wrapped(places + worst, width)]
    return [Text(line.replace("\N{NO-BREAK SPACE}", " "), "dim") for line in lines]


# --- findings ------------------------------------------------------------------------------------------------------


def finding_lines(title: str, noun: str, found: Sequence[Finding], width: int, suffix: str) -> list[Text]:
    """A heading with the counts, then each finding: one line what, an id to copy, why, the command."""
    if not found:
        return []
    cases = sum(len(finding.cases) for finding in found)
    heading = f"{title}: {counted_noun(len(found), noun)}, {counted_noun(cases, 'case')}"
    told = [line for n, f in enumerate(found[:TOLD_IN_FULL], 1) for line in (Text(), *_in_full(n, f, width, suffix))]
    rest = [line for n, f in enumerate(found[TOLD_IN_FULL:TOLD_AT_ALL], TOLD_IN_FULL + 1)
            for line in _in_short(n, f, width)]
    more = len(found) - TOLD_AT_ALL
    if more > 0:
        rest += _styled(wrapped(f"… and {counted_noun(more, noun)} more, which the files hold", width), "bold")
    return [*_styled(wrapped(heading, width), "bold"), *told, *([Text(), *rest] if rest else [])]


def _in_full(number: int, finding: Finding, width: int, suffix: str) -> Iterator[Text]:
    yield from _in_short(number, finding, width)
    also = [promise for promise in finding.promises if not finding.why.startswith(f"{promise}:")]
    if finding.known is not None:
        yield from map(Text, wrapped(one_line(finding.known.told), width, first="   ", rest="   "))
    yield from map(Text, wrapped(finding.why, width, first="   ", rest="   "))
    if also:
        yield from map(Text, wrapped(f"also broken: {', '.join(also)}", width, first="   ", rest="   "))
    yield Text(f"   {reproduce_line(finding.shortest.case, suffix)}")


def _in_short(number: int, finding: Finding, width: int) -> Iterator[Text]:
    yield from _styled(wrapped(f"{number}. {finding.what}", width, rest="   "), STYLES[finding.grade])
    yield Text(f"   {finding.shortest.case_id}")


def case_lines(line: Line, width: int) -> list[Text]:
    """A bad case, told at once while the sweep goes on: what, its id, why."""
    if line.known is not None:
        told = wrapped(one_line(line.known.told), width, first="  ", rest="  ")
        return [Text(f"KNOWN {line.outcome}"), Text(f"  {line.case_id}"), *map(Text, told)]
    head = [*_styled(wrapped(f"{line.grade.value.upper()} {line.outcome}", width), STYLES[line.grade])]
    return [*head, Text(f"  {line.case_id}"), *map(Text, wrapped(line.why, width, first="  ", rest="  "))]


def overdue_lines(lines: Iterable[Settled], width: int) -> list[Text]:
    """The lines of the known findings that fail the job, a sentence each."""
    told = [one_line(line.told) for line in lines if line.fails_the_job]
    if not told:
        return []
    heading = f"Known findings that fail the job now: {counted_noun(len(told), 'line')}"
    rest = [piece for text in told for piece in wrapped(text, width, first="   ", rest="   ")]
    return [*_styled(wrapped(heading, width), "bold"), *_styled(rest, STYLES[Grade.FAIL])]


# --- the summary ---------------------------------------------------------------------------------------------------


def summary_lines(results: Results, width: int) -> list[Text]:
    """``212 cases: 200 pass, 8 fail, 4 unreached, 0 unknown in 63.2 s, seed 0``, after what qualifies it. No such line where
    nothing was injected."""
    time = f" in {results.elapsed_s:.1f} s" if results.elapsed_s is not None else ""
    counts = counted(by_grade(results.cases).items())
    line = f"{counted_noun(len(results.cases), 'case')}: {counts}{time}, seed {results.started.seed}"
    return [
        *_styled([w for text in qualified(results) for w in wrapped(text, width)], "yellow"),
        *(_styled(wrapped(line, width), "bold") if results.cases or not results.unhealthy_baselines else []),
    ]


def qualified(results: Results) -> Iterator[str]:
    if results.interrupted:
        yield f"interrupted: {len(results.cases)} of {len(results.planned)} planned cases were finished"
    if results.shards:
        yield f"only a part of the plan: shard {', '.join(results.shards)}"
    if results.unhealthy_baselines:
        elsewhere = " where it was tried; the cases are other shards'" if results.cases else ""
        yield f"a start without any fault is not healthy, so nothing was injected{elsewhere}"
    if excused := sum(line.known is not None for line in results.cases):
        yield f"{excused} of the failures {'is' if excused == 1 else 'are'} known and not counted against the job"
    yield from (line.told for line in results.settled if line.state is State.NO_CASE)
    found, fired = sites_found(results.variants), sites_fired(results.cases)
    planned = planned_sites(results)
    if told := coverage(found, planned, fired) if results.cases else "":
        yield told
    if loop := exhaustive_line(found, planned, fired):
        yield loop


def exhaustive_line(found: Iterable[str], planned: Iterable[str], fired: Iterable[str]) -> str:
    """What the exhaustive loop covered, and whether it closed: every call that can fail did fail. "" without one.

    ``found``: the sites of good starts; ``planned``: those of the planned cases; ``fired``: where a fault happened.
    """
    calls = [site for site in found if is_call(site)]
    if not calls:
        return ""
    ranks = [rank(site) for site in calls]
    asked = {site for site in planned if is_call(site)}
    missing = len(asked.difference(fired))
    left = "" if any(rank(site) is Rank.UNREAL for site in asked) else " and left out"
    end = "all of them failed: the loop closed" if not missing else f"{missing} of them did not: the loop is not closed"
    told = f"{len(asked)} were to fail, {end}" if asked else "none of them was to fail in this part of the plan"
    return (f"{counted_noun(len(calls), 'traced call')}: {ranks.count(Rank.REAL)} real, {ranks.count(Rank.PLAUSIBLE)} "
            f"plausible, {ranks.count(Rank.UNREAL)} unreal{left}; {told}")


def counted(counts: Iterable[tuple[Grade, int]]) -> str:
    """``200 pass, 8 fail, 4 unreached, 0 unknown``."""
    return ", ".join(f"{count} {grade}" for grade, count in counts)


def counted_noun(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _styled(lines: Iterable[str], style: str) -> list[Text]:
    return [Text(line, style) for line in lines]
