"""A real transport in ids, plans and requests: what is planned, who is told what, and what a target has to say."""

from __future__ import annotations

import dataclasses

import pytest
from observations import an_observation, judged

from chaos.actions import BY_WORD, OF_A_STREAM, UPSTREAM, ActionError, told
from chaos.arming import plan_text
from chaos.caseid import format_case, parse_case, parse_fault
from chaos.catalog import BY_NAME, SITES, By
from chaos.errors import UsageError
from chaos.model import Case, Exited, Expectation, Fault, Firing, Grade, Hits, Limits, Outcome, Site, Variant, Verdict
from chaos.network.words import WORDS, Acts
from chaos.plan import Profile, plan, transport_cases
from chaos.prepare import Timing, request_for, warmed
from chaos.promises import ends
from chaos.runner.network import Step, moment_of, script_of
from chaos.target import Target
from chaos.typed import case_of

BASE = Case("scheduler", "threading", 2, (), "rabbit")
TARGET = Target("t", "t.sh", ("--url", "{transport_url}"), config="url = {transport_url}\n", transport_url="fake://u:{quoted.x}@h",
                real_config="wait = 9\n")
ONE_SITE = (Site("service.start", "worker.0", 1, 0.1),)
REAL = [site for site in SITES if site.by in (By.WIRE, By.NODE)]


def a_variant(transport: str | None) -> Variant:
    base = dataclasses.replace(BASE, transport=transport)
    return Variant(judged(base, an_observation(), Verdict(Outcome.STARTED, Grade.PASS)), ONE_SITE)


def sites(cases: tuple[Case, ...]) -> list[str]:
    return [case.faults[0].site for case in cases]


# --- the plan ----------------------------------------------------------------------------------------------------------


def test_a_variant_on_a_real_transport_has_more_than_forty_cases_each_once() -> None:
    cases = plan(a_variant("rabbit"), Profile.DEFAULT)
    assert len(cases) == len(set(cases)) > 40
    for case in cases:
        assert case.transport == "rabbit"
        assert parse_case(format_case(case), sites=BY_NAME, actions=BY_WORD) == case
        told(case.faults[0])


def test_every_site_of_a_real_transport_is_planned_there_and_none_elsewhere() -> None:
    names = {site.name for site in REAL}
    assert names <= set(sites(plan(a_variant("rabbit"), Profile.FULL)))
    assert {site.name for site in REAL if site.by is By.WIRE} <= set(sites(plan(a_variant("rabbit"), Profile.DEFAULT)))
    assert not names & set(sites(plan(a_variant(None), Profile.FULL)))


def test_what_breaks_the_node_comes_last_and_only_where_the_node_is_ours() -> None:
    for profile in (Profile.DEFAULT, Profile.FULL):
        ours = [_breaks_node(case) for case in transport_cases(BASE, profile)]
        assert ours == sorted(ours) and any(ours)
        assert not any(map(_breaks_node, transport_cases(BASE, profile, is_ours=False)))


def _breaks_node(case: Case) -> bool:
    return any(BY_NAME[fault.site].by is By.NODE for fault in case.faults)


def test_a_node_breaks_in_every_way_at_every_milestone_in_a_thorough_profile() -> None:
    found = {(fault.site, fault.action) for case in transport_cases(BASE, Profile.FULL) for fault in case.faults}
    milestones = [site.name for site in REAL if site.by is By.NODE and site.name != "broker.connect"]
    assert {(name, action) for name in milestones for action in ("crash", "halt", "pause", "restart")} <= found


def test_the_usual_sites_are_planned_on_a_real_transport_in_a_thorough_profile_only() -> None:
    assert "service.start" not in sites(plan(a_variant("rabbit"), Profile.DEFAULT))
    assert "service.start" in sites(plan(a_variant("rabbit"), Profile.FULL))
    assert "service.start" in sites(plan(a_variant(None), Profile.DEFAULT))


