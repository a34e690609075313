"""What each word does to the data of a stream, and to a connection as a whole; asyncio, one function a word.

A function for data takes a piece and gives back what may be sent on, when it may: it sleeps in between. It must not
touch sockets: what it needs of the connection is behind ``Live``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from chaos.network.words import Stream, Toxic

LEAST_WAIT_S = 0.0005
BANDWIDTH_STEP_S = 0.05
"""A narrow line lets through a little all the time, and not everything at once at the end."""


@dataclass(slots=True, eq=False)
class Armed:
    """A toxic of a port: ``toxic`` may be changed while it acts; ``lifted`` ends it on every connection. ``came``: how many
    connections have come to its moment."""

    toxic: Toxic
    lifted: asyncio.Event = field(default_factory=asyncio.Event)
    fired: int = 0
    came: int = 0


class Wire(Protocol):
    """What an effect may do to its connection. ``over``: set when the connection has ended, however it did."""

    over: asyncio.Event

    def end(self, by: str) -> None:
        """Close both sides (FIN)."""

    def reset(self, by: str) -> None:
        """Reset both sides (RST)."""

    def lose_broker(self) -> None:
        """Drop the broker's side, without a word to the target."""


class Live:
    """An armed toxic on one connection, from its moment on. ``passed``: bytes that it has let through."""

    def __init__(self, armed: Armed, wire: Wire, connection: int, on_fired: Callable[[Live], None]) -> None:
        self.armed = armed
        self.wire = wire
        self.connection = connection
        self.hit = armed.came or connection
        self.fired = False
        self.passed = 0
        self.random = random.Random(f"{armed.toxic.seed} {connection}")
        self._on_fired = on_fired

    def arg(self, name: str) -> float:
        return self.armed.toxic.args[name]

    def fire(self) -> None:
        """Note that it took effect here; only the first time counts."""
        if not self.fired:
            self.fired = True
            self._on_fired(self)

    async def wait(self, seconds: float | None) -> bool:
        """Until it is lifted, the connection is over, or ``seconds`` have passed: False when it was only the time."""
        if seconds is not None and seconds < LEAST_WAIT_S:
            await asyncio.sleep(0)
            return self.armed.lifted.is_set()
        waits = [asyncio.ensure_future(self.armed.lifted.wait()), asyncio.ensure_future(self.wire.over.wait())]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        return bool(done)


Data = Callable[[Live, Stream, bytes, float], AsyncIterator[bytes]]
"""A piece and when it arrived (time.monotonic()) to what may be sent on."""


def delay_s(live: Live) -> float:
    """Of the next piece; with jitter each has one of its own, which follows from the seed, the connection and its place."""
    jitter_s = live.arg("jitter_s")
    return live.arg("latency_s") + (live.random.uniform(-jitter_s, jitter_s) if jitter_s else 0.0)


async def latency(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    await live.wait(arrived_s + delay_s(live) - time.monotonic())
    yield data


async def bandwidth(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    at = 0
    while at < len(data):
        bytes_a_s = live.arg("rate_kb_s") * 1000.0
        step = max(1, int(bytes_a_s * BANDWIDTH_STEP_S))
        piece = data[at:at + step]
        if await live.wait(len(piece) / bytes_a_s):
            yield data[at:]
            return
        yield piece
        at += step


async def slicer(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    at = 0
    while at < len(data):
        spread = live.arg("variation_bytes")
        size = max(1, int(live.arg("average_bytes") + (live.random.uniform(-spread, spread) if spread else 0.0)))
        if at + size < len(data):
            live.fire()
        yield data[at:at + size]
        at += size
        if at < len(data) and await live.wait(live.arg("delay_s")):
            yield data[at:]
            return


async def limit_data(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    left = max(0, int(live.arg("bytes")) - live.passed)
    live.passed += len(data)
    if len(data) < left:
        yield data
        return
    if left:
        yield data[:left]
    if not live.wire.over.is_set():
        live.fire()
    live.wire.end("limit_data")     # lifted meanwhile or not: what was cut off is missing


async def timeout(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    if live.armed.lifted.is_set():
        yield data


async def blackhole(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    await live.wait(None)
    yield data


async def half_open(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    if live.passed < 0:     # never: what makes this a generator, of nothing
        yield data


async def slow_close(live: Live, stream: Stream, data: bytes, arrived_s: float) -> AsyncIterator[bytes]:
    yield data          # it acts on the end of the stream: see ``closing``


DATA: dict[str, Data] = {
    "latency": latency, "bandwidth": bandwidth, "slicer": slicer, "limit_data": limit_data, "timeout": timeout,
    "blackhole": blackhole, "half_open": half_open, "slow_close": slow_close,
}
FIRES_LATER = ("slow_close", "limit_data", "slicer")
"""Words that may let data pass as if they were not there: they say themselves when they do something to it."""
HOLDING = ("blackhole", "half_open", "timeout")
"""Words under which a target that closes its side has nothing to wait for any more."""


async def closing(live: Live) -> None:
    """Before the end of a stream is passed on."""
    word = live.armed.toxic.word.name
    if word == "slow_close":
        live.fire()
        await live.wait(live.arg("delay_s"))
    elif word == "half_open":
        await live.wire.over.wait()
    elif word in HOLDING:
        await live.wait(None)


# --- a connection as a whole, once, when the toxic begins on it -----------------------------------------------------------


async def begin_timeout(live: Live) -> None:
    live.fire()
    if live.arg("timeout_s") and not await live.wait(live.arg("timeout_s")):
        live.wire.end("timeout")


async def begin_blackhole(live: Live) -> None:
    live.fire()


async def begin_half_open(live: Live) -> None:
    """Once it is lifted the target is told, as by a machine that has come back and knows nothing of the connection."""
    live.fire()
    live.wire.lose_broker()
    await live.wait(None)
    if live.armed.lifted.is_set():
        live.wire.reset("half_open")


async def begin_reset_peer(live: Live) -> None:
    if not live.arg("timeout_s") or not await live.wait(live.arg("timeout_s")):
        live.fire()
        live.wire.reset("reset_peer")


BEGIN: dict[str, Callable[[Live], Coroutine[None, None, None]]] = {
    "timeout": begin_timeout, "blackhole": begin_blackhole, "half_open": begin_half_open,
    "reset_peer": begin_reset_peer,
}
