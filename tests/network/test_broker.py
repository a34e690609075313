"""The private broker: on loopback only, a virtual host a case, broken and healed as asked, and nothing of it left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import amqp.exceptions
import psutil
import pytest

from chaos.errors import MissingPart, UsageError
from chaos.network.broker import Broker, RabbitBroker, find_parts
from chaos.network.node import Node, NodeBroke
from network.clients import connected
from network.conftest import Vhost
from processes import Deadline, below, is_alive, watched

WITHIN_S = 20.0
CASE_WITHIN_S = 0.15
"""What a case may cost beyond the target itself; 0.03 s on a quiet machine."""


def _listening(pid: int) -> list[tuple[str, int]]:
    every = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [(one.laddr.ip, one.laddr.port) for process in every for one in process.net_connections("inet")
            if one.status == psutil.CONN_LISTEN]


def test_all_that_listens_is_on_loopback(rabbit: Broker) -> None:
    found = [listening for pid in rabbit.facts["pids"] for listening in _listening(pid)]
    assert {host for host, _ in found} <= {"127.0.0.1", "::1"}
    assert {port for _, port in found} == set(rabbit.facts["ports"]), "AMQP, distribution and epmd: as was told"
    assert not set(rabbit.facts["ports"]) & {4369, 5672, 25672}, "its own, and not those of a broker of the machine"


def test_a_case_costs_little(rabbit: Broker) -> None:
    times = []
    for number in range(9):
        began = time.monotonic()
        with rabbit.vhost(f"cost-{number}"):
            pass
        times.append(time.monotonic() - began)
    assert min(times) < CASE_WITHIN_S, "what it takes when nothing else runs; a busy machine adds its own"


@pytest.mark.parametrize("harm", ["none", "kill"])
def test_every_case_borrows_a_virtual_host_that_nobody_has_had(rabbit: Broker, harm: str) -> None:
    names = [rabbit.line.ask("borrow")["name"] for _ in range(2)]
    if harm == "kill":
        rabbit.kill()
        rabbit.start()
    names.append(rabbit.line.ask("borrow")["name"])
    assert len(set(names)) == len(names)
    with connected(rabbit.url(names[-1])):
        pass
    for name in names:
        rabbit.line.ask("drop", name=name)
    assert rabbit.count()["vhosts"] == 1, "the spare one does not count"


LINGERS = """#!/bin/sh
echo "booted $$" >> "$HOME/boots"
(sleep 0.3) &
[ "$(wc -l < "$HOME/boots")" = 1 ] || sleep 0.6
echo "=0 {done,ok}"
exec sleep 60
"""
"""A node whose output stays open for a moment when it was killed, by what it had started; its second boot takes longer."""


def test_the_late_end_of_a_killed_nodes_output_is_not_the_end_of_its_next_boot(tmp_path: Path) -> None:
    script = tmp_path / "rabbitmq-server"
    script.write_text(LINGERS)
    script.chmod(0o755)
    deaths: list[int] = []

    async def kill_and_boot() -> None:
        node = Node(str(script), find_parts().epmd, tmp_path, deaths.append)
        try:
            await node.boot()
            asked = asyncio.ensure_future(node.ask("1"))
            await asyncio.sleep(0)
            node.kill()
            with pytest.raises(NodeBroke, match="status_-9"):
                await asked
            await node.boot()
            assert node.process is not None
        finally:
            node.end()

    asyncio.run(kill_and_boot())
    assert deaths == []


def test_a_boot_that_takes_too_long_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next would run beside it, on the same ports."""
    script = tmp_path / "rabbitmq-server"
    script.write_text('#!/bin/sh\necho $$ > "$HOME/pid.new"\nmv "$HOME/pid.new" "$HOME/booting"\nexec sleep 60\n')
    script.chmod(0o755)
    monkeypatch.setattr("chaos.network.node.BOOTS_WITHIN_S", 2.0)

    async def boot() -> None:
        node = Node(str(script), find_parts().epmd, tmp_path, lambda status: None)
        try:
            with pytest.raises(NodeBroke, match="waited 2 s for the node's boot"):
                await node.boot()
            assert node.process is None
            assert not is_alive(int((tmp_path / "booting").read_text()))
        finally:
            node.end()

    asyncio.run(boot())


def test_a_virtual_host_is_of_its_case_only(rabbit: Broker) -> None:
    with rabbit.vhost("one") as one, rabbit.vhost("two") as two:
        with connected(one) as connection:
            connection.channel().queue_declare("q", auto_delete=False)
        with connected(two) as connection, pytest.raises(amqp.exceptions.NotFound):
            connection.channel().queue_declare("q", passive=True)
    with pytest.raises(amqp.exceptions.NotAllowed, match="530"), connected(one):
        pass