# --- what can be typed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "amqp.connect=crash", "amqp.connect=latency", "amqp.connect@worker=refuse", "amqp.connect=latency:soon",
    "amqp.connect=latency:0", "amqp.connect=refuse:1", "amqp.connect=timeout:1:2", "amqp.connect=latency:1:2:few",
    "amqp.frames=reset_peer", "amqp.frames=reset_peer:2.5", "amqp.bytes=half_open:0", "amqp.seconds=refuse:1:2",
    "broker.connect=alarm:flood", "broker.started=crash", "broker.connected#2=crash", "amqp.connect#2=refuse",
    "broker.ready=restart", "broker.declare#2=crash", "tls.certificate=denied", "rpc.connect=half_open",
    "service.start=expired", "amqp.peer=refuse", "amqp.connect=blackhole:upstream", "amqp.seconds=reset_peer:1:upstream",
    "amqp.connect=limit_data:upstream:700", "amqp.connect=limit_data:700:up", "amqp.bytes=blackhole:upstream",
    "amqp.peer=denied:upstream", "broker.connect=crash:upstream", "tls.certificate=expired:upstream"])
def test_a_fault_that_a_real_transport_does_not_have_is_an_error(text: str) -> None:
    if text == "amqp.connect=latency":
        assert told(parse_fault(text)) == ("", ())
        return
    with pytest.raises(ActionError):
        told(parse_fault(text))


def test_a_fault_of_the_wire_in_a_case_without_one_names_the_case_that_would_be_right() -> None:
    assert case_of("scheduler/threading/w2-rabbit/amqp.connect=refuse").transport == "rabbit"
    with pytest.raises(UsageError, match=r"w2-rabbit/amqp\.connect=refuse would be right"):
        case_of("scheduler/threading/w2/amqp.connect=refuse")
    with pytest.raises(UsageError, match="'kafka' is no transport"):
        case_of("scheduler/threading/w2-kafka/none")


@pytest.mark.parametrize(("text", "met"), [
    ("amqp.connect=limit_data:700:upstream", ("now", "upstream", ("700",))),
    ("amqp.declare=latency:0.1:0.05:7:upstream", ("at:Queue.Declare", "upstream", ("0.1", "0.05", "7"))),
    ("amqp.bytes=blackhole:300:upstream", ("bytes:300", "upstream", ())),
    ("amqp.frames=timeout:2:1:upstream", ("frames:2", "upstream", ("1",))),
    ("amqp.bytes=blackhole:300", ("bytes:300", "downstream", ())),
    ("amqp.tune=refuse", ("after:Connection.Tune", "downstream", ()))])
def test_a_fault_of_the_wire_is_of_what_the_broker_sends_or_upstream_of_what_the_target_does(
        text: str, met: tuple[str, str, tuple[str, ...]]) -> None:
    fault = case_of(f"scheduler/threading/w2-rabbit/{text}").faults[0]
    assert moment_of(fault) == met
    assert format_case(dataclasses.replace(BASE, faults=(fault,))).endswith(f"/{text}")


def test_the_seed_of_a_jitter_stands_in_the_id_and_is_no_sweeps_own() -> None:
    """``--seed`` is another one every night: an id that held it would be a new case every morning."""
    jitters = [fault.args for case in transport_cases(BASE, Profile.FULL) for fault in case.faults
               if fault.action == "latency" and len(fault.args) > 1]
    assert jitters == [("0.06", "0.05", "1")]
    assert moment_of(Fault("amqp.connect", "latency", jitters[0])) == ("now", "downstream", jitters[0])


def test_upstream_goes_with_the_words_of_the_proxy_that_act_on_data() -> None:
    assert {word for word in OF_A_STREAM if "." not in word} == {word.name for word in WORDS if word.acts is Acts.DATA}
    planned = {(fault.site, fault.action) for case in transport_cases(BASE, Profile.DEFAULT) for fault in case.faults
               if UPSTREAM in fault.args}
    assert planned == {("amqp.connect", "limit_data"), ("amqp.bytes", "blackhole")}


