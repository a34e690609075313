"""Faults at a moment given in AMQP terms, seen by the client that oslo.messaging uses; the broker is the good peer."""

from __future__ import annotations

from collections.abc import Iterator

import amqp
import pytest

from chaos.network.wire import ProxyPort, Wire
from network.clients import connected

WITHIN_S = 20.0


@pytest.fixture
def port(wire: Wire) -> Iterator[ProxyPort]:
    with wire.peer("broker", "good") as number, wire.proxy("amqp", to=("127.0.0.1", number)) as port:
        yield port


def _url(port: ProxyPort) -> str:
    return f"rabbit://user:word@127.0.0.1:{port.number}/v"


def _reached(wire: Wire, after: int) -> list[str]:
    wire.line.event("closed", after=after, port="amqp", within_s=WITHIN_S)
    return [one["method"] for one in wire.line.events[after:] if one["event"] == "reached" and one["port"] == "amqp"]


def _declared(connection: amqp.Connection) -> None:
    channel = connection.channel()
    channel.queue_declare("q")
    channel.basic_consume("q")


START = ["Connection.Start", "Connection.StartOk", "Connection.Tune", "Connection.TuneOk", "Connection.Open",
         "Connection.OpenOk", "Channel.Open", "Channel.OpenOk", "Queue.Declare", "Queue.DeclareOk", "Basic.Consume",
         "Basic.ConsumeOk"]


def test_every_method_of_a_good_start_is_told_in_order(wire: Wire, port: ProxyPort) -> None:
    after = len(wire.line.events)
    with connected(_url(port)) as connection:
        _declared(connection)
    assert _reached(wire, after) == START


def test_connections_count_from_the_first_that_comes_to_the_moment(wire: Wire, port: ProxyPort) -> None:
    port.arm("reset", "reset_peer", moment="at:Queue.Declare", first=1, last=1)
    with connected(_url(port)):
        pass                        # it looks whether the broker is there, and declares nothing
    after = len(wire.line.events)
    with pytest.raises(ConnectionResetError), connected(_url(port)) as connection:
        _declared(connection)
    fired = wire.line.event("fired", after=after, toxic="reset", within_s=WITHIN_S)
    assert (fired["connection"], fired["hit"]) == (2, 1)
    with connected(_url(port)) as connection:
        _declared(connection)


@pytest.mark.parametrize(("moment", "last", "stream"), [
    ("before:Connection.Start", None, "downstream"),
    ("after:Connection.Start", "Connection.Start", "downstream"),
    ("before:Connection.Tune", "Connection.StartOk", "downstream"),
    ("after:Connection.Tune", "Connection.Tune", "downstream"),
    ("at:Queue.Declare", "Channel.OpenOk", "downstream"),
    ("after:Queue.Declare", "Queue.Declare", "downstream"),
    ("at:Basic.Consume", "Queue.DeclareOk", "downstream"),
    ("frames:2", "Connection.Tune", "downstream"),
    ("frames:3", "Connection.Open", "upstream"),
])
def test_a_reset_comes_at_its_moment(wire: Wire, port: ProxyPort, moment: str, last: str | None, stream: str) -> None:
    after = len(wire.line.events)
    port.arm("cut", "reset_peer", moment=moment, stream=stream)
    with pytest.raises(OSError), connected(_url(port)) as connection:
        _declared(connection)
    reached = _reached(wire, after)
    fired = wire.line.event("fired", after=after, toxic="cut", within_s=WITHIN_S)
    assert fired["moment"] == moment
    passed = START[:START.index(last) + 1] if last else []
    assert reached[:len(passed)] == passed
    assert len(reached) <= len(passed) + 1, "the frame that met the fault may have been seen, and no other after it"


def test_a_black_hole_at_queue_declare_is_over_when_it_is_lifted(wire: Wire, port: ProxyPort) -> None:
    port.arm("hole", "blackhole", moment="at:Queue.Declare")
    with connected(_url(port), within_s=0.2) as connection:
        channel = connection.channel()
        with pytest.raises(TimeoutError):
            channel.queue_declare("q")
    assert port.lift("hole") == 1


def test_a_fault_may_wait_for_the_second_time_of_a_method(wire: Wire, port: ProxyPort) -> None:
    port.arm("cut", "reset_peer", moment="at:Queue.Declare#2")
    with connected(_url(port)) as connection:
        channel = connection.channel()
        channel.queue_declare("one")
        with pytest.raises(OSError):
            channel.queue_declare("two")


def test_a_port_may_begin_to_refuse_at_a_moment_of_the_first_connection(wire: Wire, port: ProxyPort) -> None:
    port.arm("shut", "refuse", moment="after:Connection.Tune", last=1)
    with connected(_url(port)) as connection:
        _declared(connection)
        with pytest.raises(ConnectionRefusedError), connected(_url(port)):
            pass
    port.lift("shut")
    with connected(_url(port)) as connection:
        _declared(connection)


def test_a_sliced_stream_still_has_its_moments(wire: Wire, port: ProxyPort) -> None:
    """The scanner sees what comes in, so a slicer on the way does not move a moment; and one byte at a time is enough."""
    port.arm("cut", "slicer", average_bytes=1, stream="upstream")
    port.arm("end", "reset_peer", moment="at:Basic.Consume", stream="upstream")
    with connected(_url(port)) as connection:
        channel = connection.channel()
        channel.queue_declare("q")
        with pytest.raises(OSError):
            channel.basic_consume("q")
