"""Which two cases are one case on two backends."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from observations import an_observation, judged

from chaos.caseid import format_case, parse_case
from chaos.model import Expectation, Grade, Outcome, Site, Variant, Verdict
from chaos.pairs import is_by_part, pairs_of, serving_in
from chaos.sweep import Options, planned

SERVING = {"eventlet": ("parent",), "threading": ("worker.0",)}
"""With one worker, as in a good start of oslo.service 4.8."""


def paired(*ids: str, serving: Mapping[str, tuple[str, ...]] = SERVING) -> set[tuple[str, str]]:
    """The pairs, eventlet first, without what all ids have in common."""
    found = pairs_of(map(parse_case, (f"s/{one}" for one in ids)), lambda case: serving.get(case.backend, ()))
    assert all(found[twin] == case for case, twin in found.items())
    return {(format_case(case)[2:], format_case(twin)[2:]) for case, twin in found.items() if case.backend == "eventlet"}


def test_an_id_that_differs_in_its_backend_only_is_a_pair() -> None:
    both = "eventlet/w2/service.start@worker=raise", "threading/w2/service.start@worker=raise"
    assert paired(*both, "eventlet/w1/service.start@worker=raise", "threading/w2/service.start@worker=stall") == {both}


def test_the_service_in_the_launcher_is_the_twin_of_the_service_in_its_worker() -> None:
    both = "eventlet/w1/service.start@parent#1=raise", "threading/w1/service.start@worker#1=raise"
    assert paired(*both) == {both}
    assert paired(*reversed(both)) == {both}
    assert is_by_part(*map(parse_case, (f"s/{one}" for one in both)))


def test_where_the_launcher_comes_by_the_site_on_both_backends_the_worker_has_no_twin() -> None:
    both = "eventlet/w1/service.create@parent=raise", "threading/w1/service.create@parent=raise"
    for order in (both, both[::-1]):
        assert paired("threading/w1/service.create@worker=raise", *order) == {both}


def test_each_fault_of_a_case_has_to_play_its_part() -> None:
    mine = "eventlet/w1/service.create@parent=raise+service.start@parent=raise"
    its = "threading/w1/service.create@parent=raise+service.start@worker=raise"
    assert paired(mine, its) == {(mine, its)}
    assert paired(mine, its.replace("create@parent", "create@worker.1")) == set()


@pytest.mark.parametrize("serving", [
    {},                                                                         # nobody knows who serves
    {"eventlet": ("parent",), "threading": ("parent",)},                        # the worker is a helper
    {"eventlet": ("parent",), "threading": ("worker.0", "worker.1")},           # one of two is not the service
])
def test_who_does_not_serve_alone_plays_no_part(serving: dict[str, tuple[str, ...]]) -> None:
    assert paired("eventlet/w1/service.start@parent=raise", "threading/w1/service.start@worker=raise",
                  serving=serving) == set()


def a_variant(case_id: str) -> Variant:
    case = parse_case(case_id)
    roles = SERVING[case.backend]
    verdict = Verdict(Outcome.STARTED, Grade.PASS)
    return Variant(judged(case, an_observation(expected=Expectation(1, serving_roles=roles)), verdict),
                   (Site("service.start", roles[0], 1, 0.2), Site("rpc.server.start", roles[0], 1, 0.3)))


BASELINES = tuple(map(a_variant, ("s/eventlet/w1/none", "s/threading/w1/none")))


def test_who_serves_is_what_the_baselines_showed() -> None:
    serving = serving_in(BASELINES)
    assert serving(parse_case("s/threading/w1/service.start@worker=raise")) == ("worker.0",)
    assert serving(parse_case("s/threading/w2/service.start@worker=raise")) == ()


def test_a_pair_by_part_is_in_one_shard() -> None:
    """Else no shard could judge it as a pair."""
    whole = pairs_of(planned(BASELINES, Options()), serving_in(BASELINES))
    shards = [planned(BASELINES, Options(shard=(number, 3))) for number in (1, 2, 3)]
    assert all(shards)
    assert {case for shard in shards for case in pairs_of(shard, serving_in(BASELINES))} == set(whole)
    assert all(is_by_part(*pair) for pair in whole.items())
    assert whole
