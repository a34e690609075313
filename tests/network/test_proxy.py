"""Each word of the proxy, seen from both sides of a plain connection: armed, changed and lifted while it lives."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

import pytest

from chaos.errors import UsageError
from chaos.network.wire import ProxyPort, Wire
from network.echo import Client, Echo

WITHIN_S = 20.0
SHORT_S, LONG_S = 0.15, 30.0
"""A delay that is waited for, and one that nobody waits for: a test that met it would fail by its own deadline."""



def test_what_goes_in_comes_out(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        client.trip(bytes(range(256)) * 40)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive(1) == b"", "an end is passed on, and its answer too"


def test_latency_delays_and_may_be_changed_and_lifted_on_a_live_connection(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("slow", "latency", latency_s=SHORT_S)
        assert client.trip() >= SHORT_S
        port.change("slow", latency_s=LONG_S)
        client.send(b"late")
        wire.line.event("fired", toxic="slow", port="plain", within_s=WITHIN_S)
        assert client.is_silent(for_s=0.1)
        assert port.lift("slow") == 1
        assert client.receive(4) == b"late", "what was delayed comes at once when the toxic is lifted"
        assert client.trip() < LONG_S


def test_latency_keeps_the_order_with_jitter(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("jitter", "latency", latency_s=0.01, jitter_s=0.01, seed=7)
        sent = b"".join(number.to_bytes(2, "big") for number in range(200))
        for at in range(0, len(sent), 2):
            client.send(sent[at:at + 2])
        assert client.receive(len(sent)) == sent


def test_bandwidth_lets_through_no_more_than_its_rate(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("narrow", "bandwidth", rate_kb_s=20)
        assert client.trip(b"x" * 6000) >= 0.25


def test_a_slicer_cuts_and_loses_nothing(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("cut", "slicer", average_bytes=10, variation_bytes=5, delay_s=0.001, seed=3)
        client.send(bytes(range(200)))
        first = client.socket.recv(200)
        assert len(first) < 200
        assert first + client.receive(200 - len(first)) == bytes(range(200))


def test_limit_data_closes_after_so_many_bytes(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("limit", "limit_data", bytes=10)
        client.send(b"0123456789abcdef")
        assert client.receive(100) == b"0123456789"


@pytest.mark.parametrize(("word", "words"), [("limit_data", {"bytes": 10}), ("slicer", {"average_bytes": 10})])
def test_what_cuts_fires_where_it_cuts_and_not_on_a_connection_that_carries_less(
        wire: Wire, echo: Echo, word: str, words: dict[str, float]) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        after = len(wire.line.events)
        port.arm("cut", word, **words)
        for sent in (b"012345678", b"0123456789a"):
            with Client(port.number) as client:
                client.send(sent)
                assert client.receive(min(len(sent), 10)) == sent[:10]
        assert wire.line.event("fired", after=after, toxic="cut", within_s=WITHIN_S)["connection"] == 2
        assert port.lift("cut") == 1


def test_timeout_drops_data_and_closes(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        began = time.monotonic()
        port.arm("out", "timeout", timeout_s=SHORT_S)
        client.send(b"lost")
        assert client.receive(100) == b""
        assert time.monotonic() - began >= SHORT_S


def test_slow_close_passes_the_end_on_later(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        client.trip()
        port.arm("linger", "slow_close", delay_s=SHORT_S)
        began = time.monotonic()
        echo.side(1).shutdown(socket.SHUT_RDWR)
        assert client.receive(1) == b""
        assert time.monotonic() - began >= SHORT_S


def test_slow_close_passes_a_reset_on_later_too(wire: Wire) -> None:
    """Which is how RabbitMQ ends a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, wire.proxy("plain", to=server.getsockname()) as port, \
            Client(port.number) as client:
        port.arm("linger", "slow_close", delay_s=SHORT_S)
        accepted, _ = server.accept()
        accepted.sendall(b"x")
        assert client.receive(1) == b"x", "the proxy has its connection: a reset before that is no end of one"
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        began = time.monotonic()
        accepted.close()
        with pytest.raises(ConnectionResetError):
            client.receive(1)
        assert time.monotonic() - began >= SHORT_S


