"""Claims about how bad cases become findings, and where they stand in the matrix."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from test_report_literals import a_baseline, a_hang, a_sweep, an_observation, judged, results_of

from chaos.caseid import format_case
from chaos.model import Exited, Grade, Judged, Lifetime, Outcome, StillRunning
from chaos.report.findings import WORST_FIRST, Finding, reach
from chaos.report.findings import findings as findings_of_lines
from chaos.report.findings import never_reached as never_reached_of_lines
from chaos.report.matrix import LETTERS, Column, Variation, matrix_of
from chaos.report.matrix import letter_of as letter_of_line
from chaos.report.results import PROMISE_ORDER, line_of, sites_found, why

ENDS = (("ends", "it still ran"),)


def findings(cases: Iterable[Judged]) -> tuple[Finding, ...]:
    return findings_of_lines(map(line_of, cases))


def never_reached(cases: Iterable[Judged]) -> tuple[Finding, ...]:
    return never_reached_of_lines(map(line_of, cases))


def letter_of(case: Judged) -> str:
    return letter_of_line(line_of(case))


def failing(case_id: str, outcome: Outcome, broken: tuple[tuple[str, str], ...] = ENDS) -> Judged:
    return judged(case_id, outcome, broken=broken)


def test_cases_that_pass_are_no_findings() -> None:
    assert findings([judged("s/eventlet/w1/service.start=raise")]) == ()


def test_the_same_outcome_promises_site_and_action_are_one_finding_wherever_it_ran() -> None:
    ids = [
        "s/threading/w2/service.start@worker.1#1=raise:MemoryError",
        "s/threading/w1/service.start=raise:RuntimeError",
        "s/eventlet/w2/service.start#1..3=raise:OSError:EAGAIN",
    ]
    (found,) = findings([failing(each, Outcome.RESPAWN_LOOP) for each in ids])
    assert format_case(found.shortest.case) == "s/threading/w1/service.start=raise:RuntimeError"
    assert found.what == "respawn-loop: service.start raise, 3 cases (eventlet w2, threading w1 w2)"


def test_the_case_to_run_again_has_the_fewest_faults_then_workers_then_letters() -> None:
    ids = [
        "s/eventlet/w2/a=raise",
        "s/eventlet/w1/a@worker.0=raise:OSError",
        "s/eventlet/w1/a@worker.0=raise:MemoryError",
    ]
    (found,) = findings([failing(each, Outcome.KILLED) for each in ids])
    assert format_case(found.shortest.case) == ids[1]


@pytest.mark.parametrize(
    "other",
    [
        failing("s/eventlet/w1/service.start=raise", Outcome.LIVELOCK),
        failing("s/eventlet/w1/service.start=raise", Outcome.RESPAWN_LOOP, (*ENDS, ("nobody-left", "pid 5 lived"))),
        failing("s/eventlet/w1/service.init=raise", Outcome.RESPAWN_LOOP),
        failing("s/eventlet/w1/service.start=stall", Outcome.RESPAWN_LOOP),
    ],
)
def test_another_outcome_promise_site_or_action_is_another_finding(other: Judged) -> None:
    first = failing("s/eventlet/w2/service.start=raise", Outcome.RESPAWN_LOOP)
    assert len(findings([first, other])) == 2


def test_network_words_that_cut_a_connection_are_one_family_and_stall_and_freeze_are_two() -> None:
    cut = [failing(f"s/eventlet/w1/rpc.connect={word}", Outcome.RETRY_LOOP) for word in ("refuse", "reset_peer")]
    blocked = [failing(f"s/eventlet/w1/service.start={word}", Outcome.HANG_SUSPECTED) for word in ("stall", "freeze")]
    assert [found.action for found in findings([*cut, *blocked])] == ["freeze", "stall", "cut connection"]


def test_the_worst_outcome_comes_first() -> None:
    cases = [failing(f"s/eventlet/w1/a{n}=raise", outcome) for n, outcome in enumerate(reversed(WORST_FIRST))]
    clean = failing("s/eventlet/w1/b=raise", Outcome.CLEAN_EXIT)
    assert [found.outcome for found in findings([clean, *cases])] == [*WORST_FIRST, Outcome.CLEAN_EXIT]


def test_equal_outcomes_are_ordered_by_promise_and_then_by_reach() -> None:
    leak = failing("s/eventlet/w1/a=raise", Outcome.CLEAN_EXIT, (("keeps-secrets", "a password in the log"),))
    orphan = failing("s/eventlet/w1/b=raise", Outcome.CLEAN_EXIT, (("nobody-left", "pid 5 lived"),))
    often = [failing(f"s/eventlet/w{n}/c=raise", Outcome.CLEAN_EXIT, (("nobody-left", "pid 5"),)) for n in (1, 2)]
    assert [found.site for found in findings([leak, orphan, *often])] == ["c", "b", "a"]


def test_findings_do_not_depend_on_the_order_in_which_cases_finished() -> None:
    cases = [failing(f"s/eventlet/w{n}/{site}=raise", Outcome.KILLED) for n in (1, 2) for site in ("a", "b")]
    assert findings(cases) == findings(reversed(cases))


def test_a_defect_of_chaos_is_a_finding_with_its_own_words() -> None:
    broken = an_observation(stopped_watching="broken", harness="the supervisor died:\x1b[31m EPIPE")
    case = judged("s/eventlet/w1/a=raise", Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN, seen=broken)
    (found,) = findings([case])
    assert found.why == "the supervisor died: EPIPE"


def test_a_run_that_was_interrupted_is_no_finding() -> None:
    cut = an_observation(StillRunning(1.0), stopped_watching="interrupted")
    assert findings([judged("s/eventlet/w1/a=raise", Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN, seen=cut)]) == ()


def test_a_site_that_was_never_reached_is_one_entry_whatever_would_have_happened_there() -> None:
    cases = [
        judged(f"s/eventlet/w1/rpc.connect={word}", Outcome.UNREACHED, grade=Grade.UNREACHED, note="never reached")
        for word in ("refuse", "blackhole", "raise:OSError")
    ]
    assert findings(cases) == ()
    (found,) = never_reached(cases)
    assert found.what == "unreached: rpc.connect, 3 cases (eventlet w1)"


def test_the_reason_is_the_promise_that_explains_the_outcome() -> None:
    broken = (("ends", "still running"), ("gives-up", "6 workers died"), ("same-on-both-backends", "differs"))
    assert why(failing("s/eventlet/w1/a=raise", Outcome.RESPAWN_LOOP, broken)) == "gives-up: 6 workers died"
    assert why(failing("s/eventlet/w1/a=raise", Outcome.HANG_SUSPECTED, broken[::-1])) == "ends: still running"


def test_the_thirteen_promises_have_an_order() -> None:
    assert len(set(PROMISE_ORDER)) == 13


def test_a_reach_names_transports_and_targets_without_a_backend() -> None:
    cases = [judged(each).case for each in ("s/-/w1/none", "s/threading/w2-rabbit/none")]
    assert reach(cases) == "no backend w1, threading w2-rabbit"


# --- the matrix ----------------------------------------------------------------------------------------------------


def test_sites_stand_in_the_order_of_the_start_and_unknown_ones_last() -> None:
    cases = [judged(f"s/eventlet/w1/{site}=raise") for site in ("zzz", "service.start", "service.create")]
    matrix = matrix_of(results_of(a_sweep(cases, variants=[a_baseline("s/eventlet/w1/none")])))
    assert matrix.sites == ("service.create", "service.start", "zzz")


def test_a_site_that_only_one_variant_reaches_stands_where_that_variant_reached_it() -> None:
    one, two = a_baseline("s/eventlet/w1/none", ["a", "c"]), a_baseline("s/eventlet/w2/none", ["a", "b", "c", "d"])
    assert sites_found([one, two]) == ("a", "b", "c", "d")


def test_a_cell_shows_its_worst_case_and_counts_all() -> None:
    cases = [judged("s/eventlet/w1/a=raise:OSError"), failing("s/eventlet/w1/a@worker=raise", Outcome.LIVELOCK)]
    matrix = matrix_of(results_of(a_sweep(cases)))
    mark = matrix.mark("a", Column("raise", Lifetime.PERSISTENT), Variation("eventlet", 1))
    assert (mark.letter, mark.count) == ("L", 2)


def test_the_backends_stand_side_by_side_and_a_missing_case_keeps_its_place() -> None:
    ids = ["s/eventlet/w2/a=raise", "s/threading/w1/a=raise", "s/threading/w2/a=raise", "s/eventlet/w1/b=raise"]
    matrix = matrix_of(results_of(a_sweep([judged(each) for each in ids])))
    cell = matrix.cell("a", Column("raise", Lifetime.PERSISTENT))
    assert ["".join(mark.letter for mark in group) for group in cell] == ["-.", ".."]


def test_a_planned_case_that_was_not_run_is_marked() -> None:
    events = a_sweep([judged("s/eventlet/w1/a=raise")], planned=["s/eventlet/w1/a=raise", "s/eventlet/w1/b=stall"])
    assert (
        matrix_of(results_of(events)).mark("b", Column("stall", Lifetime.PERSISTENT), Variation("eventlet", 1)).letter
        == "_"
    )


def test_raising_comes_first_and_short_lifetimes_before_long_ones() -> None:
    ids = [f"s/eventlet/w1/a{hits}={action}" for action in ("exit", "raise") for hits in ("", "#1", "#1..3")]
    columns = matrix_of(results_of(a_sweep([judged(each) for each in ids]))).columns
    lifetimes = [Lifetime.ONCE, Lifetime.FIRST_K, Lifetime.PERSISTENT]
    assert columns == tuple(Column(action, lifetime) for action in ("raise", "exit") for lifetime in lifetimes)


def test_every_bad_outcome_has_a_letter_of_its_own() -> None:
    good = {Outcome.STARTED, Outcome.RECOVERED, Outcome.CLEAN_EXIT}
    assert set(LETTERS) == set(Outcome) - good
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_a_good_outcome_that_broke_a_promise_is_not_shown_as_a_pass() -> None:
    assert letter_of(failing("s/eventlet/w1/a=raise", Outcome.CLEAN_EXIT)) == "x"
    assert letter_of(judged("s/eventlet/w1/a=raise", Outcome.RECOVERED, seen=an_observation(Exited(0)))) == "."


def test_a_hang_of_the_literals_is_suspected() -> None:
    assert letter_of(a_hang("s/eventlet/w1/a=stall")) == "h"
