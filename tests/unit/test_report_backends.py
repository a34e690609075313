"""What the move from one backend to the other changes: which cases, in which order, in which words."""

from __future__ import annotations

import pytest
from observations import an_observation, judged
from test_report_literals import a_sweep, evidence_of, results_of

from chaos.caseid import parse_case
from chaos.model import Broken, Expectation, Grade, Judged, Outcome, Verdict
from chaos.report.backends import TOLD, Halves, halves_as_data, halves_as_markdown, halves_as_text
from chaos.report.backends import backends_against_each_other as of_lines
from chaos.report.html import html_parts
from chaos.report.markdown import markdown_lines
from chaos.report.results import line_of

SAME = "same-on-both-backends"


def halves_of(cases: list[Judged]) -> Halves:
    return of_lines(map(line_of, cases))


def told(cases: list[Judged]) -> list[str]:
    return halves_as_text(halves_of(cases)).splitlines()


def _half(backend: str, outcome: Outcome, site: str = "service.start", *serving: str, breaks: str = "") -> Judged:
    broken = tuple(Broken(one, f"why {one}") for one in breaks.split())
    grade = Grade.PASS if outcome in (Outcome.STARTED, Outcome.CLEAN_EXIT, Outcome.RECOVERED) and not broken else Grade.FAIL
    seen = an_observation(expected=Expectation(1, serving_roles=serving))
    return judged(parse_case(f"s/{backend}/w1/{site}=raise"), seen, Verdict(outcome, grade, broken))


def _pair(site: str, before: Outcome, after: Outcome, *, was: str = "", now: str = "") -> list[Judged]:
    return [_half("threading", after, site, breaks=now), _half("eventlet", before, site, breaks=was)]


def test_a_case_with_two_outcomes_is_told_with_both() -> None:
    assert told(_pair("service.start", Outcome.CLEAN_EXIT, Outcome.RESPAWN_LOOP)) == [
        "worse: 1", "  s/eventlet/w1/service.start=raise", "    eventlet: clean-exit (pass); threading: respawn-loop (fail)",
        "1 cases ran on both backends, 1 with different outcomes"]


def test_a_case_with_one_outcome_and_a_case_of_one_half_are_not_told() -> None:
    cases = [*_pair("service.start", Outcome.STARTED, Outcome.STARTED), _half("eventlet", Outcome.DEGRADED, "service.stop")]
    assert told(cases) == ["1 cases ran on both backends, 0 with different outcomes; 1 ran on one only"]


def test_one_outcome_with_other_broken_promises_is_a_difference_and_the_mark_of_the_pair_is_none() -> None:
    cases = _pair("service.start", Outcome.CLEAN_EXIT, Outcome.CLEAN_EXIT, now="nobody-left")
    assert told(cases) == [
        "worse: 1", "  s/eventlet/w1/service.start=raise",
        "    eventlet: clean-exit (pass); threading: clean-exit (fail: nobody-left)",
        "1 cases ran on both backends, 0 with different outcomes; 1 with one outcome and other broken promises"]
    assert len(told(_pair("service.start", Outcome.DEGRADED, Outcome.DEGRADED, was=SAME))) == 1


def test_the_worst_move_stands_first_and_an_improvement_last() -> None:
    """By what the move does, then by what comes after it; the ids are in an order of their own."""
    cases = [*_pair("service.a", Outcome.DEGRADED, Outcome.RETRY_LOOP),
             *_pair("service.b", Outcome.HANG_PROVEN, Outcome.CLEAN_EXIT),
             *_pair("service.c", Outcome.STARTED, Outcome.RECOVERED, was=SAME, now=SAME),
             *_pair("service.d", Outcome.CLEAN_EXIT, Outcome.SILENT_EXIT),
             *_pair("service.e", Outcome.CLEAN_EXIT, Outcome.HANG_PROVEN),
             *_pair("service.f", Outcome.STARTED, Outcome.STARTED, now="keeps-secrets"),
             *_pair("service.g", Outcome.KILLED, Outcome.FALSE_SUCCESS)]
    halves = halves_of(cases)
    assert [one.before.case.faults[0].site[-1] for one in halves.differ] == ["e", "d", "f", "g", "a", "c", "b"]
    assert halves.moves == (("worse", 3), ("both fail", 2), ("otherwise", 1), ("better", 1))


