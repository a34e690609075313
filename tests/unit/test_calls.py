"""Claims about traced calls as sites: their rank, their exception, which are stable, and the cases that they become."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import a_case, a_firing, an_observation, judged

from chaos.calls import Rank, error_for, is_call, rank
from chaos.caseid import format_case, parse_case
from chaos.discover import with_calls
from chaos.judge import judge
from chaos.model import Exited, Fault, Hit, Hits, Observation, Phase, Site, Variant
from chaos.plan import Profile, plan, second_faults

CALL = "shop.service:Shop.start,oslo_messaging.rpc.server:get_rpc_server"


@pytest.mark.parametrize(("expected", "callee"), [
    (Rank.REAL, "oslo_messaging.rpc.server:get_rpc_server"),
    (Rank.REAL, "posix:fork"),
    (Rank.UNREAL, "posix:getpid"),
    (Rank.UNREAL, "posix:_exit"),
    (Rank.REAL, "importlib._bootstrap:_find_and_load"),
    (Rank.REAL, "threading:Thread.start"),
    (Rank.PLAUSIBLE, "faker.proxy:Faker.__init__"),
    (Rank.PLAUSIBLE, "argparse:ArgumentParser.parse_args"),
    (Rank.UNREAL, "enum:EnumType.__call__"),
    (Rank.UNREAL, "threading:Lock.__exit__"),
    (Rank.UNREAL, "logging:getLogger"),
    (Rank.UNREAL, "oslo_service.service:<lambda>"),
])
def test_a_call_is_ranked_by_what_can_fail_there_in_the_field(expected: Rank, callee: str) -> None:
    assert rank(f"shop.service:Shop.start,{callee}") is expected


@pytest.mark.parametrize(("callee", "named", "words"), [
    ("posix:pipe", "OSError:24", ("OSError", "EMFILE")),
    ("posix:write", "OSError:24", ("BrokenPipeError", "EPIPE")),
    ("posix:read", "OSError:24", ("OSError", "EIO")),
    ("importlib:import_module", "ModuleNotFoundError", ("ImportError",)),
    ("oslo_config.cfg:ConfigOpts.__call__", "oslo_config.cfg.RequiredOptError", ("oslo_config.cfg.RequiredOptError",)),
    ("oslo_config.cfg:ConfigOpts.__getattr__", "KeyError", ("RuntimeError",)),
    ("shapes:area", "", ("RuntimeError",)),
])
def test_a_call_fails_with_what_its_callee_really_raises(callee: str, named: str, words: tuple[str, ...]) -> None:
    assert error_for(f"shop:main,{callee}", named).words == words


def test_a_traced_call_is_a_site_that_an_id_can_hold() -> None:
    case = a_case(Fault("shop:<module>,enum:property.<locals>.get", "raise", ("ImportError",), "parent", Hits(2, 2)))
    assert parse_case(format_case(case), sites=["service.start"]) == case
    assert is_call(case.faults[0].site) and not is_call("service.start")


def _traced(*sites: str) -> Observation:
    hits = tuple(Hit(0.1 * number, site, "parent", 1) for number, site in enumerate(sites))
    return an_observation(hits=hits, calls=((CALL, "ValueError"),))


def _variant(seen: Observation | None = None, *sites: Site) -> Variant:
    baseline = seen or an_observation()
    return Variant(judged(a_case(), baseline, judge(a_case(), baseline)), sites)


def test_only_calls_that_every_traced_run_reached_become_sites() -> None:
    other = "shop:main,posix:pipe"
    found = with_calls(_variant(), (_traced(CALL, other, "rpc.listen"), _traced(CALL)))
    assert [(site.name, site.role, site.error) for site in found.sites] == [(CALL, "parent", "ValueError")]


def test_the_exhaustive_loop_fails_each_hit_once_and_then_for_good_and_leaves_the_unreal_out() -> None:
    variant = _variant(None, Site(CALL, "worker.0", 2, 0.1), Site("shop:main,enum:EnumType.__call__", "parent", 1, 0.1))
    faults = [case.faults[0] for case in plan(variant, Profile.NIGHTLY)]
    assert [fault.hits for fault in faults if fault.site == CALL] == [Hits(1, 1), Hits(2, 2), Hits(1, None)]
    assert {fault.role for fault in faults if fault.site == CALL} == {"worker"}
    assert not [fault for fault in faults if "enum" in fault.site]
    everything = plan(variant, Profile.UNREAL)
    assert [case.faults[0].hits for case in everything if "enum" in case.faults[0].site] == [Hits(1, 1), Hits(1, None)]


def test_a_site_that_only_the_first_fault_brings_about_gets_a_second_one() -> None:
    fault = Fault("service.create", "raise", ("RuntimeError",), "parent")
    hits = (Hit(0.1, "service.create", "parent", 1), Hit(0.6, "launcher.stop", "parent", 1),
            Hit(0.7, "rpc.listen", "parent", 1))
    seen = an_observation(ending=Exited(1), fired=(a_firing(fault),), hits=hits, served_s=None, stop_sent_s=None)
    one = judged(a_case(fault), seen, judge(a_case(fault), seen))
    usual = _variant(None, Site("rpc.listen", "parent", 1, 0.2, Phase.START))
    assert [[f.site for f in case.faults] for case in second_faults(one, usual)] == [["service.create", "launcher.stop"]]
    assert second_faults(replace(one, seen=replace(seen, served_s=0.5)), usual) == ()
    assert second_faults(replace(one, case=second_faults(one, usual)[0]), usual) == ()
