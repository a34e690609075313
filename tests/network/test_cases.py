"""Cases on a real broker, from the start to the verdict: what fires, who is told, and what is left of the companions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.fixtures import Launcher
from chaos.model import BACK, Exited, Grade, Outcome
from chaos.network.broker import Broker
from processes import Deadline

BACKENDS = ("eventlet", "threading")
CHAOS = [sys.executable, "-m", "chaos"]
NOWHERE = "/nonexistent/rabbitmq-server"


@pytest.fixture
def broker(rabbit_broker: Broker, deadline: Deadline) -> Broker:
    return rabbit_broker


@pytest.mark.parametrize("backend", BACKENDS)
def test_serving_is_proven_by_a_call_from_outside(broker: Broker, launcher: Launcher, backend: str) -> None:
    run = launcher.start(backend=backend, workers=2, transport="rabbit")
    run.assert_started()
    seen = run.observation
    assert {mile.role for mile in seen.milestones if mile.name == "answered"} == {"worker.0", "worker.1"}
    assert broker.password not in repr(seen)
    assert broker.count()["vhosts"] == 1, "the virtual host of the case is gone"


def test_a_reset_while_a_queue_is_declared_is_survived_and_told_with_its_connection(
        broker: Broker, launcher: Launcher, fault: Callable[..., object]) -> None:
    fault("amqp.declare#1=reset_peer")
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_recovered()
    assert [(firing.site, firing.role, firing.number) for firing in run.observation.fired] == [("amqp.declare", "parent", 1)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", ["broker.declare#1=restart", "amqp.hosts=first_dead", "dns.resolve=two_addresses",
                                  "amqp.connect=latency:0.03"])
def test_what_leaves_a_broker_there_is_survived(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], backend: str, text: str) -> None:
    """Ending would be no answer to it: see ``promises.has_to_be_survived``."""
    fault(text)
    run = launcher.start(backend=backend, workers=1, transport="rabbit")
    if text.endswith("restart"):
        run.assert_recovered()
    else:
        run.assert_started()


def test_the_dead_one_of_two_addresses_is_met_before_the_other(
        broker: Broker, launcher: Launcher, fault: Callable[..., object]) -> None:
    """A delay of nothing counts what is tried: in a worker two connections for each name that is resolved, and no other.
    Not under eventlet, whose sockets connect elsewhere; that its names go the same way is a test of the agent's."""
    fault("dns.resolve=two_addresses")
    fault("socket.connect=delay:0.001")
    run = launcher.start(backend="threading", workers=2, transport="rabbit")
    run.assert_started()
    of_workers = [firing.site for firing in run.observation.fired if firing.role.startswith("worker")]
    resolved = of_workers.count("dns.resolve")
    assert resolved and of_workers.count("socket.connect") == 2 * resolved


@pytest.mark.parametrize(("word", "reason"), [
    ("expired", "certificate has expired"), ("wrong_host", "not valid for '127.0.0.1'"),
    ("unknown_authority", "unable to get local issuer certificate"), ("plain_text", "Server unexpectedly closed connection"),
    ("plain_port", "WRONG_VERSION_NUMBER")])
def test_a_certificate_that_is_wrong_fires_where_it_is_refused_and_the_log_says_why(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], word: str, reason: str) -> None:
    fault(f"tls.certificate={word}")
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_clean_exit()
    assert reason in run.observation.output
    assert {firing.role for firing in run.observation.fired} == {"parent"}


@pytest.mark.parametrize("text", ["amqp.connect=limit_data:700:upstream", "amqp.bytes=blackhole:300:upstream"])
def test_what_the_target_sends_is_cut_or_held(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], text: str) -> None:
    """Of what the broker sends, so few bytes are its greeting alone: see test_proxy for who gets how many."""
    fault(text)
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_clean_exit()
    assert run.observation.ending == Exited(75)


@pytest.mark.parametrize(("text", "role"), [("amqp.connect=refuse", "parent"), ("amqp.declare=down", "worker.0")])
def test_a_refusal_fires_in_the_process_that_meets_it(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], text: str, role: str) -> None:
    """The sample looks for its broker before it has workers; those meet one that goes down later."""
    fault(text)
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_clean_exit()
    met = {firing.role for firing in run.observation.fired if firing.number > 1}
    assert met == {role}


@pytest.mark.parametrize("text", ["broker.declare=crash", "broker.declare=die", "broker.ready#1=restart",
                                  "broker.connect=alarm"])
def test_what_a_case_did_to_the_broker_is_undone(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], text: str) -> None:
    fault(text)
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_passes()
    assert broker.line.ask("state")["state"] == "running"
    assert broker.count()["vhosts"] == 1


@pytest.mark.parametrize("text", ["broker.connect#1=alarm", "broker.declare#1=alarm:disk"])
def test_an_alarm_that_is_over_is_recovered_from(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], text: str) -> None:
    """Nobody can publish meanwhile, and so nobody serves."""
    fault(text)
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_recovered()
    seen = run.observation
    (over_s,) = (mile.at_s for mile in seen.milestones if mile.name == BACK)
    assert seen.served_s is not None and seen.fired[0].at_s < over_s < seen.served_s