def test_reset_peer_resets_both_sides(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        client.trip()
        port.arm("reset", "reset_peer")
        with pytest.raises(ConnectionResetError):
            client.receive(1)


def test_a_refused_connection_is_refused_by_the_kernel_and_live_ones_stay(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("shut", "refuse")
        with pytest.raises(ConnectionRefusedError):
            Client(port.number)
        client.trip()
        port.lift("shut")
        with Client(port.number) as other:
            other.trip()


def test_down_closes_and_refuses_until_it_is_lifted(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        client.trip()
        port.arm("gone", "down")
        assert client.receive(1) == b""
        with pytest.raises(ConnectionRefusedError):
            Client(port.number)
        port.lift("gone")
        with Client(port.number) as other:
            other.trip()


def test_a_black_hole_accepts_and_answers_only_when_it_is_lifted(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        port.arm("hole", "blackhole")
        with Client(port.number) as client:
            client.send(b"hello")
            assert client.is_silent(for_s=0.1)
            assert not echo.accepted, "the broker does not hear of it"
            port.lift("hole")
            assert client.receive(5) == b"hello"


def test_a_client_that_leaves_a_black_hole_is_let_go(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        port.arm("hole", "blackhole")
        after = len(wire.line.events)
        Client(port.number).socket.close()
        wire.line.event("closed", after=after, port="plain", by="target", within_s=WITHIN_S)


def test_a_half_open_connection_is_silent_and_ends_in_a_reset_when_it_is_lifted(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        client.trip()
        port.arm("half", "half_open")
        client.send(b"anybody?")
        assert client.is_silent(for_s=0.1)
        port.lift("half")
        with pytest.raises(ConnectionResetError):
            client.receive(1)


def test_a_broker_that_is_not_there_resets_the_target(wire: Wire) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        after = len(wire.line.events)
        with wire.proxy("plain", to=nobody.getsockname()) as port:
            with pytest.raises(ConnectionResetError), Client(port.number) as client:
                client.receive(1)
            because = wire.line.event("failed", after=after, port="plain", within_s=WITHIN_S)["because"]
    assert "ConnectionRefusedError" in because


# --- on which connections, when, for how long ----------------------------------------------------------------------------


def test_a_toxic_may_be_for_some_connections_only(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        port.arm("second", "reset_peer", first=2, last=2)
        for number in (1, 2, 3):
            if number == 2:
                with pytest.raises(ConnectionResetError), Client(port.number) as client:
                    client.receive(1)
            else:
                with Client(port.number) as client:
                    client.trip()


def test_a_toxic_may_begin_after_so_many_bytes(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("cut", "timeout", moment="bytes:6")
        client.send(b"0123456789")
        assert client.receive(6) == b"012345"
        assert client.is_silent(for_s=0.1)


def test_a_toxic_may_begin_after_so_many_seconds_and_end_by_itself(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        client.trip()
        after = len(wire.line.events)
        began = time.monotonic()
        port.arm("later", "blackhole", moment=f"seconds:{SHORT_S}", lasts_s=SHORT_S)
        fired = wire.line.event("fired", after=after, toxic="later", within_s=WITHIN_S)
        lifted = wire.line.event("lifted", after=after, toxic="later", within_s=WITHIN_S)
        assert fired["at_s"] >= began + SHORT_S
        assert lifted["at_s"] >= fired["at_s"] + SHORT_S
        client.trip()


@pytest.mark.parametrize(("stream", "arrives"), [("upstream", b"abc"), ("downstream", b"abcdef")])
def test_upstream_is_what_the_target_sends(wire: Wire, echo: Echo, stream: str, arrives: bytes) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("up", "limit_data", stream=stream, bytes=3)
        client.send(b"abcdef")
        assert client.receive(100) in (b"abc", b""), "the echo may come before the end or be lost in it"
        assert echo.heard(1) == arrives


def test_a_moment_of_upstream_bytes_is_one_of_what_the_target_sends(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("up", "reset_peer", stream="upstream", moment="bytes:3")
        client.send(b"abcdef")
        with pytest.raises(ConnectionResetError):
            client.receive(100)
            client.receive(100)
        assert echo.heard(1) in (b"abc", b""), "a reset may overtake what was sent before it"


def test_every_firing_is_told_once_a_connection_with_its_time(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        after = len(wire.line.events)
        port.arm("slow", "latency", latency_s=0.0)
        began = time.monotonic()
        for _ in range(2):
            with Client(port.number) as client:
                client.trip()
                client.trip()
        assert port.lift("slow") == 2
        fired = [one for one in wire.line.events[after:] if one["event"] == "fired"]
    assert [one["connection"] for one in fired] == [1, 2]
    assert all(one["toxic"] == "slow" and one["word"] == "latency" and one["moment"] == "now" for one in fired)
    assert all(began <= one["at_s"] <= time.monotonic() for one in fired)


def test_toxics_work_together_in_the_order_of_arming(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        port.arm("slow", "latency", latency_s=SHORT_S)
        port.arm("limit", "limit_data", bytes=4)
        began = time.monotonic()
        client.send(b"abcdef")
        assert client.receive(100) == b"abcd"
        assert time.monotonic() - began >= SHORT_S


@pytest.mark.parametrize(("name", "word", "said"), [("t", "latancy", "did you mean latency"),
                                                    ("twice", "latency", "is armed already")])
def test_what_cannot_be_armed_is_an_error_of_the_caller(wire: Wire, echo: Echo, name: str, word: str, said: str) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        port.arm("twice", "latency")
        with pytest.raises(UsageError, match=said):
            port.arm(name, word)
        with pytest.raises(UsageError, match="nothing named 'other' is armed"):
            port.lift("other")


def test_a_port_that_refuses_stays_ours(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port:
        port.arm("shut", "refuse")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port.number))


def test_two_lines_break_the_same_port(wire: Wire, echo: Echo) -> None:
    with wire.proxy("plain", to=echo.address) as port, Client(port.number) as client:
        other = wire.again()
        with other.line:
            same: ProxyPort = other.port("plain", port.number)
            same.arm("reset", "reset_peer")
            with pytest.raises(ConnectionResetError):
                client.receive(1)
            assert other.line.event("fired", toxic="reset", within_s=WITHIN_S)["connection"] == 1


def test_random_faults_by_the_hundred_never_change_or_reorder_what_comes_through(wire: Wire, echo: Echo) -> None:
    """What arrives is a beginning of what was sent, and afterwards the port is as good as new. The seed is fixed; threads
    are not, so every run is another one."""
    rng = random.Random(5)
    over, wrong = threading.Event(), []

    def work(seed: int) -> None:
        own = random.Random(seed)
        while not over.is_set():
            with contextlib.suppress(OSError), Client(port.number) as client:
                client.socket.settimeout(2)
                for _ in range(5):
                    sent = own.randbytes(own.randrange(1, 20_000))
                    client.send(sent)
                    got = client.receive(len(sent))
                    if not sent.startswith(got):
                        wrong.append((seed, len(sent)))
                    if got != sent:
                        break

    with wire.proxy("plain", to=echo.address) as port:
        workers = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(3)]
        for worker in workers:
            worker.start()
        for number in range(100):
            word, args = rng.choice(HARM)
            port.arm(f"t{number}", word, stream=rng.choice(["upstream", "downstream"]),
                     moment=rng.choice(["now", "bytes:100", "bytes:5000", "seconds:0.01"]), **args)
            if number >= 3:
                port.lift(f"t{number - 3}")
        for number in (97, 98, 99):
            port.lift(f"t{number}")
        over.set()
        for worker in workers:
            worker.join(WITHIN_S)
        assert not any(worker.is_alive() for worker in workers)
        with Client(port.number) as client:
            client.trip()
    assert not wrong


HARM: tuple[tuple[str, dict[str, float]], ...] = (
    ("latency", {"latency_s": 0.01, "jitter_s": 0.01}), ("bandwidth", {"rate_kb_s": 500}),
    ("slicer", {"average_bytes": 500, "variation_bytes": 400}), ("limit_data", {"bytes": 3000}), ("blackhole", {}),
    ("half_open", {}), ("reset_peer", {"timeout_s": 0.01}), ("down", {}), ("refuse", {}), ("slow_close", {"delay_s": 0.05}),
)
