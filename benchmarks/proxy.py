"""What the fault proxy costs a round trip: beside a connection without it, and beside an asyncio forwarder that does nothing.

    python benchmarks/proxy.py

Prints one table: microseconds a round trip of 100 bytes, median, 95th and 99th percentile. The three ways take turns, so
that a busy minute of the machine meets all of them alike. Exits with status 1 where the proxy's median is a millisecond or
more above the forwarder's. Takes about five seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import platform
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from chaos.network.wire import open_wire

ROUNDS = 10
TRIPS = 300
BYTES = 100
AT_MOST_S = 0.001
STARTS_WITHIN_S = 20.0


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: int) -> None:
    """What any asyncio forwarder does, and nothing else."""
    there = await asyncio.open_connection("127.0.0.1", to)

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()

    await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))


def serve(pipe: Connection, to: int) -> None:
    """An echo server (``to`` is 0), or a forwarder, in a process of its own until that is ended."""
    async def run() -> None:
        server = await asyncio.start_server(echo if not to else lambda r, w: forward(r, w, to), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def served(to: int = 0) -> Iterator[int]:
    """The port of such a process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, to), daemon=True)
    process.start()
    try:
        if not ours.poll(STARTS_WITHIN_S):
            raise TimeoutError(f"no server within {STARTS_WITHIN_S:g} s")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def trips(port: int) -> list[float]:
    """Seconds of each round trip on one connection."""
    times = []
    with socket.create_connection(("127.0.0.1", port), STARTS_WITHIN_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(TRIPS):
            began = time.perf_counter()
            client.sendall(b"x" * BYTES)
            left = BYTES
            while left:
                left -= len(client.recv(left))
            times.append(time.perf_counter() - began)
    return times


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with served() as there, served(there) as plain, open_wire() as wire, \
            wire.proxy("bench", to=("127.0.0.1", there)) as proxy, wire.proxy("armed", to=("127.0.0.1", there)) as armed:
        armed.arm("later", "reset_peer", moment="at:Queue.Declare")
        ways = {"no proxy": there, "plain asyncio forwarder": plain, "fault proxy, nothing armed": proxy.number,
                "fault proxy, a moment waited for": armed.number}
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, port in ways.items():
                times[way] += trips(port)
    print(f"Python {platform.python_version()}, {ROUNDS * TRIPS} round trips of {BYTES} bytes each; microseconds")
    for way, found in times.items():
        found.sort()
        marks = [found[int(len(found) * share)] * 1e6 for share in (0.5, 0.95, 0.99)]
        print(f"{way:34} median {marks[0]:7.0f}   95 % {marks[1]:7.0f}   99 % {marks[2]:7.0f}")
    medians = {way: statistics.median(found) for way, found in times.items()}
    cost = max(found for way, found in medians.items() if way.startswith("fault")) - medians["plain asyncio forwarder"]
    print(f"the proxy costs {cost * 1e6:.0f} microseconds a round trip above the forwarder (at most {AT_MOST_S * 1e6:.0f})")
    return 0 if cost < AT_MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
