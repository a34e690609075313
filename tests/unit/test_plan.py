"""From the sites of a good start to the cases of a sweep."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from observations import an_observation, judged

from chaos.actions import BY_WORD, told
from chaos.caseid import format_case, parse_case
from chaos.catalog import BY_NAME, SITES
from chaos.model import Case, Grade, Hits, Lifetime, Outcome, Phase, Site, Variant, Verdict
from chaos.plan import NEARER_IN_OSLO, OF_A_PLAIN_LAUNCHER, TRIES, Profile, plan

BASE = Case("scheduler", "threading", 2)


def a_variant(*sites: Site, workers: int = 2) -> Variant:
    base = Case("scheduler", "threading", workers)
    return Variant(judged(base, an_observation(), Verdict(Outcome.STARTED, Grade.PASS)), sites)


def everywhere(phase: Phase = Phase.START) -> Variant:
    roles = ("parent", "worker.0", "worker.1", "helper")
    return a_variant(*(Site(doc.name, role, 3, 0.1, phase) for doc in SITES for role in roles))


def ids(variant: Variant, profile: Profile = Profile.DEFAULT) -> list[str]:
    return [format_case(case) for case in plan(variant, profile)]


@pytest.mark.parametrize("profile", Profile)
def test_every_case_is_planned_once_can_be_read_back_and_can_be_told_to_the_agent(profile: Profile) -> None:
    cases = plan(everywhere(), profile)
    assert len(cases) == len(set(cases)) > 0
    for case in cases:
        assert parse_case(format_case(case), sites=BY_NAME, actions=BY_WORD) == case
        told(case.faults[0])


@pytest.mark.parametrize(("less", "more"), list(itertools.pairwise(Profile)))
def test_each_profile_holds_all_of_the_one_before(less: Profile, more: Profile) -> None:
    assert set(ids(everywhere(), less)) <= set(ids(everywhere(), more))


def test_a_plan_is_the_same_from_run_to_run() -> None:
    assert ids(everywhere(), Profile.FULL) == ids(everywhere(), Profile.FULL)


def test_cases_come_in_the_order_of_the_start() -> None:
    sites = [case.faults[0].site for case in plan(everywhere(), Profile.DEFAULT)]
    assert list(dict.fromkeys(sites)) == [doc.name for doc in SITES if doc.name in sites]


def test_a_site_on_the_way_up_is_failed_once_and_for_good() -> None:
    cases = plan(a_variant(Site("service.start", "parent", 1, 0.1)), Profile.DEFAULT)
    lifetimes = {case.faults[0].hits.lifetime for case in cases if case.faults[0].action == "raise"}
    assert lifetimes == {Lifetime.ONCE, Lifetime.PERSISTENT}


def test_the_full_profile_fails_each_of_the_first_hits_in_turn() -> None:
    cases = plan(a_variant(Site("thread.spawn", "parent", 4, 0.1)), Profile.FULL)
    firsts = {case.faults[0].hits.first for case in cases if case.faults[0].hits.lifetime is Lifetime.ONCE}
    assert firsts == {1, 2, 3, 4}


@pytest.mark.parametrize(("workers", "second", "second_of_calls"), [
    (1, {"worker"}, {"worker"}), (2, {"worker.0", "worker.1"}, {"worker.0"}), (3, {"worker.0", "worker.2"}, {"worker.0"})])
def test_a_later_hit_is_planned_for_one_worker_where_several_race_for_it(
    workers: int, second: set[str], second_of_calls: set[str],
) -> None:
    sites = [Site(name, f"worker.{slot}", 2, 0.1) for name in ("thread.spawn", "demo:read,demo:call")
             for slot in range(workers)]
    faults = [case.faults[0] for case in plan(a_variant(*sites, workers=workers), Profile.NIGHTLY)]
    seconds = {(fault.site, fault.role) for fault in faults if fault.hits == Hits(2, 2)}
    assert {role for site, role in seconds if site == "thread.spawn"} == second
    assert {role for site, role in seconds if site != "thread.spawn"} == second_of_calls


def test_where_there_are_several_workers_the_last_one_fails_alone_too() -> None:
    sites = [Site("service.start", f"worker.{slot}", 1, 0.1) for slot in (0, 1)]
    roles = {case.faults[0].role for case in plan(a_variant(*sites), Profile.DEFAULT)}
    assert roles == {"worker", "worker.1"}


def test_one_worker_is_not_failed_alone() -> None:
    site = Site("service.start", "worker.0", 1, 0.1)
    assert {case.faults[0].role for case in plan(a_variant(site, workers=1), Profile.DEFAULT)} == {"worker"}


def test_a_helper_and_a_site_that_nobody_knows_are_left_alone() -> None:
    cases = plan(a_variant(Site("process.fork", "helper", 1, 0.1), Site("no.such", "parent", 1, 0.1)), Profile.FULL)
    assert not [case for case in cases if case.faults[0].site in ("process.fork", "no.such")]


def test_what_is_first_reached_while_it_serves_is_not_raised_at() -> None:
    assert not [one for one in ids(everywhere(Phase.SERVING)) if "=raise" in one]


@pytest.mark.parametrize("one", TRIES, ids=lambda one: f"{one.action}-{one.since}")
def test_every_kind_of_fault_is_planned_by_its_profile_somewhere(one: object) -> None:
    attempt = next(each for each in TRIES if each is one)
    faults = [case.faults[0] for case in plan(everywhere(attempt.phases[0]), attempt.since)]
    assert (attempt.action, attempt.args, attempt.hits) in {(one.action, one.args, one.hits) for one in faults}


def test_a_nightly_sweep_signals_at_every_site_on_the_way_up_once_and_twice() -> None:
    planned = {(case.faults[0].site, case.faults[0].args) for case in plan(everywhere(), Profile.NIGHTLY)
               if case.faults[0].action == "signal"}
    sites = {doc.name for doc in SITES if doc.errors} - set(NEARER_IN_OSLO)
    for name in ("TERM", "INT", "HUP"):
        for twice in ((), ("2",)):
            assert {site for site, args in planned if args == (name, "parent", *twice)} >= sites


def test_a_nightly_sweep_fails_every_site_for_the_first_three_times() -> None:
    first_3 = {case.faults[0].site for case in plan(everywhere(), Profile.NIGHTLY) if case.faults[0].hits == Hits(1, 3)}
    assert first_3 >= {doc.name for doc in SITES if doc.errors} - set(NEARER_IN_OSLO)


def test_the_sites_of_a_plain_launcher_are_planned_where_there_is_no_service() -> None:
    variant = everywhere()
    services = ("service.", "launcher.")
    plain = replace(variant, sites=tuple(site for site in variant.sites if not site.name.startswith(services)))
    for profile in (Profile.DEFAULT, Profile.FULL):
        assert set(OF_A_PLAIN_LAUNCHER) <= {case.faults[0].site for case in plan(plain, profile)}


@pytest.mark.parametrize(("profile", "planned"), [
    (Profile.DEFAULT, set()), (Profile.FULL, {"socket.bind", "socket.listen", "process.exec", "process.replace"}),
    (Profile.NIGHTLY, {"socket.bind", "socket.listen", "process.exec", "process.replace"})])
def test_what_an_oslo_service_binds_and_executes_is_failed_from_the_full_profile_on(
        profile: Profile, planned: set[str]) -> None:
    assert {case.faults[0].site for case in plan(everywhere(), profile)} & set(OF_A_PLAIN_LAUNCHER) == planned