@pytest.mark.parametrize(("site", "after"), [
    ("broker.configured", "configured"), ("broker.created", "service created"), ("broker.connected", "transport connected"),
    ("broker.started", "service started"), ("broker.announced", "READY=1"), ("broker.ready", "answered before the fault")])
def test_the_node_breaks_once_its_milestone_is_passed_and_the_start_comes_back(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], site: str, after: str) -> None:
    fault(f"{site}#1=pause")
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    run.assert_recovered()
    seen = run.observation
    passed_s = seen.ready_s if after == "READY=1" else min(mile.at_s for mile in seen.milestones if mile.name == after)
    assert passed_s is not None and passed_s <= seen.fired[0].at_s
    (back_s,) = (mile.at_s for mile in seen.milestones if mile.name == BACK)
    assert seen.served_s is not None and seen.served_s > back_s, "it is asked anew"


@pytest.mark.chaos_target("naive")
def test_a_launcher_that_is_ready_without_its_broker_and_tries_for_ever_is_found(
        broker: Broker, launcher: Launcher, fault: Callable[..., object]) -> None:
    fault("amqp.connect=refuse")
    run = launcher.start(backend="threading", workers=1, transport="rabbit")
    assert (run.outcome, run.verdict) == (Outcome.RETRY_LOOP, Grade.FAIL)
    assert {"ends", "ready-means-ready"} <= set(run.broken)


def test_cases_that_need_a_broker_are_listed_where_there_is_none() -> None:
    asked = [*CHAOS, "sweep", "--transport", "rabbit", "--backend", "threading", "--workers", "1", "--only", "*amqp.tune*"]
    without = {**os.environ, "CHAOS_RABBITMQ_SERVER": NOWHERE}
    listed = subprocess.run(asked, env=without, capture_output=True, text=True, check=False)
    assert listed.returncode == 2
    assert "not run: a private broker needs" in listed.stdout and NOWHERE in listed.stdout
    assert "scheduler/threading/w1-rabbit/amqp.tune#1=reset_peer" in listed.stdout
    required = subprocess.run([*asked, "--require-rabbit"], env=without, capture_output=True, text=True, check=False)
    assert required.returncode == 69
    assert NOWHERE in required.stderr


def test_a_broker_of_ones_own_is_used_and_never_broken_nor_its_password_told(broker: Broker, tmp_path: Path) -> None:
    """What would break it is listed by name; --require-rabbit makes that 69 before anything is run."""
    with broker.vhost("ones-own") as url:
        asked = [*CHAOS, "run", "scheduler/threading/w1-rabbit/amqp.tune#1=reset_peer",
                 "scheduler/threading/w1-rabbit/broker.declare=crash", "--transport", url, "--out", str(tmp_path / "out")]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "PASS recovered" in done.stdout
        assert "not run: these break the broker, and only a private one may be broken" in done.stdout
        assert "scheduler/threading/w1-rabbit/broker.declare=crash\n1 cases were not run." in done.stdout
        required = subprocess.run([*asked, "--require-rabbit"], capture_output=True, text=True, check=False)
        assert required.returncode == 69 and "broker.declare=crash" in required.stderr
    told = [done.stdout, done.stderr, required.stderr, *(path.read_text() for path in (tmp_path / "out").iterdir())]
    assert len(told) > 3 and not any(broker.password in text for text in told)
    assert broker.line.ask("state")["state"] == "running"
    assert broker.count()["vhosts"] == 1, "nor is one made for the cases"


def test_a_sweep_on_a_broker_of_ones_own_lists_what_would_break_it(broker: Broker, tmp_path: Path) -> None:
    with broker.vhost("ones-own") as url:
        asked = [*CHAOS, "sweep", "--transport", url, "--backend", "threading", "--workers", "1", "--out", str(tmp_path),
                 "--only", "*/amqp.tune#1=*", "--only", "*/broker.declare=die"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("scheduler/threading/w1-rabbit/broker.declare=die\n1 cases were not run.")


def test_cases_on_a_broker_that_nobody_asked_for_are_missed_only_where_they_are_required(tmp_path: Path) -> None:
    required = subprocess.run([*CHAOS, "sweep", "--require-rabbit", "--out", str(tmp_path)], capture_output=True, text=True,
                              check=False)
    assert required.returncode == 69
    assert "--transport rabbit would be right" in required.stderr


def test_a_target_that_cannot_be_told_where_its_broker_is_is_a_usage_error() -> None:
    refused = subprocess.run([*CHAOS, "sweep", "os:getpid", "--transport", "rabbit"], capture_output=True, text=True,
                             check=False)
    assert refused.returncode == 64
    assert "{transport_url}" in refused.stderr
