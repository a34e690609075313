"""``junit.xml`` for whatever reads JUnit: one testcase a case. Other formats, and the judging, are elsewhere.

JUnit has no agreed schema; this is the common part of what Jenkins, GitLab and GitHub's actions read. Nothing is ever
``<skipped>``: a fault that never fired, or a run that chaos could not judge, proves nothing, and most readers show a
skipped test as green. Both are ``<error>``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from chaos.caseid import format_case
from chaos.model import Grade, Judged
from chaos.report.document import TAIL_CHARACTERS, TAIL_LINES, reproduce_line
from chaos.report.filereport import FileReport
from chaos.report.findings import why
from chaos.report.results import Results, by_grade, keep_failures
from chaos.report.safetext import clean_lines, for_xml, tail

_ELEMENT = {Grade.FAIL: "failure", Grade.UNREACHED: "error", Grade.UNKNOWN: "error"}


def junit_report(path: Path, *, suffix: str = "") -> FileReport:
    """The consumer that writes ``junit.xml``. ``suffix`` ends every reproduce line."""
    return FileReport(path, lambda results: [junit_text(results, suffix)], keep=keep_failures)


def junit_text(results: Results, suffix: str = "") -> str:
    """The file's text. An unhealthy baseline is a testcase too, or a sweep that ended there would be green."""
    cases = (*results.unhealthy_baselines, *results.cases)
    root = ET.Element("testsuites", {"name": "chaos", **_totals(cases)})
    suite = ET.SubElement(root, "testsuite", {"name": for_xml(f"chaos {results.started.target}"), **_totals(cases)})
    suite.set("time", f"{results.elapsed_s or 0.0:.3f}")
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(results):
        ET.SubElement(properties, "property", name=name, value=for_xml(value))
    suite.extend(case_element(judged, suffix) for judged in cases)
    ET.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ET.tostring(root, encoding="unicode") + "\n"


def _totals(cases: tuple[Judged, ...]) -> dict[str, str]:
    counts = by_grade(cases)
    errors = counts[Grade.UNREACHED] + counts[Grade.UNKNOWN]
    return {"tests": str(len(cases)), "failures": str(counts[Grade.FAIL]), "errors": str(errors), "skipped": "0"}


def _properties(results: Results) -> Iterator[tuple[str, str]]:
    started = results.started
    yield from (("seed", str(started.seed)), ("jobs", str(started.jobs)), ("profile", started.profile))
    yield "cases_planned", str(len(results.planned))
    yield "interrupted", str(results.interrupted).lower()
    yield from started.versions


def case_element(judged: Judged, suffix: str) -> ET.Element:
    """One case; for a bad one an element whose text begins with the command that runs it again."""
    case, verdict = judged.case, judged.verdict
    element = ET.Element(
        "testcase",
        name=for_xml(format_case(case)),
        classname=for_xml(f"{case.target}.{case.backend}"),
        time=f"{judged.seen.elapsed_s:.3f}",
    )
    kind = _ELEMENT.get(verdict.grade)
    if kind is not None:
        message = for_xml(f"{verdict.outcome}: {why(judged)}")
        bad = ET.SubElement(element, kind, type=verdict.outcome.value, message=message)
        bad.text = for_xml("\n".join(_told(judged, suffix)))
    return element


def _told(judged: Judged, suffix: str) -> Iterator[str]:
    """Reproduce line, promises, notes, log, stacks, in the order in which a reader of a CI page wants them."""
    seen, verdict = judged.seen, judged.verdict
    yield reproduce_line(judged.case, suffix)
    yield from (f"{broken.promise}: {broken.because}" for broken in verdict.broken)
    yield from (text for text in (verdict.note, seen.harness) if text)
    log = tail(seen.output, lines=TAIL_LINES, characters=TAIL_CHARACTERS)
    yield from ("", "last log lines:", log) if log else ()
    yield from ("", "stacks:", *clean_lines(seen.stacks)) if seen.stacks else ()
