"""Claims about what no start may end of: a broker that is still there, or back in a moment. The near misses may end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import LAUNCHER, a_firing, a_hang, an_early_end, an_observation

from chaos.caseid import parse_fault
from chaos.judge import judge
from chaos.model import BACK, Case, Exited, Grade, Milestone, Observation, Outcome, Phase
from chaos.promises import recovers

GIVES_UP = "2026-01-01 00:00:00.000 7 CRITICAL sample [-] no broker at 127.0.0.1:1: connection refused, timed out\n"


def a_case(*texts: str, workers: int = 1) -> Case:
    return Case("t", "threading", workers, tuple(map(parse_fault, texts)), "rabbit")


def gave_up(case: Case, **changes: object) -> Observation:
    """It met each fault on its way up, and exited 75 with its cause named."""
    fired = tuple(a_firing(fault, index=index, token="", role="parent", pid=LAUNCHER)
                  for index, fault in enumerate(case.faults))
    return an_early_end(Exited(75), *fired, output=GIVES_UP, **changes)


@pytest.mark.parametrize("text", [
    "broker.declare#1=restart", "broker.created#1=restart", "broker.announced#1=restart", "amqp.hosts=first_dead",
    "dns.resolve=two_addresses", "amqp.connect=latency:0.03", "amqp.connect=latency:0.06:0.04:1", "amqp.connect=bandwidth:20",
    "amqp.connect=slicer:50", "amqp.frames=latency:3:0.05"])
def test_a_start_that_ends_though_its_broker_is_there_breaks_recovers(text: str) -> None:
    case = a_case(text)
    verdict = judge(case, gave_up(case))
    assert (verdict.outcome, verdict.grade) == (Outcome.CLEAN_EXIT, Grade.FAIL)
    (broken,) = verdict.broken
    assert broken.promise == "recovers"
    assert "exited 75" in broken.because and f"at {case.faults[0].site}" in broken.because


@pytest.mark.parametrize("text", [
    "amqp.connect#1=refuse", "amqp.declare#1=reset_peer", "broker.declare=crash", "broker.declare#1=halt",
    "broker.declare#1=pause", "broker.connect=alarm", "amqp.connect=latency:1", "amqp.connect=latency",
    "amqp.connect=latency:0.06:0.05:1", "amqp.connect=bandwidth:2", "amqp.connect=limit_data:700", "amqp.peer=denied",
    "rpc.connect#1=latency:0.05", "amqp.frames=latency:3"])
def test_a_start_may_end_of_a_broker_that_is_away_or_hardly_there(text: str) -> None:
    case = a_case(text)
    assert recovers(case, gave_up(case)) is None


def test_a_restart_that_meets_the_connections_of_several_workers_anywhere_may_end_a_start() -> None:
    """oslo.messaging does not try every call again: see docs/decisions/0008."""
    for text, breaks in (("broker.declare#1=restart", False), ("broker.created#1=restart", True)):
        case = a_case(text, workers=2)
        assert (recovers(case, gave_up(case)) is not None) is breaks


def test_a_node_that_takes_long_to_restart_is_not_back_in_a_moment() -> None:
    """On a busy machine it may. Who ends before it is back ends of it all the same, unless that is after a while."""
    case = a_case("broker.created#1=restart")
    for back_s, elapsed_s, breaks in ((2.0, 9.0, True), (None, 1.4, True), (6.0, 9.0, False), (None, 6.0, False)):
        milestones = () if back_s is None else (Milestone(back_s, BACK, "", 0),)
        assert (recovers(case, gave_up(case, milestones=milestones, elapsed_s=elapsed_s)) is not None) is breaks


def test_a_second_fault_that_takes_the_broker_away_is_a_reason_to_end() -> None:
    case = a_case("amqp.hosts=first_dead", "amqp.declare=reset_peer")
    assert recovers(case, gave_up(case)) is None


def test_who_was_told_to_stop_or_served_or_met_it_later_did_not_end_of_it() -> None:
    told = a_case("amqp.hosts=first_dead")
    assert recovers(told, gave_up(told, stop_sent_s=0.7)) is None
    served = an_observation(fired=gave_up(told).fired)
    assert recovers(told, served) is None
    assert recovers(told, gave_up(told, fired=())) is None
    late = replace(gave_up(told).fired[0], phase=Phase.SERVING)
    assert recovers(told, gave_up(told, fired=(late,))) is None


def test_a_hang_and_exit_0_are_said_by_their_own_promises() -> None:
    case = a_case("amqp.hosts=first_dead")
    assert recovers(case, a_hang(gave_up(case).fired[0])) is None
    assert recovers(case, replace(gave_up(case), ending=Exited(0))) is None
