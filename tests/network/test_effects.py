"""What words do to data, without a socket: the same seed gives the same, and another connection something else."""

from __future__ import annotations

import asyncio

from chaos.network.effects import DATA, Armed, Live, delay_s
from chaos.network.words import Stream, toxic


class Nowhere:
    """A connection that only notes what was done to it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.done: list[str] = []

    def end(self, by: str) -> None:
        self.done.append(f"end {by}")

    def reset(self, by: str) -> None:
        self.done.append(f"reset {by}")

    def lose_broker(self) -> None:
        self.done.append("lose broker")


def _cut(seed: int, connection: int, *, lifted: bool = False, **args: float) -> list[bytes]:
    """How a slicer cuts a kilobyte."""
    async def run() -> list[bytes]:
        armed = Armed(toxic("t", "slicer", args, seed=seed))
        if lifted:
            armed.lifted.set()
        live = Live(armed, Nowhere(), connection, lambda live: None)
        return [piece async for piece in DATA["slicer"](live, Stream.UP, bytes(1000), 0.0)]

    return asyncio.run(run())


def test_the_same_seed_and_connection_give_the_same_and_others_do_not() -> None:
    words = {"average_bytes": 50.0, "variation_bytes": 40.0}
    first = _cut(7, 1, **words)
    assert _cut(7, 1, **words) == first
    assert _cut(8, 1, **words) != first
    assert _cut(7, 2, **words) != first
    assert b"".join(first) == bytes(1000)
    assert all(10 <= len(piece) <= 90 for piece in first[:-1])


def _delays(seed: int, connection: int, jitter_s: float = 0.05) -> list[float]:
    """Of twenty pieces of a connection, one after the other."""
    armed = Armed(toxic("t", "latency", {"latency_s": 0.06, "jitter_s": jitter_s}, seed=seed))
    live = Live(armed, Nowhere(), connection, lambda live: None)
    return [delay_s(live) for _ in range(20)]


def test_jitter_gives_each_piece_a_delay_of_its_own_that_follows_from_the_seed_and_the_connection() -> None:
    first = _delays(1, 1)
    assert _delays(1, 1) == first
    assert _delays(2, 1) != first
    assert _delays(1, 2) != first
    assert len(set(first)) == len(first)
    assert 0.01 <= min(first) < 0.04 and 0.08 < max(first) <= 0.11
    assert set(_delays(1, 1, jitter_s=0.0)) == {0.06}


def test_a_lifted_slicer_gives_the_rest_at_once() -> None:
    assert [len(piece) for piece in _cut(7, 1, lifted=True, average_bytes=10.0)] == [10, 990]


def test_limit_data_that_is_lifted_while_it_cuts_ends_the_connection_all_the_same() -> None:
    """What was cut off is missing: a connection that went on would be a broken stream, which no wire does."""
    async def run() -> tuple[list[bytes], list[str]]:
        armed, wire = Armed(toxic("t", "limit_data", {"bytes": 3})), Nowhere()
        live = Live(armed, wire, 1, lambda live: None)
        pieces = []
        async for piece in DATA["limit_data"](live, Stream.UP, b"abcdef", 0.0):
            pieces.append(piece)
            armed.lifted.set()
        return pieces, wire.done

    assert asyncio.run(run()) == ([b"abc"], ["end limit_data"])


def test_a_firing_is_noted_once() -> None:
    noted: list[Live] = []
    live = Live(Armed(toxic("t", "latency")), Nowhere(), 3, noted.append)
    live.fire()
    live.fire()
    assert noted == [live]
