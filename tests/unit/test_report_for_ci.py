"""What a CI system shows of a sweep: a page of Markdown and annotations, from literal results."""

from __future__ import annotations

import re
from typing import Any

import pytest
from observations import an_observation, judged

from chaos.caseid import parse_case
from chaos.events import SweepStarted
from chaos.model import Broken, Grade, Outcome, Verdict
from chaos.report.annotations import MOST, annotation_lines
from chaos.report.history import Night
from chaos.report.markdown import TOLD, markdown_lines
from chaos.report.results import Line, Results, line_of

FAILS = "s/threading/w1/service.start@worker=raise:RuntimeError"
ALSO = "s/threading/w1/rpc.listen@worker=raise:RuntimeError"
STARTED = SweepStarted("s", 7, 2, "nightly")


def a_line(case_id: str, grade: Grade, outcome: Outcome = Outcome.SILENT_EXIT, because: str = "no word of it") -> Line:
    broken = (Broken("cause", because),) if grade is Grade.FAIL else ()
    return line_of(judged(parse_case(case_id), an_observation(), Verdict(outcome, grade, broken)))


def results(*lines: Line, **changes: Any) -> Results:
    return Results(STARTED, planned=tuple(line.case_id for line in lines), cases=lines, **{"elapsed_s": 3.0, **changes})


def many(count: int, grade: Grade) -> list[Line]:
    """Each a finding of its own: another site."""
    return [a_line(f"s/threading/w1/site.n{number}@worker=raise:RuntimeError", grade) for number in range(count)]


def page(told: Results, **past: Any) -> str:
    return "".join(markdown_lines(told, None, **past))


# --- annotations -----------------------------------------------------------------------------------------------------


def test_what_fails_is_an_error_and_what_proves_nothing_a_warning() -> None:
    lines = list(annotation_lines(results(a_line(FAILS, Grade.FAIL), a_line(ALSO, Grade.UNREACHED, Outcome.UNREACHED))))
    assert lines[0] == ("::error title=silent-exit%3A service.start raise%2C 1 case (threading w1)::"
                        f"cause: no word of it | chaos repro {FAILS}")
    assert lines[1].startswith("::warning title=unreached%3A rpc.listen%2C 1 case (threading w1)::")
    assert lines[2] == "::notice title=chaos s::0 pass, 1 fail, 1 unreached, 0 unknown, seed 7"


def test_no_more_annotations_than_are_shown_and_the_last_one_says_how_many_there_are() -> None:
    lines = list(annotation_lines(results(*many(MOST, Grade.FAIL), *many(0, Grade.UNKNOWN))))
    assert sum(line.startswith("::error ") for line in lines) == MOST
    lines = list(annotation_lines(results(*many(MOST + 5, Grade.FAIL))))
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == MOST
    assert errors[-1] == "::error title=chaos::6 more, in summary.md and report.html"


def test_what_a_target_wrote_begins_no_command_and_ends_no_line() -> None:
    hostile = "50%\n::stop-commands::x\r\n##[error]y\x1b]0;title\x07 \u2028::error::z"
    for line in annotation_lines(results(a_line(FAILS, Grade.FAIL, because=hostile))):
        assert len(line.splitlines()) == 1
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line)
        assert "\x1b" not in line
    first = next(annotation_lines(results(a_line(FAILS, Grade.FAIL, because=hostile))))
    assert "50%25 ::stop-commands" in first


def test_an_interrupted_sweep_says_so_in_a_warning() -> None:
    lines = list(annotation_lines(results(a_line(FAILS, Grade.PASS, Outcome.CLEAN_EXIT), interrupted=True)))
    assert lines[0] == "::warning title=chaos::interrupted: 1 of 1 planned cases were finished"


# --- Markdown --------------------------------------------------------------------------------------------------------


def test_the_page_has_the_counts_each_finding_and_the_command_of_the_worst() -> None:
    text = page(results(a_line(FAILS, Grade.FAIL), a_line(ALSO, Grade.PASS, Outcome.CLEAN_EXIT)))
    assert text.startswith("## chaos: s, profile nightly\n\n**2 cases: 1 pass, 1 fail, 0 unreached, 0 unknown** in 3 s, "
                           "seed 7\n")
    assert f"| 1 | silent-exit: service.start raise, 1 case (threading w1) | `{FAILS}` | cause: no word of it |\n" in text
    assert f"```sh\nchaos repro {FAILS}\n```\n" in text


def test_what_a_target_wrote_is_text_on_the_page() -> None:
    hostile = "| a | b |\n</details><script>@team `x` [y](z) ![i](j) ~~k~~ &amp; #1"
    text = page(results(a_line(FAILS, Grade.FAIL, because=hostile)))
    (row,) = (line for line in text.splitlines() if line.startswith("| 1 |"))
    assert row.count("|") == 5
    why = row.split("|")[4]
    assert not set("<>`@[]!~") & set(why)
    assert not re.search(r"&(?!#\d+;)", why)


def test_a_finding_that_no_case_showed_the_night_before_is_new() -> None:
    before = Night("2026-11-24T03-00-00Z", "s", {Grade.FAIL: 2}, frozenset({ALSO, "not run"}))
    rows = page(results(a_line(FAILS, Grade.FAIL), a_line(ALSO, Grade.FAIL)), past=(before,))
    assert "since 2026-11-24T03-00-00Z: 1 new, 0 gone, 1 still failing, 1 not run" in rows
    assert "**new** silent-exit: service.start" in rows
    assert "**new** silent-exit: rpc.listen" not in rows


@pytest.mark.parametrize(("grade", "told"), [
    (Grade.PASS, "0 new, 1 gone, 0 still failing\n"), (Grade.UNKNOWN, "0 new, 0 gone, 0 still failing, 1 undecided\n"),
    (Grade.UNREACHED, "0 new, 0 gone, 0 still failing, 1 undecided\n"), (Grade.FAIL, "0 new, 0 gone, 1 still failing\n"),
])
def test_only_what_passes_is_gone(grade: Grade, told: str) -> None:
    before = Night("2026-11-24T03-00-00Z", "s", {Grade.FAIL: 1}, frozenset({FAILS}))
    assert told in page(results(a_line(FAILS, grade)), past=(before,))


def test_reports_that_are_shown_together_share_the_ten_annotations() -> None:
    told = results(*many(MOST, Grade.FAIL), *many(MOST, Grade.UNKNOWN))
    lines = [line for _ in range(2) for line in annotation_lines(told, reports=2)]
    assert [sum(line.startswith(f"::{level} ") for line in lines) for level in ("error", "warning", "notice")] == [10, 10, 2]
    assert sum("6 more" in line for line in lines) == 4


def test_a_night_of_many_findings_stays_a_page_and_says_how_many_more_there_are() -> None:
    text = page(results(*many(500, Grade.FAIL)))
    assert f"| … | {500 - TOLD} more, in report.html | | |" in text
    assert len(text) < 20_000