def test_a_service_that_is_the_launcher_here_and_a_worker_there_is_told_with_both_ids() -> None:
    cases = [_half("threading", Outcome.RESPAWN_LOOP, "service.start@worker", "worker.0"),
             _half("eventlet", Outcome.FALSE_SUCCESS, "service.start@parent", "parent")]
    assert told(cases) == [
        "both fail: 1", "  s/eventlet/w1/service.start@parent=raise", "  s/threading/w1/service.start@worker=raise",
        "    eventlet: false-success (fail); threading: respawn-loop (fail)",
        "1 cases ran on both backends, 1 with different outcomes",
    ]
    assert "service.start@parent=raise` and `s/threading" in halves_as_markdown(halves_of(cases))
    assert halves_as_data(halves_of(cases))["differ"][0]["twin"] == "s/threading/w1/service.start@worker=raise"


def test_a_thread_of_the_service_and_one_of_the_launcher_are_counted_and_not_compared() -> None:
    cases = [_half("eventlet", Outcome.STARTED, "thread.spawn@parent", "parent"),
             _half("threading", Outcome.RESPAWN_LOOP, "thread.spawn@parent", "worker.0")]
    assert told(cases) == ["1 cases ran on both backends, 0 with different outcomes; "
                           "in 1 the fault met another thing on each"]


def test_chaos_own_fault_says_nothing_of_a_backend() -> None:
    assert len(told(_pair("service.start", Outcome.STARTED, Outcome.HARNESS_ERROR))) == 1


def test_the_halves_of_a_report_have_the_same_three_forms() -> None:
    halves = halves_of(_pair("service.start", Outcome.CLEAN_EXIT, Outcome.RESPAWN_LOOP))
    row = "| worse | `s/eventlet/w1/service.start=raise` | clean-exit (pass) | respawn-loop (fail) |"
    assert row in halves_as_markdown(halves)
    data = halves_as_data(halves)["differ"][0]
    assert (data["threading"]["outcome"], data["move"], data["twin"]) == (
        "respawn-loop", "worse", "s/threading/w1/service.start=raise")


# --- on a page about more --------------------------------------------------------------------------------------------


def _swept(cases: list[Judged]) -> tuple[str, str]:
    """``summary.md`` and ``report.html`` of a sweep with these cases."""
    events = a_sweep(cases)
    results, evidence = results_of(events), evidence_of(events)
    return "".join(markdown_lines(results, evidence)), "".join(html_parts(results, evidence))


def test_the_page_and_the_summary_show_what_the_move_changes_the_worst_first() -> None:
    cases = [*_pair("service.a", Outcome.HANG_PROVEN, Outcome.CLEAN_EXIT),
             *_pair("service.b", Outcome.CLEAN_EXIT, Outcome.HANG_PROVEN)]
    summary, page = _swept(cases)
    rows = [line for line in summary.splitlines() if line.startswith(("| worse", "| better"))]
    assert [row.split("`")[1] for row in rows] == ["s/eventlet/w1/service.b=raise", "s/eventlet/w1/service.a=raise"]
    assert "### From eventlet to threading: 1 worse, 1 better\n" in summary
    section = page.partition('id="backends"')[2].partition("<h2")[0]
    assert "From eventlet to threading: 1 worse, 1 better" in section
    assert section.index("service.b=raise") < section.index("service.a=raise")
    assert 's/threading/w1/service.b=raise</a>' in section         # the half that has a section is the one to look at


@pytest.mark.parametrize("cases", [
    [_half("eventlet", Outcome.DEGRADED)], _pair("service.start", Outcome.STARTED, Outcome.STARTED)])
def test_where_nothing_differs_neither_says_anything(cases: list[Judged]) -> None:
    summary, page = _swept(cases)
    assert "From eventlet" not in summary
    assert 'id="backends"' not in page


def test_of_many_differences_both_show_the_worst_and_say_how_many_more_there_are() -> None:
    cases = [one for number in range(TOLD + 3) for one in _pair(f"service.n{number:02}", Outcome.STARTED, Outcome.DEGRADED)]
    summary, page = _swept(cases)
    assert summary.count("| worse |") == TOLD and "3 more, by `chaos compare --backends`" in summary
    assert page.partition('id="backends"')[2].partition("<h2")[0].count("<b>worse</b>") == TOLD
    assert "3 more by <code>chaos compare --backends</code>" in page