# --- the request -----------------------------------------------------------------------------------------------------------


def request(*faults: Fault, transport: str | None = "rabbit", target: Target = TARGET):  # type: ignore[no-untyped-def]
    return request_for(target, dataclasses.replace(BASE, faults=faults, transport=transport), Timing(), Expectation())


def test_the_url_of_a_target_is_its_own_where_no_transport_is_asked_for() -> None:
    asked = request(transport=None)
    assert asked.config.startswith("url = fake://u:") and "{" not in asked.config
    assert len(asked.secrets) == 1
    assert "wait" not in asked.config


def test_the_url_is_left_to_the_supervisor_on_a_real_transport() -> None:
    asked = request()
    assert asked.config == "url = {transport_url}\nwait = 9\n"
    assert "{transport_url}" in asked.argv
    assert warmed(asked, asked, dataclasses.replace(a_variant("rabbit").warm, because="", ahead="x")).cold_because


def test_the_agent_is_told_nothing_of_what_happens_on_the_wire_and_the_other_faults_keep_their_number() -> None:
    text = plan_text("a case", (Fault("amqp.connect", "refuse"), Fault("service.start", "stall")))
    assert "refuse" not in text
    assert "fault\t1\tservice.start" in text


def test_only_what_breaks_the_node_must_be_alone() -> None:
    assert request(Fault("broker.ready", "crash")).alone
    assert not request(Fault("amqp.connect", "refuse")).alone


def test_a_target_that_cannot_be_told_where_its_broker_is_cannot_be_started_on_one() -> None:
    TARGET.must_take_transport("rabbit")
    with pytest.raises(UsageError, match="would be right"):
        Target("t", "t.sh").must_take_transport("rabbit")


# --- waiting for a broker ------------------------------------------------------------------------------------------------

REFUSED = Fault("amqp.connect", "refuse")


def waited(output: str, elapsed_s: float = 16.0, **limits: float) -> str:
    case = dataclasses.replace(BASE, faults=(REFUSED,))
    seen = an_observation(
        ending=Exited(75), elapsed_s=elapsed_s, served_s=None, ready_s=None, stop_sent_s=None, signals=(), output=output,
        stopped_watching="ended", limits=Limits(**{"deadline_s": 18.0, "wait_s": 8.0, **limits}),
        fired=(Firing(0.5, 0, "amqp.connect", "worker.0", 7, 1, "refuse"),))
    broken = ends(case, seen)
    return broken.because if broken else ""


def test_who_uses_the_time_for_waiting_has_to_say_that_it_waits() -> None:
    assert not waited("ERROR oslo: Connection failed: refused (retrying in 3.0 seconds)")
    assert not waited("WARNING waiting for the broker at 127.0.0.1:5672, 20 s still")
    assert "does not say that it waits" in waited("CRITICAL it failed")


def test_who_ends_in_the_usual_time_or_has_no_other_need_not_say_so() -> None:
    assert not waited("CRITICAL it failed", elapsed_s=9.0)
    assert not waited("CRITICAL it failed", wait_s=0.0)


@pytest.mark.parametrize("fault", [REFUSED, Fault("broker.connect", "pause"), Fault("rpc.connect", "stall"),
                                   Fault("dns.resolve", "raise", ("socket.gaierror",))])
def test_a_wait_counts_where_the_case_keeps_the_broker_away(fault: Fault) -> None:
    target = dataclasses.replace(TARGET, broker_wait_s=5.0)
    limits = request(fault, target=target).limits
    assert (limits.deadline_s, limits.wait_s) == (15.0, 5.0)


