"""Two sets of verdicts side by side, as text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from observations import an_observation, judged

from chaos.caseid import parse_case
from chaos.compare import as_data, as_markdown, as_text, comparison
from chaos.model import Grade, Outcome, Verdict
from chaos.report.results import Line, line_of

ONE = "s/threading/w1/service.start=raise"
TWO = "s/threading/w1/service.stop=raise"


def a_verdict(outcome: Outcome, case_id: str = ONE) -> Line:
    grade = Grade.PASS if outcome in (Outcome.STARTED, Outcome.CLEAN_EXIT) else Grade.FAIL
    if outcome is Outcome.UNREACHED:
        grade = Grade.UNREACHED
    return line_of(judged(parse_case(case_id), an_observation(), Verdict(outcome, grade)))


PASSES, FAILS = a_verdict(Outcome.CLEAN_EXIT), a_verdict(Outcome.RESPAWN_LOOP)
NOTHING = "0 new, 0 fixed, 0 still failing, 0 changed outcome, 0 slower, 0 only in the old report, 0 only in the new report"


def compared(old: list[Line], new: list[Line]) -> str:
    return as_text(comparison(old, new))


def test_two_equal_reports_differ_in_nothing() -> None:
    assert compared([PASSES], [PASSES]) == NOTHING
    assert compared([], []) == NOTHING


def test_a_failure_that_was_a_pass_is_new() -> None:
    assert compared([PASSES], [FAILS]).splitlines() == [
        "new: 1", f"  {ONE}  clean-exit -> respawn-loop", "changed outcome: 1", f"  {ONE}  clean-exit -> respawn-loop",
        NOTHING.replace("0 new", "1 new").replace("0 changed", "1 changed"),
    ]


def test_a_pass_that_was_a_failure_is_fixed() -> None:
    assert "fixed: 1\n" in compared([FAILS], [PASSES])


def test_a_failure_that_is_no_longer_reached_is_not_fixed() -> None:
    text = compared([FAILS], [a_verdict(Outcome.UNREACHED)])
    assert "fixed: " not in text
    assert f"{ONE}  respawn-loop -> unreached" in text


def test_a_failure_that_fails_otherwise_is_still_failing_and_changed() -> None:
    text = compared([FAILS], [a_verdict(Outcome.DEGRADED)])
    assert "still failing: 1\n" in text
    assert "changed outcome: 1\n" in text


def test_a_failing_case_that_was_not_there_before_is_new() -> None:
    text = compared([], [FAILS])
    assert f"new: 1\n  {ONE}  not run -> respawn-loop" in text
    assert "only in the new report: 1" in text


def test_a_case_that_is_gone_is_told() -> None:
    assert f"only in the old report: 1\n  {ONE}\n" in compared([PASSES], [])


def test_cases_are_sorted_by_id_whatever_their_order() -> None:
    both = [FAILS, a_verdict(Outcome.RESPAWN_LOOP, TWO)]
    assert compared([], both) == compared([], both[::-1])


# --- slower, and the other formats -----------------------------------------------------------------------------------


def _taking(elapsed_s: float, outcome: Outcome = Outcome.CLEAN_EXIT) -> list[Line]:
    return [replace(a_verdict(outcome), elapsed_s=elapsed_s)]


@pytest.mark.parametrize(("was_s", "now_s", "slower"), [
    (1.0, 1.5, 1), (1.0, 1.49, 0), (0.1, 0.5, 0), (0.1, 0.6, 1), (10.0, 14.9, 0), (10.0, 15.0, 1), (2.0, 1.0, 0),
])
def test_slower_is_half_as_long_again_and_half_a_second_more(was_s: float, now_s: float, slower: int) -> None:
    assert len(comparison(_taking(was_s), _taking(now_s))["slower"]) == slower


def test_a_slower_case_is_told_with_both_times_and_another_outcome_is_not_called_slower() -> None:
    assert f"slower: 1\n  {ONE}  1.00 s -> 3.00 s" in compared(_taking(1.0), _taking(3.0))
    assert comparison(_taking(1.0), _taking(9.0, Outcome.HANG_PROVEN))["slower"] == []


def test_of_many_that_are_slower_the_ones_that_grew_most_are_told_and_the_data_has_all() -> None:
    ids = [f"scheduler/eventlet/w1/thread.spawn#{n}=raise:MemoryError" for n in range(1, 26)]
    before = [a_verdict(Outcome.CLEAN_EXIT, case_id) for case_id in ids]
    found = comparison(before, [replace(line, elapsed_s=line.elapsed_s + 1 + n) for n, line in enumerate(before)])
    for text in (as_text(found), as_markdown(found)):
        told = [one for line in text.splitlines() for one in ids if f"{one} " in line.replace("`", " ")]
        assert told == ids[:4:-1]
        assert "25, these 20 most" in text
    assert len(as_data(found)["slower"]) == 25


def test_a_reason_cannot_break_a_table_or_be_markup() -> None:
    hostile = replace(FAILS, why="status: a | b <script>alert(1)</script> `x` [l](http://e) \n @all #1")
    text = as_markdown(comparison([PASSES], [hostile]))
    rows = [line for line in text.splitlines() if ONE in line]
    assert [row.count("|") for row in rows] == [4, 4]
    assert "<script" not in text
    assert not [mark for mark in ("](", "@all", " #1") if mark in text]


def test_the_data_of_a_comparison_has_every_group_and_both_sides() -> None:
    data = json.loads(json.dumps(as_data(comparison([PASSES], [FAILS]))))
    assert data["new"][0]["was"]["outcome"] == "clean-exit"
    assert data["new"][0]["now"]["verdict"] == "fail"
    assert set(data) == {"schema", "new", "fixed", "still_failing", "changed_outcome", "slower", "only_in_the_old_report",
                         "only_in_the_new_report"}
