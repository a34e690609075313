"""What a warm and a cold run of one case say together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import an_observation

from chaos.confirm import SHARE, confirmed, to_confirm, warmth
from chaos.model import Case, Fault, Grade, Hit, Judged, Outcome, Phase, Verdict

CASES = [Case("t", "threading", 1, (Fault("service.start", "raise", (str(n),)),)) for n in range(40 * SHARE)]


def judged(outcome: Outcome, grade: Grade, *, started_as: str, case: Case = CASES[0]) -> Judged:
    return Judged(case, an_observation(started_as=started_as), Verdict(outcome, grade))


@pytest.mark.parametrize("grade", [Grade.FAIL, Grade.UNREACHED, Grade.UNKNOWN])
def test_whatever_is_no_pass_is_confirmed(grade: Grade) -> None:
    assert all(to_confirm(judged(Outcome.STARTED, grade, started_as="warm", case=case), 0) for case in CASES[:50])


def test_a_share_of_the_passes_is_confirmed_and_the_seed_chooses_it() -> None:
    chosen = [{case for case in CASES if to_confirm(judged(Outcome.STARTED, Grade.PASS, started_as="warm", case=case), seed)}
              for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(CASES) / SHARE / 2 < len(chosen[0]) < len(CASES) / SHARE * 2


def test_what_ran_cold_is_not_confirmed() -> None:
    assert not any(to_confirm(judged(Outcome.KILLED, Grade.FAIL, started_as="cold: why", case=case), 0) for case in CASES)


def test_where_both_agree_the_cold_run_is_reported() -> None:
    cold = judged(Outcome.FALSE_SUCCESS, Grade.FAIL, started_as="cold: it confirms a warm run")
    assert confirmed(judged(Outcome.FALSE_SUCCESS, Grade.FAIL, started_as="warm"), cold) == cold


@pytest.mark.parametrize(
    ("warm", "cold"),
    [
        ((Outcome.FALSE_SUCCESS, Grade.FAIL), (Outcome.CLEAN_EXIT, Grade.PASS)),
        ((Outcome.CLEAN_EXIT, Grade.PASS), (Outcome.FALSE_SUCCESS, Grade.FAIL)),
        ((Outcome.KILLED, Grade.FAIL), (Outcome.SILENT_EXIT, Grade.FAIL)),
        ((Outcome.STARTED, Grade.PASS), (Outcome.RECOVERED, Grade.PASS)),
        ((Outcome.STARTED, Grade.PASS), (Outcome.UNREACHED, Grade.UNREACHED)),
    ],
)
def test_where_they_disagree_nobody_knows_and_both_are_kept(warm: tuple[Outcome, Grade], cold: tuple[Outcome, Grade]) -> None:
    first = judged(*warm, started_as="warm")
    told = confirmed(first, judged(*cold, started_as="cold"))
    assert told.verdict.grade is Grade.UNKNOWN
    assert told.beside == first.seen
    assert str(warm[0]) in told.verdict.note
    assert str(cold[0]) in told.verdict.note


@pytest.mark.parametrize("word", [Outcome.HANG_PROVEN, Outcome.HANG_SUSPECTED, Outcome.DEGRADED])
def test_whether_a_hang_was_proven_is_no_disagreement(word: Outcome) -> None:
    cold = judged(word, Grade.FAIL, started_as="cold: it confirms a warm run")
    assert confirmed(judged(Outcome.HANG_PROVEN, Grade.FAIL, started_as="warm"), cold).verdict == cold.verdict


def test_a_fault_that_a_warm_start_does_not_reach_is_judged_by_the_cold_run() -> None:
    told = confirmed(judged(Outcome.UNREACHED, Grade.UNREACHED, started_as="warm"),
                     judged(Outcome.CLEAN_EXIT, Grade.PASS, started_as="cold"))
    assert told.verdict.grade is Grade.PASS
    assert told.seen.started_as == "cold: a warm start does not reach its fault"


# --- what is known of warm starts ------------------------------------------------------------------------------------


def start(*hits: Hit, started_as: str = "warm", grade: Grade = Grade.PASS) -> Judged:
    seen = replace(an_observation(started_as=started_as), hits=hits)
    return Judged(CASES[0], seen, Verdict(Outcome.STARTED, grade, note="what happened"))


def test_a_good_start_that_was_not_forked_says_why() -> None:
    assert warmth(start(started_as="cold"), start(started_as="cold: threads"), "/path").because == "threads"


def test_a_warm_start_that_does_not_come_up_is_the_last_one() -> None:
    found = warmth(start(started_as="cold"), start(grade=Grade.FAIL), "/path")
    assert (found.ahead, "what happened" in found.because) == ("", True)


def test_sites_that_only_one_of_them_reaches_are_unlike() -> None:
    both, only = Hit(0.1, "both", "parent", 1), Hit(0.2, "only", "parent", 1)
    later = Hit(0.9, "later", "parent", 1, Phase.STOP)
    assert warmth(start(both, only, started_as="cold"), start(both, later), "/path").unlike == ("only",)
    assert warmth(start(both, started_as="cold"), start(both, only), "/path").unlike == ("only",)
