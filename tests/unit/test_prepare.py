"""From a case to the request that a supervisor runs."""

from __future__ import annotations

import dataclasses

import pytest

from chaos.arming import plan_text
from chaos.caseid import format_case
from chaos.model import Case, Expectation, Fault
from chaos.prepare import BASELINE_BOOT_S, READY_FACTOR, Timing, request_for
from chaos.target import Target

TARGET = Target("scheduler", "chaos.sample.launcher:main", ("--workers", "{workers}"), (("BACKEND", "{backend}"),))
CASE = Case("scheduler", "eventlet", 2, (Fault("service.start", "raise"),))
EXPECTED = Expectation(2, ready_after_s=0.5)


def test_a_request_is_the_filled_in_target_armed_for_its_case() -> None:
    request = request_for(TARGET, CASE, Timing(), EXPECTED)
    assert (request.case, request.case_id) == (CASE, format_case(CASE))
    assert request.argv[2:] == ("--workers", "2")
    assert ("BACKEND", "eventlet") in request.env
    assert request.plan == plan_text(request.case_id, CASE.faults)
    assert request.expected == EXPECTED


def test_a_baseline_has_no_expectation_and_time_enough_for_a_slow_machine() -> None:
    request = request_for(TARGET, dataclasses.replace(CASE, faults=()), Timing(), None)
    assert request.expected is None
    assert request.limits.boot_s == BASELINE_BOOT_S


@pytest.mark.parametrize(
    ("timing", "of_target", "deadline_s"),
    [(Timing(), None, 10.0), (Timing(), 4.0, 4.0), (Timing(2.0), 4.0, 2.0), (Timing(2.0), None, 2.0)],
)
def test_who_typed_a_deadline_has_the_last_word_then_the_target(
    timing: Timing, of_target: float | None, deadline_s: float
) -> None:
    target = dataclasses.replace(TARGET, deadline_s=of_target)
    assert timing.limits(target, EXPECTED).deadline_s == deadline_s
    assert timing.limits(target, None).deadline_s == deadline_s


def test_a_launcher_that_starts_slowly_has_more_time_after_a_fault_and_a_quick_one_no_less() -> None:
    slow = dataclasses.replace(EXPECTED, ready_after_s=5.0)
    assert Timing().limits(TARGET, slow).deadline_s == 15.0
    assert Timing().limits(TARGET, slow, wait_s=8.0).deadline_s == 23.0
    assert Timing().limits(TARGET, EXPECTED).deadline_s == 10.0
    assert Timing(2.0).limits(TARGET, slow).deadline_s == 2.0
    assert Timing().limits(dataclasses.replace(TARGET, deadline_s=4.0), slow).deadline_s == 4.0


def test_a_deadline_above_the_usual_time_for_a_baseline_is_given_to_it_too() -> None:
    assert Timing(100.0).limits(TARGET, None).boot_s == 100.0


def test_what_comes_before_the_fault_is_measured_by_the_baseline() -> None:
    assert Timing(2.0).limits(TARGET, EXPECTED).boot_s == 2.0 + READY_FACTOR * 0.5
    assert Timing(2.0).limits(TARGET, Expectation(1)).boot_s == 2.0 + READY_FACTOR


def test_the_grace_time_is_the_one_that_was_typed() -> None:
    assert Timing(grace_s=3.0).limits(TARGET, EXPECTED).grace_s == 3.0


def test_a_file_with_secrets_is_malformed_by_a_line_that_holds_one_and_another_file_without() -> None:
    case = Case("scheduler", "threading", 1, (Fault("config.file", "malformed"),))
    for config, count in (("[x]\ntoken = {secret.token}\n", 2), ("[x]\ntoken = 1\n", 0)):
        request = request_for(dataclasses.replace(TARGET, config=config), case, Timing(), EXPECTED)
        assert len(request.secrets) == count
        assert "\n[unfinished" in request.config
        assert not count or f"\ntoken {request.secrets[-1]}\n" in request.config
