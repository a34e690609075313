"""What a good broker never does, shown to the real clients: py-amqp by itself, and oslo.messaging in a process of its own."""

from __future__ import annotations

import time

import amqp.exceptions
import pytest

from chaos.errors import UsageError
from chaos.network.client import Caller
from chaos.network.peer import MANNERS
from chaos.network.wire import Wire
from network.clients import connected

WITHIN_S = 20.0
SHORT_S = 0.3

SHOWN = {
    "header": (OSError, "closed connection"),
    "garbage": (TimeoutError, "timed out"),
    "short": (OSError, "closed connection"),
    "stuck": (TimeoutError, "timed out"),
    "enormous": (TimeoutError, "timed out"),
    "mechanisms": (amqp.exceptions.ConnectionError, "auth mechanism"),
    "denied": (amqp.exceptions.AccessRefused, "403"),
    "unknown": (amqp.exceptions.NotAllowed, "530"),
    "forced": (amqp.exceptions.ConnectionForced, "320"),
    "mismatch": (amqp.exceptions.PreconditionFailed, "Queue.declare: .406. PRECONDITION_FAILED"),
}
SAID = {"mechanisms": "auth mechanism", "denied": "403", "unknown": "530", "forced": "320", "mismatch": "406"}
"""What oslo.messaging says of them. The others it tries again for ever, by itself: see docs/decisions/0008-transport.md."""


def _url(number: int) -> str:
    return f"rabbit://user:word@127.0.0.1:{number}/v"


def test_every_manner_but_the_good_and_the_deaf_one_is_shown_here() -> None:
    assert set(SHOWN) == set(MANNERS) - {"good", "deaf"}


def test_the_good_peer_is_good_enough_for_a_start(wire: Wire) -> None:
    with wire.peer("peer", "good") as number, connected(_url(number)) as connection:
        channel = connection.channel()
        channel.exchange_declare("e", "topic")
        channel.queue_declare("q")
        channel.queue_bind("q", "e")
        channel.confirm_select()
        channel.basic_publish_confirm(amqp.Message("hello"), "e", "q")
        channel.basic_consume("q")


@pytest.mark.parametrize("manner", SHOWN)
def test_py_amqp_meets_it(wire: Wire, manner: str) -> None:
    kind, text = SHOWN[manner]
    after = len(wire.line.events)
    within_s = SHORT_S if kind is TimeoutError else WITHIN_S
    with wire.peer("peer", manner) as number, pytest.raises(kind, match=text), \
            connected(_url(number), within_s=within_s) as connection:
        connection.channel().queue_declare("q")
    assert wire.line.event("fired", after=after, port="peer", within_s=WITHIN_S)["word"] == manner


def test_a_deaf_peers_client_finds_out_by_the_heartbeat(wire: Wire) -> None:
    after = len(wire.line.events)
    with wire.peer("peer", "deaf", heartbeat_s=1) as number, connected(_url(number), heartbeat=1) as connection:
        assert connection.heartbeat == 1
        assert not [one for one in wire.line.events[after:] if one["event"] == "fired"], "nothing was left unanswered yet"
        until = time.monotonic() + WITHIN_S
        with pytest.raises(amqp.exceptions.ConnectionForced, match="heartbeat"):
            while time.monotonic() < until:
                connection.heartbeat_tick(2)
                with pytest.raises(TimeoutError):       # waits for what never comes, which is our clock
                    connection.drain_events(timeout=0.5)
        assert wire.line.event("fired", after=after, port="peer", within_s=WITHIN_S)["moment"] == "Heartbeat"


@pytest.mark.parametrize("manner", SAID)
def test_oslo_messaging_says_what_it_met(wire: Wire, caller: Caller, manner: str) -> None:
    with wire.peer("peer", manner) as number:
        answer = caller.call(_url(number), within_s=WITHIN_S)
    assert not answer.came
    assert SAID[manner] in answer.because


def test_oslo_messaging_that_tries_for_ever_is_given_up_at_the_deadline(wire: Wire, caller: Caller) -> None:
    with wire.peer("peer", "garbage") as number:
        answer = caller.call(_url(number), within_s=SHORT_S)
    assert "no answer within 0.3 s" in answer.because
    assert answer.took_s < WITHIN_S


def test_a_manner_that_there_is_not_is_an_error(wire: Wire) -> None:
    with pytest.raises(UsageError, match="there are good, header"), wire.peer("peer", "rude"):
        pass
    with pytest.raises(UsageError, match="short takes bytes"), wire.peer("peer", "short", length=3):
        pass