@pytest.mark.parametrize(("text", "wait_s"), [
    ("amqp.connect=latency:0.03", 0.0), ("amqp.connect=bandwidth:20", 0.0), ("amqp.connect=slicer:50", 0.0),
    ("amqp.hosts=first_dead", 0.0), ("dns.resolve=two_addresses", 0.0), ("broker.ready=crash", 0.0),
    ("amqp.connect=latency:5", 5.0), ("broker.ready#1=restart", 5.0), ("broker.declare#1=restart", 5.0),
    ("dns.resolve=delay:3", 5.0), ("amqp.hosts=first_dead+amqp.declare=down", 5.0)])
def test_a_wait_counts_in_no_case_in_which_a_broker_is_there_all_the_time(text: str, wait_s: float) -> None:
    faults = case_of(f"scheduler/threading/w2-rabbit/{text}").faults
    assert request(*faults, target=dataclasses.replace(TARGET, broker_wait_s=5.0)).limits.wait_s == wait_s


@pytest.mark.parametrize("transport", ["rabbit", None])
def test_a_wait_counts_in_no_other_case(transport: str | None) -> None:
    target = dataclasses.replace(TARGET, broker_wait_s=5.0)
    for faults in ((), (Fault("service.start", "stall"),)):
        limits = request(*faults, transport=transport, target=target).limits
        assert (limits.deadline_s, limits.wait_s) == (10.0, 0.0)
    assert request(Fault("rpc.connect", "stall"), transport=None, target=target).limits.wait_s == 0.0


def test_a_start_that_waits_for_a_broker_is_told_to_stop_in_the_middle_of_it() -> None:
    told = Fault("start.waiting", "signal", ("TERM",), None, Hits(1, 1))
    both = [case.faults for case in transport_cases(BASE, Profile.DEFAULT) if len(case.faults) > 1]
    assert {(first.site, first.action) for first, _ in both} >= {("amqp.connect", "refuse"), ("amqp.connect", "blackhole")}
    assert {second for _, second in both} == {told}
    typed = format_case(dataclasses.replace(BASE, faults=both[0]))
    assert parse_case(typed, sites=BY_NAME, actions=BY_WORD).faults == both[0]


# --- what is done to the node ----------------------------------------------------------------------------------------------


def done(action: str, hits: Hits, site: str = "broker.declare") -> list[str]:
    return [step.what or step.do for step in script_of(0, Fault(site, action, (), None, hits))]


def test_nobody_gets_past_the_moment_before_the_node_is_broken() -> None:
    assert done("crash", Hits()) == ["refuse", "crash", "release"]
    assert done("halt", Hits(), "broker.ready") == ["refuse", "stop"]


def test_a_transient_fault_of_the_node_ends() -> None:
    assert done("pause", Hits(1, 1)) == ["pause", "release", "wait", "resume"]
    assert done("crash", Hits(1, 1)) == ["refuse", "crash", "release", "wait", "start", "accept"]
    assert done("restart", Hits(1, 1)) == ["refuse", "restart", "release", "accept"]


def test_an_alarm_is_raised_at_its_moment_and_cleared() -> None:
    assert done("alarm", Hits(1, 1)) == ["alarm", "release", "wait", "calm"]
    planned = {format_case(case).rpartition("/")[2] for case in transport_cases(BASE, Profile.DEFAULT)}
    assert {"broker.connect#1=alarm", "broker.declare#1=alarm:disk", "broker.connect=alarm:disk"} <= planned


def test_the_node_is_really_killed_once_in_a_usual_sweep() -> None:
    assert [fault.site for case in transport_cases(BASE, Profile.DEFAULT) for fault in case.faults
            if fault.action == "die"] == ["broker.declare"]


def test_the_fault_has_happened_when_the_node_has_done_it() -> None:
    assert [step.index for step in script_of(3, Fault("broker.ready", "alarm")) if step.index >= 0] == [3]
    assert script_of(3, Fault("broker.ready", "alarm")) == [Step("ask", "alarm", index=3)]
