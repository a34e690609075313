"""``summary.md``: a sweep on one page of Markdown, for what a CI system shows of a job. Pure; other formats are elsewhere.

What a target wrote stands in it as text only: none of it can end a cell, open markup or call somebody by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chaos.report.backends import backends_against_each_other, markdown_table, moved
from chaos.report.closing import all_bad, counted, counted_noun, qualified
from chaos.report.document import reproduce_line
from chaos.report.findings import Finding, findings, known_findings, never_reached
from chaos.report.history import Night, since_last
from chaos.report.results import Evidence, Results, by_grade
from chaos.report.safetext import clipped, for_markdown

TOLD = 20
"""Findings in a table. GitHub cuts a summary at one megabyte, and a reader stops long before."""
WHY_CHARACTERS = 300


def markdown_lines(results: Results, evidence: Evidence | None, suffix: str = "",
                   past: Sequence[Night] = ()) -> Iterator[str]:
    """The page, a piece at a time. It needs no evidence; ``past``: the nights before this one, the oldest first."""
    found = findings(all_bad(results))
    yield from _lines(_heading(results), "", *_figures(results, past), "")
    yield from _table("Findings, worst first", found, past)
    if found:
        yield from _lines("The worst one again:", "", "```sh", reproduce_line(found[0].shortest.case, suffix), "```", "")
    yield from _moved(results)
    yield from _table("Never reached, which proves nothing", never_reached(results.cases), ())
    yield from _table("Known, and not counted against the job", known_findings(results.cases), ())
    overdue = [line.told for line in results.settled if line.fails_the_job]
    if overdue:
        rows = (f"- {for_markdown(told)}" for told in overdue)
        yield from _lines("**Known findings that fail the job now**", "", *rows, "")


def _lines(*lines: str) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _heading(results: Results) -> str:
    started = results.started
    transport = results.variants[0].baseline.case.transport if results.variants else None
    return f"## chaos: {for_markdown(started.target)}{f' on {transport}' if transport else ''}, profile {started.profile}"


def _figures(results: Results, past: Sequence[Night]) -> Iterator[str]:
    time = f" in {results.elapsed_s:.0f} s" if results.elapsed_s is not None else ""
    counts = counted(by_grade(results.cases).items())
    yield f"**{counted_noun(len(results.cases), 'case')}: {counts}**{time}, seed {results.started.seed}"
    for text in qualified(results):
        yield f"<br>{for_markdown(text)}"
    if found := since_last(past, results):
        yield (f"<br>since {past[-1].name}: {len(found.new)} new, {len(found.fixed)} gone, {len(found.still)} still failing"
               f"{found.doubtful}")


def _moved(results: Results) -> Iterator[str]:
    """What the move from one backend to the other changes; nothing where no case ran on both, or none differs."""
    halves = backends_against_each_other(results.cases)
    if halves.differ:
        title = moved(halves)
        yield from _lines(f"### {title[0].upper()}{title[1:]}", *markdown_table(halves), "")


def _table(title: str, found: Sequence[Finding], past: Sequence[Night]) -> Iterator[str]:
    """A row a finding; one of which no case failed in the last night is marked as new."""
    if not found:
        return
    yield from _lines(f"### {title}: {len(found)}", "", "| | what | shortest case | why |", "|---|---|---|---|")
    before = past[-1].failing if past else None
    for number, finding in enumerate(found[:TOLD], 1):
        is_new = before is not None and not any(line.case_id in before for line in finding.cases)
        why = for_markdown(clipped(finding.why, limit=WHY_CHARACTERS))
        yield from _lines(f"| {number} | {'**new** ' if is_new else ''}{for_markdown(finding.what)} | "
                          f"{_code([finding.shortest.case_id])} | {why} |")
    if len(found) > TOLD:
        yield from _lines(f"| … | {len(found) - TOLD} more, in report.html | | |")
    yield from _lines("")


def _code(ids: Iterable[str]) -> str:
    """Ids need no escape in code: none holds a backtick or a bar."""
    return " ".join(f"`{one}`" for one in ids)