def test_a_wrong_password_and_an_unknown_virtual_host_are_refused_by_name(rabbit: Broker, vhost: Vhost) -> None:
    with pytest.raises(amqp.exceptions.AccessRefused, match="403"), connected(rabbit.url(vhost.name, password="wrong")):
        pass
    with pytest.raises(amqp.exceptions.NotAllowed, match="530"), connected(rabbit.url("nowhere")):
        pass


def test_a_stopped_broker_says_so_to_all_and_refuses_until_it_is_started(rabbit: Broker, vhost: Vhost) -> None:
    with connected(vhost.url) as connection, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(connection.drain_events, timeout=WITHIN_S)
        assert rabbit.stop()["state"] == "stopped"
        with pytest.raises(amqp.exceptions.ConnectionForced, match="320"):
            reading.result(WITHIN_S)
    with pytest.raises(ConnectionRefusedError), connected(vhost.url):
        pass
    rabbit.start()
    with connected(vhost.url):
        pass


def test_a_restart_keeps_what_was_durable(rabbit: Broker, vhost: Vhost) -> None:
    with connected(vhost.url) as connection:
        connection.channel().queue_declare("kept", durable=True, auto_delete=False)
    answer = rabbit.restart(down_s=0.1)
    assert answer["took_s"] >= 0.1
    with connected(vhost.url) as connection:
        connection.channel().queue_declare("kept", passive=True)


def test_a_killed_broker_leaves_without_a_word_and_can_be_started_again(rabbit: Broker, vhost: Vhost) -> None:
    with connected(vhost.url) as connection:
        rabbit.kill()
        with pytest.raises((ConnectionError, OSError)) as lost:
            connection.drain_events(timeout=WITHIN_S)
        assert not isinstance(lost.value, TimeoutError | amqp.exceptions.ConnectionForced)
    with pytest.raises(ConnectionRefusedError), connected(vhost.url):
        pass
    rabbit.start()
    with connected(vhost.url):
        pass


def test_a_crash_is_to_a_client_what_a_kill_is(rabbit: Broker, vhost: Vhost) -> None:
    with connected(vhost.url) as connection, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(connection.drain_events, timeout=WITHIN_S)
        assert rabbit.crash()["state"] == "stopped"
        with pytest.raises(OSError) as lost:
            reading.result(WITHIN_S)
        assert not isinstance(lost.value, TimeoutError | amqp.exceptions.ConnectionForced)
    with pytest.raises(ConnectionRefusedError), connected(vhost.url):
        pass
    rabbit.start()
    with connected(vhost.url):
        pass


def test_what_happens_to_the_broker_is_told_to_who_hears_of_it(rabbit: Broker) -> None:
    other = rabbit.again()
    with other.line:
        asked = other.line.begin("restart", down_s=0.0)
        assert other.line.answer(asked) is None, "nobody waits for it"
        after = len(rabbit.line.events)
        assert rabbit.line.event("broker", after=after, did="restart", within_s=WITHIN_S)["state"] == "running"
        assert other.line.event("broker", did="restart", within_s=WITHIN_S)
        answer = other.line.wait_for(asked, within_s=WITHIN_S, what="restart")      # it may come after the event
        assert answer["state"] == "running"


def test_a_paused_broker_accepts_and_says_nothing_until_it_is_resumed(rabbit: Broker, vhost: Vhost) -> None:
    rabbit.pause()
    with pytest.raises(TimeoutError), connected(vhost.url, within_s=0.2):
        pass
    with pytest.raises(UsageError, match="the broker is paused"):
        rabbit.stop()
    rabbit.resume()
    with connected(vhost.url):
        pass


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_an_alarm_blocks_who_publishes_until_it_is_over(rabbit: Broker, vhost: Vhost, what: str) -> None:
    told: list[str] = []
    with connected(vhost.url) as connection:
        connection.on_blocked, connection.on_unblocked = told.append, lambda: told.append("unblocked")
        channel = connection.channel()
        channel.basic_publish(amqp.Message("before"), routing_key="q")
        rabbit.alarm(what, on=True)
        until = time.monotonic() + WITHIN_S
        while not told and time.monotonic() < until:    # a connection learns of an alarm a moment after it was raised
            channel.basic_publish(amqp.Message("under the alarm"), routing_key="q")
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=0.05)
        rabbit.alarm(what, on=False)
        connection.drain_events(timeout=WITHIN_S)
    assert len(told) == 2 and told[1] == "unblocked", "py-amqp does not say which alarm it is"


