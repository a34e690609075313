"""``junit.xml`` for whatever reads JUnit: one testcase a case. Other formats, and the judging, are elsewhere.

JUnit has no agreed schema; this is the common part of what Jenkins, GitLab and GitHub's actions read. A known finding is
``<skipped>`` with its reason, as it does not fail the job; nothing else ever is: a fault that never fired, or a run that
chaos could not judge, proves nothing, and most readers show a skipped test as green. Both are ``<error>``. A line of the
known findings that fails the job is a testcase of its own.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator

from chaos.caseid import format_case
from chaos.known import Entry, Settled
from chaos.model import Case, Grade, Judged
from chaos.report.document import TAIL_CHARACTERS, TAIL_LINES, reproduce_line
from chaos.report.explain import whole_log
from chaos.report.results import Evidence, Line, Results, by_grade, line_of, why
from chaos.report.safetext import clean_lines, for_xml, tail

_ELEMENT = {Grade.FAIL: "failure", Grade.UNREACHED: "error", Grade.UNKNOWN: "error"}


def junit_lines(results: Results, evidence: Evidence, suffix: str = "") -> Iterator[str]:
    """The file's text, a testcase at a time; ``suffix`` ends every reproduce line.

    An unhealthy baseline is a testcase too, or a sweep that ended there would be green.
    """
    unhealthy = results.unhealthy_baselines
    overdue = [line for line in results.settled if line.fails_the_job]
    totals = _totals((*map(line_of, unhealthy), *results.cases), len(overdue))
    suite = {"name": for_xml(f"chaos {results.started.target}"), **totals, "time": f"{results.elapsed_s or 0.0:.3f}"}
    yield "<?xml version='1.0' encoding='utf-8'?>\n"
    yield f"{_opening('testsuites', {'name': 'chaos', **totals})}\n  {_opening('testsuite', suite)}\n    <properties>\n"
    for name, value in _properties(results):
        yield _indented(ET.Element("property", name=name, value=for_xml(value)), 3)
    yield "    </properties>\n"
    for judged in unhealthy:
        yield _indented(case_element(judged, suffix), 2)
    for line in results.cases:
        yield _indented(_element(line, evidence, suffix), 2)
    for one in overdue:
        yield _indented(_overdue(one), 2)
    yield "  </testsuite>\n</testsuites>\n"


def _opening(tag: str, attributes: dict[str, str]) -> str:
    return ET.tostring(ET.Element(tag, attributes), encoding="unicode").removesuffix(" />") + ">"


def _indented(element: ET.Element, level: int) -> str:
    ET.indent(element, level=level)
    return "  " * level + ET.tostring(element, encoding="unicode") + "\n"


def _totals(cases: Iterable[Line], overdue: int) -> dict[str, str]:
    cases = tuple(cases)
    counts, known = by_grade(cases), sum(line.known is not None for line in cases)
    errors = counts[Grade.UNREACHED] + counts[Grade.UNKNOWN]
    tests, failures = sum(counts.values()) + overdue, counts[Grade.FAIL] - known + overdue
    return {"tests": str(tests), "failures": str(failures), "errors": str(errors), "skipped": str(known)}


def _element(line: Line, evidence: Evidence, suffix: str) -> ET.Element:
    if line.grade is Grade.PASS:
        return _passed(line)
    return case_element(evidence.judged(line), suffix, line.known)


def _overdue(line: Settled) -> ET.Element:
    element = ET.Element("testcase", name=for_xml(line.entry.case), classname="chaos.known", time="0.000")
    ET.SubElement(element, "failure", type=for_xml(line.state.value), message=for_xml(line.told)).text = for_xml(line.told)
    return element


def _properties(results: Results) -> Iterator[tuple[str, str]]:
    started = results.started
    yield from (("seed", str(started.seed)), ("jobs", str(started.jobs)), ("profile", started.profile))
    yield "cases_planned", str(len(results.planned))
    yield "interrupted", str(results.interrupted).lower()
    yield from started.versions


def _passed(line: Line) -> ET.Element:
    return _testcase(line.case_id, line.case, line.elapsed_s)


def _testcase(case_id: str, case: Case, elapsed_s: float) -> ET.Element:
    classname = for_xml(f"{case.target}.{case.backend}")
    return ET.Element("testcase", name=for_xml(case_id), classname=classname, time=f"{elapsed_s:.3f}")


def case_element(judged: Judged, suffix: str, known: Entry | None = None) -> ET.Element:
    """One case; for a bad one an element whose text begins with the command that runs it again. ``known`` excuses it."""
    verdict = judged.verdict
    element = _testcase(format_case(judged.case), judged.case, judged.seen.elapsed_s)
    kind = _ELEMENT.get(verdict.grade)
    if kind is not None:
        message = for_xml(f"{verdict.outcome}: {why(judged)}")
        if known is not None:
            kind, message = "skipped", for_xml(f"{known.told}; {verdict.outcome}: {why(judged)}")
        bad = ET.SubElement(element, kind, type=verdict.outcome.value, message=message)
        bad.text = for_xml("\n".join(_told(judged, suffix)))
    return element


def _told(judged: Judged, suffix: str) -> Iterator[str]:
    """Reproduce line, promises, notes, log, stacks, in the order in which a reader of a CI page wants them."""
    seen, verdict = judged.seen, judged.verdict
    yield reproduce_line(judged.case, suffix)
    yield from (f"{broken.promise}: {broken.because}" for broken in verdict.broken)
    yield from (text for text in (verdict.note, seen.harness) if text)
    log = tail(whole_log(seen), lines=TAIL_LINES, characters=TAIL_CHARACTERS)
    yield from ("", "last log lines:", log) if log else ()
    yield from ("", "stacks:", *clean_lines(seen.stacks)) if seen.stacks else ()
