"""Claims about outcomes, verdicts and pairs, on literal observations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import (
    KILL_PARENT,
    LAUNCHER_PROCESS,
    ONCE,
    RAISE,
    RAISE_ONCE,
    STALL,
    TERM_PARENT,
    TOKEN,
    WORKER,
    a_case,
    a_firing,
    a_hang,
    a_process,
    a_start,
    an_early_end,
    an_observation,
    deaths,
    firings_at,
    in_parent,
    judged,
)

from chaos.judge import ACCEPTABLE, for_pair, judge, judge_pair, judge_pairs
from chaos.model import (
    Broken,
    Case,
    Exited,
    Expectation,
    Fault,
    Grade,
    Hit,
    Hits,
    Judged,
    Killed,
    Observation,
    Outcome,
    Phase,
    Proof,
    StillRunning,
    Verdict,
)
from chaos.outcomes import outcome_of

BASELINE = a_case()
RAISED, RAISED_ONCE = a_case(RAISE), a_case(RAISE_ONCE)
SAID = f"CRITICAL: start failed: RuntimeError: [{TOKEN}]\n"
HARD_EXIT = Fault("launcher.launch", "exit", ("0", "hard"), role="parent", hits=ONCE)
TWO = Expectation(servers=2)
BUSY = 0.5
STARTED = ("service started", "started", "answered")
LOOP = firings_at(0.5, 1.5, 4.5, 9.5)
PROOF = Proof("tree", 0.9, "nothing can make the only process go on")
GRACE = an_observation(ending=StillRunning(9.1), elapsed_s=9.1, stopped_watching="grace", cpu_share=0.9)

OUTCOMES: list[tuple[str, Outcome, Case, Observation]] = [
    ("a healthy run", Outcome.STARTED, BASELINE, an_observation()),
    ("a persistent fault that changed nothing", Outcome.STARTED, RAISED, an_observation(fired=(a_firing(),))),
    ("a delay", Outcome.STARTED, a_case(Fault("a", "delay", hits=ONCE)), an_observation(fired=(a_firing(),))),
    ("a transient fault while it stopped", Outcome.STARTED, RAISED_ONCE, an_observation(
        fired=(a_firing(phase=Phase.STOP),))),
    ("death by the SIGTERM of the stop", Outcome.STARTED, BASELINE, an_observation(ending=Killed("SIGTERM", True))),
    ("an untrue status after the stop", Outcome.STARTED, BASELINE, an_observation(ending=Exited(1))),
    ("a transient fault, then served", Outcome.RECOVERED, RAISED_ONCE, an_observation(fired=(a_firing(),))),
    ("a transient kill of a worker, then served", Outcome.RECOVERED, a_case(Fault("a", "kill", hits=ONCE)),
     an_observation(fired=(a_firing(),))),
    ("a delay for good and a transient raise", Outcome.RECOVERED, a_case(Fault("a", "delay"), RAISE_ONCE),
     an_observation(fired=(a_firing(), a_firing(index=1)))),
    ("an exit that says why", Outcome.CLEAN_EXIT, RAISED, an_early_end(Exited(1), a_firing(), output=SAID)),
    ("an exit of a baseline that says why", Outcome.CLEAN_EXIT, BASELINE, an_early_end(
        Exited(2), output="ERROR: no\n")),
    ("the case's own SIGKILL of the launcher", Outcome.CLEAN_EXIT, a_case(KILL_PARENT), an_early_end(
        Killed("SIGKILL", True), in_parent(KILL_PARENT))),
    ("a hard exit 0 of the launcher", Outcome.CLEAN_EXIT, a_case(HARD_EXIT), an_early_end(
        Exited(0), in_parent(HARD_EXIT))),
    ("death by the case's SIGTERM", Outcome.CLEAN_EXIT, a_case(TERM_PARENT), an_early_end(
        Killed("SIGTERM", True), in_parent(TERM_PARENT))),
    ("exit 70 after the case's SIGTERM", Outcome.CLEAN_EXIT, a_case(TERM_PARENT), an_early_end(
        Exited(70), in_parent(TERM_PARENT))),
    ("exit 0 after the case's SIGTERM", Outcome.FALSE_SUCCESS, a_case(TERM_PARENT), an_early_end(
        Exited(0), in_parent(TERM_PARENT))),
    ("exit 0, never served", Outcome.FALSE_SUCCESS, RAISED, an_early_end(Exited(0), a_firing(), output=SAID)),
    ("served and exit 0, unasked", Outcome.FALSE_SUCCESS, BASELINE, an_observation(stop_sent_s=None, signals=())),
    ("an exit without a word", Outcome.SILENT_EXIT, RAISED, an_early_end(Exited(1), a_firing())),
    ("an exit of a baseline without a word", Outcome.SILENT_EXIT, BASELINE, an_early_end(Exited(1))),
    ("SIGSEGV", Outcome.KILLED, RAISED, an_early_end(Killed("SIGSEGV"), a_firing())),
    ("SIGSEGV after the stop", Outcome.KILLED, BASELINE, an_observation(ending=Killed("SIGSEGV"))),
    ("nothing happens", Outcome.HANG_SUSPECTED, RAISED, a_hang(a_firing())),
    ("nothing can happen", Outcome.HANG_PROVEN, RAISED, a_hang(a_firing(), proof=PROOF)),
    ("nothing can happen after READY=1", Outcome.HANG_PROVEN, RAISED, a_hang(a_firing(), proof=PROOF, ready_s=0.4)),
    ("nothing can happen, and one serves", Outcome.DEGRADED, RAISED, a_hang(
        a_firing(), proof=PROOF, expected=TWO, milestones=(a_start(),))),
    ("told to stop, and nothing can happen", Outcome.HANG_PROVEN, BASELINE, replace(GRACE, proof=PROOF)),
    ("told to stop, and busy", Outcome.HANG_SUSPECTED, BASELINE, GRACE),
    ("busy", Outcome.LIVELOCK, RAISED, a_hang(a_firing(), cpu_share=BUSY)),
    ("not quite busy", Outcome.HANG_SUSPECTED, RAISED, a_hang(a_firing(), cpu_share=BUSY - 0.01)),
    ("busy after READY=1", Outcome.LIVELOCK, RAISED, a_hang(a_firing(), cpu_share=BUSY, ready_s=0.4)),
    ("nobody measured how busy", Outcome.HANG_SUSPECTED, RAISED, a_hang(a_firing(), cpu_share=None)),
    ("four firings in one process, busy", Outcome.RETRY_LOOP, RAISED, a_hang(*LOOP, cpu_share=1.0, ready_s=0.4)),
    ("two firings", Outcome.HANG_SUSPECTED, RAISED, a_hang(*LOOP[::3])),
    ("three firings in three processes", Outcome.HANG_SUSPECTED, RAISED, a_hang(
        *(a_firing(at_s=n * 3.0, pid=n) for n in range(3)))),
    ("three firings in a process that died", Outcome.HANG_SUSPECTED, RAISED, a_hang(
        *LOOP, processes=(LAUNCHER_PROCESS, a_process(WORKER, gone_s=9.6)))),
    ("a burst of firings, then silence", Outcome.HANG_SUSPECTED, RAISED, a_hang(*firings_at(0.5, 0.51, 0.52, 0.53))),
    ("a transient fault that is over", Outcome.HANG_SUSPECTED, a_case(replace(RAISE, hits=Hits(1, 4))), a_hang(*LOOP)),
    ("a transient fault, and the site is reached again", Outcome.RETRY_LOOP, a_case(replace(RAISE, hits=Hits(1, 4))),
     a_hang(*LOOP, hits=(Hit(9.9, RAISE.site, "worker.0", 5),))),
    ("a transient fault, and another site is reached", Outcome.HANG_SUSPECTED, a_case(replace(RAISE, hits=Hits(1, 4))),
     a_hang(*LOOP, hits=(Hit(9.9, "rpc.connect", "worker.0", 5), Hit(9.9, RAISE.site, "worker.1", 5)))),
    ("workers die and are born again, busy", Outcome.RESPAWN_LOOP, RAISED, a_hang(
        a_firing(), processes=deaths(3), cpu_share=1.0, ready_s=0.4)),
    ("one worker died and was born again", Outcome.HANG_SUSPECTED, RAISED, a_hang(a_firing(), processes=deaths(2))),
    ("workers that all have one role", Outcome.RESPAWN_LOOP, RAISED, a_hang(
        a_firing(), processes=tuple(replace(one, role="worker") for one in deaths(4)[1:]))),
    ("deaths of workers that had started, as other words say it", Outcome.HANG_SUSPECTED, RAISED, a_hang(
        a_firing(), processes=deaths(4), milestones=tuple(
            replace(a_start(WORKER + n), name=name) for n, name in enumerate(STARTED)))),
    ("retries that have stopped for two thirds of the time", Outcome.HANG_SUSPECTED, RAISED, a_hang(
        *firings_at(0.5, 1.5, 3.7))),
    ("retries that go on for a third of the time", Outcome.RETRY_LOOP, RAISED, a_hang(*firings_at(0.5, 1.5, 3.9))),
    ("READY=1, and it never served", Outcome.DEGRADED, RAISED, a_hang(a_firing(), ready_s=0.4)),
    ("one of two serves", Outcome.DEGRADED, RAISED, a_hang(a_firing(), expected=TWO, milestones=(a_start(),))),
    ("serves without READY=1", Outcome.DEGRADED, RAISED, a_hang(a_firing(), milestones=(a_start(),))),
    ("one started and died, none serves", Outcome.HANG_SUSPECTED, RAISED, a_hang(
        a_firing(), milestones=(a_start(),), processes=deaths(1))),
    ("the fault never fired", Outcome.UNREACHED, RAISED, an_observation()),
    ("one of two faults never fired", Outcome.UNREACHED, a_case(RAISE, STALL), an_early_end(Exited(1), a_firing())),
    ("the other of two faults never fired", Outcome.UNREACHED, a_case(STALL, RAISE), an_observation(
        fired=(a_firing(index=1),))),
    ("chaos broke", Outcome.HARNESS_ERROR, RAISED, an_observation(harness="no FIFO")),
    ("chaos broke and does not say how", Outcome.HARNESS_ERROR, BASELINE, an_observation(stopped_watching="broken")),
    ("interrupted", Outcome.HARNESS_ERROR, RAISED, a_hang(a_firing(), stopped_watching="interrupted")),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "case", "seen"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_the_outcome_is(outcome: Outcome, case: Case, seen: Observation) -> None:
    assert outcome_of(case, seen) is outcome


@pytest.mark.parametrize("action", ["delay", "return", "limit", "latency", "bandwidth", "slicer", "slow_close"])
def test_from_what_only_slows_or_bounds_a_start_nothing_recovers(action: str) -> None:
    case = a_case(Fault("a", action, hits=ONCE))
    assert outcome_of(case, an_observation(fired=(a_firing(),))) is Outcome.STARTED


@pytest.mark.parametrize(
    "action", ["raise", "stall", "freeze", "exit", "kill", "signal", "refuse", "reset_peer", "timeout", "blackhole"]
)
def test_from_what_breaks_something_for_a_while_a_start_recovers(action: str) -> None:
    case = a_case(Fault("a", action, hits=ONCE))
    assert outcome_of(case, an_observation(fired=(a_firing(),))) is Outcome.RECOVERED


def test_every_outcome_but_the_proven_hang_has_a_literal() -> None:
    assert {row[1] for row in OUTCOMES} == set(Outcome)


@pytest.mark.parametrize(("case", "seen"), [row[2:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_a_verdict_follows_from_its_outcome_and_its_promises(case: Case, seen: Observation) -> None:
    verdict = judge(case, seen)
    allowed = {Outcome.STARTED, Outcome.RECOVERED, Outcome.CLEAN_EXIT} if case.faults else {Outcome.STARTED}
    if verdict.outcome in (Outcome.UNREACHED, Outcome.HARNESS_ERROR):
        assert verdict.grade in (Grade.UNREACHED, Grade.UNKNOWN) and verdict.note and not verdict.broken
    elif verdict.grade is Grade.PASS:
        assert verdict.outcome in allowed and not verdict.broken
    else:
        assert verdict.grade is Grade.FAIL and (verdict.broken or verdict.note)
        assert verdict.broken or verdict.outcome not in allowed


@pytest.mark.parametrize(("case", "seen"), [row[2:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_a_bad_outcome_always_breaks_a_promise(case: Case, seen: Observation) -> None:
    verdict = judge(case, seen)
    says_nothing = verdict.outcome in (Outcome.UNREACHED, Outcome.HARNESS_ERROR)
    assert verdict.broken or says_nothing or verdict.outcome in ACCEPTABLE


@pytest.mark.parametrize(
    ("case", "seen"),
    [
        (BASELINE, an_observation()),
        (RAISED, an_early_end(Exited(1), a_firing(), output=SAID)),
        (RAISED_ONCE, an_observation(fired=(a_firing(),))),
        (a_case(KILL_PARENT), an_early_end(Killed("SIGKILL", True), in_parent(KILL_PARENT))),
        (a_case(TERM_PARENT), an_early_end(Exited(143), in_parent(TERM_PARENT))),
        (a_case(HARD_EXIT), an_early_end(Exited(0), in_parent(HARD_EXIT))),
        (a_case(Fault("a", "delay")), an_observation(fired=(a_firing(),))),
    ],
)
def test_a_launcher_that_keeps_every_promise_passes(case: Case, seen: Observation) -> None:
    assert judge(case, seen) == Verdict(outcome_of(case, seen), Grade.PASS)


def test_an_acceptable_outcome_with_a_broken_promise_fails() -> None:
    verdict = judge(BASELINE, an_observation(leftovers=(a_process(WORKER),)))
    assert (verdict.outcome, verdict.grade) == (Outcome.STARTED, Grade.FAIL)
    assert [one.promise for one in verdict.broken] == ["nobody-left"]


def test_broken_promises_stand_in_the_order_of_the_contract() -> None:
    seen = a_hang(a_firing(), ready_s=0.4, leaks=("secret 0",))
    names = [one.promise for one in judge(RAISED_ONCE, seen).broken]
    assert names == ["ends", "ready-means-ready", "full-strength", "recovers", "keeps-secrets"]


def test_told_to_stop_and_staying_breaks_one_promise_and_not_the_one_about_ending() -> None:
    assert [one.promise for one in judge(BASELINE, GRACE).broken] == ["stops-when-told"]


def test_a_respawn_loop_breaks_what_an_operator_sees_of_it() -> None:
    names = [one.promise for one in judge(RAISED, a_hang(a_firing(), ready_s=0.4, processes=deaths(4))).broken]
    assert names == ["ends", "gives-up", "ready-means-ready"]


def test_serving_without_the_promised_notice_breaks_that_promise_alone() -> None:
    verdict = judge(RAISED_ONCE, a_hang(a_firing(), milestones=(a_start(),)))
    assert [one.promise for one in verdict.broken] == ["ready-means-ready"]


def test_a_baseline_that_refuses_to_start_fails_though_it_breaks_no_promise() -> None:
    verdict = judge(BASELINE, an_early_end(Exited(78), output="ERROR: workers must be a number\n"))
    assert (verdict.outcome, verdict.grade, verdict.broken) == (Outcome.CLEAN_EXIT, Grade.FAIL, ())
    assert "with no fault it must start" in verdict.note and "exit 78 after 1.4 s" in verdict.note


def test_an_unreached_fault_is_named_and_the_rest_of_the_run_is_told() -> None:
    verdict = judge(a_case(RAISE, STALL), a_hang(a_firing(), leaks=("secret 0",)))
    assert (verdict.outcome, verdict.grade, verdict.broken) == (Outcome.UNREACHED, Grade.UNREACHED, ())
    for words in ("service.start=stall never fired", "hang-suspected", "ends: still running", "secret 0"):
        assert words in verdict.note
    assert "service.start=raise" not in verdict.note.partition(";")[0]


def test_a_healthy_run_without_its_fault_is_not_a_pass() -> None:
    verdict = judge(RAISED, an_observation())
    assert verdict.grade is Grade.UNREACHED and verdict.note.endswith("otherwise the run went as started")


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"harness": "no FIFO"}, "no FIFO"),
        ({"stopped_watching": "interrupted"}, "interrupted"),
        ({"stopped_watching": "broken", "harness": "the host died"}, "the host died"),
    ],
)
def test_what_chaos_could_not_watch_is_unknown_and_says_why(changes: dict[str, str], note: str) -> None:
    seen = replace(an_observation(leaks=("secret 0",)), **changes)  # type: ignore[arg-type]
    assert judge(BASELINE, seen) == Verdict(Outcome.HARNESS_ERROR, Grade.UNKNOWN, (), note)


def test_a_service_that_serves_and_was_never_told_to_stop_is_unknown_and_not_a_pass() -> None:
    verdict = judge(BASELINE, an_observation(ending=StillRunning(3.0), stop_sent_s=None, signals=()))
    assert (verdict.outcome, verdict.grade, verdict.broken) == (Outcome.STARTED, Grade.UNKNOWN, ())
    assert "never told to stop" in verdict.note


# --- pairs -------------------------------------------------------------------------------------------------------


def half(backend: str, seen: Observation, *faults: Fault) -> Judged:
    case = a_case(*faults, backend=backend)
    return judged(case, seen, judge(case, seen))


GOOD = an_observation(fired=(a_firing(),))


def test_a_difference_is_charged_to_the_half_that_fails_by_itself() -> None:
    before = half("eventlet", GOOD, RAISE), half("threading", a_hang(a_firing()), RAISE)
    after = judge_pair(*before)
    difference = Broken("same-on-both-backends", "started under eventlet, hang-suspected under threading")
    assert after[0] == before[0]
    assert after[1].verdict.grade is Grade.FAIL
    assert after[1].verdict.broken == (*before[1].verdict.broken, difference)
    assert (after[1].seen, after[1].verdict.outcome) == (before[1].seen, before[1].verdict.outcome)


def test_a_fault_that_met_the_two_at_different_moments_makes_no_pair() -> None:
    late = a_firing(phase=Phase.STOP)
    pair = half("eventlet", GOOD, RAISE), half("threading", an_early_end(Exited(1), late, output=SAID), RAISE)
    assert judge_pair(*pair) == pair


def test_a_thread_of_a_parent_that_serves_is_not_compared_with_one_of_a_parent_that_only_launches() -> None:
    fault = Fault("thread.spawn", "raise", ("RuntimeError",), "parent")
    fired = in_parent(fault)
    serving = replace(an_observation(fired=(fired,)), expected=Expectation(1, serving_roles=("parent",)))
    launching = replace(an_early_end(Exited(1), fired, output=SAID),
                        expected=Expectation(1, serving_roles=("worker.0",)))
    pair = half("eventlet", serving, fault), half("threading", launching, fault)
    assert pair[0].verdict.outcome is not pair[1].verdict.outcome
    assert judge_pair(*pair) == pair
    in_service = replace(fault, site="service.create")
    both = half("eventlet", serving, in_service), half("threading", launching, in_service)
    assert judge_pair(*both) != both
    for two in (pair, both):    # what a twin is kept as while it waits must say the same
        light = judge_pair(for_pair(two[0]), for_pair(two[1]))
        assert [one.verdict for one in light] == [one.verdict for one in judge_pair(*two)]


def test_a_whole_sweep_is_judged_in_pairs_and_keeps_its_order() -> None:
    halves = half("eventlet", GOOD, RAISE), half("threading", a_hang(a_firing()), RAISE), half("eventlet", GOOD, STALL)
    assert judge_pairs(halves) == (*judge_pair(*halves[:2]), halves[2])


def test_two_acceptable_outcomes_that_differ_are_a_finding_too() -> None:
    clean = an_early_end(Exited(1), a_firing(), output=SAID)
    after = judge_pair(half("threading", clean, RAISE), half("eventlet", GOOD, RAISE))
    assert [one.verdict.grade for one in after] == [Grade.FAIL, Grade.FAIL]


def test_judging_a_pair_again_adds_nothing() -> None:
    once = judge_pair(half("eventlet", GOOD, RAISE), half("threading", a_hang(a_firing()), RAISE))
    assert judge_pair(*once) == once


@pytest.mark.parametrize(
    "other",
    [
        GOOD,
        an_observation(),
        replace(GOOD, harness="broke"),
        replace(GOOD, stopped_watching="interrupted"),
    ],
)
def test_equal_halves_and_a_half_that_says_nothing_stay_as_they_were(other: Observation) -> None:
    pair = half("eventlet", GOOD, RAISE), half("threading", other, RAISE)
    assert judge_pair(*pair) == pair


def test_a_half_that_could_not_be_graded_makes_no_finding_of_the_other() -> None:
    unknown = half("threading", replace(GOOD, ending=StillRunning(3.0), stop_sent_s=None, signals=()), RAISE_ONCE)
    pair = half("eventlet", an_early_end(Exited(1), a_firing(), output=SAID), RAISE_ONCE), unknown
    assert unknown.verdict.grade is Grade.UNKNOWN
    assert judge_pair(*pair) == pair


def by_part(left: Observation, right: Observation) -> tuple[Judged, Judged]:
    """A service that fails in the launcher itself under eventlet, and in its worker under threading."""
    mine, its = replace(RAISE_ONCE, role="parent"), replace(RAISE_ONCE, role="worker")
    return (half("eventlet", replace(left, expected=Expectation(1, serving_roles=("parent",))), mine),
            half("threading", replace(right, expected=Expectation(1, serving_roles=("worker.0",))), its))


def test_where_the_launcher_itself_serves_on_one_backend_and_its_worker_on_the_other_the_two_are_judged_as_a_pair() -> None:
    pair = by_part(an_early_end(Exited(0), in_parent(RAISE_ONCE)), a_hang(a_firing(RAISE_ONCE)))
    difference = Broken("same-on-both-backends", "false-success under eventlet, hang-suspected under threading")
    for two in (pair, (for_pair(pair[0]), for_pair(pair[1]))):
        assert [one.verdict.broken[-1] for one in judge_pair(*two)] == [difference, difference]
    assert judge_pairs(pair) == judge_pair(*pair)


def test_a_worker_that_is_born_again_is_no_finding_beside_a_launcher_that_ended_cleanly() -> None:
    pair = by_part(an_early_end(Exited(1), in_parent(RAISE_ONCE), output=SAID), an_observation(fired=(a_firing(RAISE_ONCE),)))
    assert [one.verdict.outcome for one in pair] == [Outcome.CLEAN_EXIT, Outcome.RECOVERED]
    assert judge_pair(*pair) == pair


@pytest.mark.parametrize("fault", [RAISE, STALL])
def test_two_cases_that_are_no_pair_are_refused(fault: Fault) -> None:
    backend = "eventlet" if fault is STALL else "threading"
    with pytest.raises(ValueError, match="not one case on two backends"):
        judge_pair(half("threading", GOOD, RAISE), half(backend, GOOD, fault))