def test_clients_may_be_thrown_out_once(rabbit: Broker, vhost: Vhost) -> None:
    with connected(vhost.url) as connection:
        assert rabbit.disconnect() == 1
        with pytest.raises(amqp.exceptions.ConnectionForced, match="320"):
            connection.drain_events(timeout=WITHIN_S)
    with connected(vhost.url):
        pass


@pytest.mark.parametrize("harm", ["stop", "pause", "alarm"])
def test_a_case_that_is_over_has_healed_the_broker(rabbit: Broker, harm: str) -> None:
    with rabbit.vhost("harmed"):
        rabbit.alarm(on=True)
        if harm != "alarm":
            getattr(rabbit, harm)()
    assert rabbit.count()["state"] == "running"
    with rabbit.vhost("next") as url, connected(url) as connection:
        connection.on_blocked = lambda reason: pytest.fail(f"blocked: {reason}")
        connection.channel().basic_publish(amqp.Message("free"), routing_key="q")


def test_what_a_broker_cannot_do_is_the_askers_error(rabbit: Broker) -> None:
    with pytest.raises(UsageError, match="only a stopped or dead one can be started"):
        rabbit.start()
    with pytest.raises(UsageError, match="memory, disk, not 'flood'"):
        rabbit.alarm("flood", on=True)
    with pytest.raises(UsageError, match="letters, digits"), rabbit.vhost('"), halt(). %'):
        pass


def test_another_process_has_a_line_of_its_own(rabbit: Broker, vhost: Vhost) -> None:
    """What a supervisor does: it gets the folder and the facts as text."""
    other = rabbit.again()
    with other.line:
        assert other.pause()["state"] == "paused"
        assert other.resume()["state"] == "running"


def test_a_missing_part_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOS_RABBITMQ_SERVER", "/nowhere/rabbitmq-server")
    with pytest.raises(MissingPart, match=r"start script \(/nowhere/rabbitmq-server\).*apt-get install rabbitmq-server"):
        find_parts()


# --- nothing is left -----------------------------------------------------------------------------------------------------

OWNER = """
import sys
from chaos.network.broker import private_broker
with private_broker() as broker:
    if "pause" in sys.argv:
        broker.pause()
    print(broker.folder, flush=True)
    sys.stdin.read()
"""


BOOTS = """
import sys
from chaos.network.broker import find_parts
from chaos.network.companion import Companion
parts = find_parts()
with Companion("chaos.network.brokerhost") as companion:
    companion.line.begin("boot", script=parts.script, epmd=parts.epmd)
    print(companion.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def needs_rabbit(rabbit: Broker) -> None:
    """Skipped as ``rabbit`` is, though the test has a broker of its own."""


def test_the_fixture_of_testtools_leaves_nothing(needs_rabbit: None, deadline: Deadline) -> None:
    fixture = RabbitBroker()
    fixture.setUp()
    try:
        folder = Path(fixture.broker.folder)
        everything = [fixture.broker.facts["pids"][0], *below(fixture.broker.facts["pids"][0])]
        assert set(fixture.broker.facts["pids"]) <= set(everything)
    finally:
        fixture.cleanUp()
    assert not [pid for pid in everything if is_alive(pid)]
    assert not folder.exists()


def test_nothing_outlives_a_broker_whose_owner_is_killed_while_it_boots(needs_rabbit: None, deadline: Deadline) -> None:
    owner = subprocess.Popen([sys.executable, "-c", BOOTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with owner:
        try:
            assert owner.stdout is not None
            folder = deadline.read_until(owner.stdout.fileno(), lambda read: b"\n" in read, "its host").decode().strip()
            while len(pids := below(owner.pid)) < 3:
                deadline.left_s("the host, epmd and the beginning of a node")
            with watched(pids) as pidfds:
                owner.kill()
                deadline.gone(pidfds, "host, node and epmd")
        finally:
            owner.kill()
    assert not os.path.exists(folder)


@pytest.mark.parametrize(("victim", "state"), [("owner", "running"), ("owner", "pause"), ("host", "running")])
def test_nothing_outlives_a_broker_whose_owner_or_host_is_killed(
    needs_rabbit: None, deadline: Deadline, victim: str, state: str
) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    with owner:
        try:
            assert owner.stdout is not None
            folder = deadline.read_until(owner.stdout.fileno(), lambda read: b"\n" in read, "the broker").decode().strip()
            pids = below(owner.pid)
            (host,) = map(int, Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split())
            with watched(pids) as pidfds:
                assert len(pidfds) >= 3, "the host, the node and its epmd at least"
                os.kill(owner.pid if victim == "owner" else host, signal.SIGKILL)
                deadline.gone(pidfds, "host, node and epmd")
        finally:
            owner.kill()
    if victim == "owner":
        assert not os.path.exists(folder)
    else:
        shutil.rmtree(folder)       # both were killed: nobody is left to remove it

