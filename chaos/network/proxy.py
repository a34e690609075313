"""A port that passes connections on to a broker, and what may be armed on it. It knows AMQP only to tell moments.

A piece of data is shown, in the order of arming, to each toxic that has begun on its connection. A toxic begins between
two bytes: at the edge of a frame, after so many bytes or seconds, or when the connection is accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace

from chaos.errors import UsageError
from chaos.network.amqp import Mark, Scanner
from chaos.network.effects import BEGIN, DATA, FIRES_LATER, HOLDING, Armed, Live, closing
from chaos.network.words import Acts, Kind, Stream, Toxic

PIECE_BYTES = 1 << 16
MOST_PIECES = 256
"""So many wait in a stream that is held up; then the sender is held up too, by TCP."""
ACCEPT_AGAIN_S = 0.1
"""After an error such as too many open files, which would come again at once."""
Tell = Callable[..., None]
RST = struct.pack("ii", 1, 0)


class Link:
    """One stream of a connection: reads, lets the toxics at it, writes."""

    def __init__(self, connection: Connection, stream: Stream) -> None:
        self.connection = connection
        self.stream = stream
        self.bytes = 0
        self.scanner = Scanner()
        self._pieces: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue(MOST_PIECES)

    async def read(self, source: asyncio.StreamReader) -> None:
        while True:
            try:
                data = await source.read(PIECE_BYTES)
            except ConnectionError:
                await self._slowly()
                self.connection.reset(f"reset from {self.stream}")
                return
            except (ssl.SSLError, OSError) as error:
                self.connection.end(f"{self.stream}: {error}")
                return
            if not data and self.stream is Stream.UP and self.connection.is_held():
                self.connection.end("target")
                return
            await self._pieces.put((data, time.monotonic()))
            if not data:
                return

    async def _slowly(self) -> None:
        """A reset is an end too, and RabbitMQ's usual one: whoever has that come late has this come late."""
        for live in self.connection.lives_on(self.stream):
            if live.armed.toxic.word.name == "slow_close":
                await closing(live)

    async def write(self, sink: asyncio.StreamWriter) -> None:
        """Until the stream's end has been passed on."""
        while True:
            data, arrived_s = await self._pieces.get()
            try:
                if data:
                    await self._deal(data, arrived_s, sink)
                    continue
                await self._through(self.scanner.rest(), arrived_s, self.connection.lives_on(self.stream), sink)
                for live in self.connection.lives_on(self.stream):
                    await closing(live)
                if sink.can_write_eof():
                    sink.write_eof()
                else:
                    self.connection.end(f"end of {self.stream}")
            except (OSError, RuntimeError):     # RuntimeError: of a transport that was closed under us
                self.connection.reset(f"reset while writing {self.stream}")
            return

    async def _deal(self, data: bytes, arrived_s: float, sink: asyncio.StreamWriter) -> None:
        ready, marks = self.scanner.feed(data)
        at = 0
        for offset, armed in self._beginnings(ready, marks):
            await self._through(ready[at:offset], arrived_s, self.connection.lives_on(self.stream), sink)
            at = offset
            self.connection.begin(armed)
        await self._through(ready[at:], arrived_s, self.connection.lives_on(self.stream), sink)

    def _beginnings(self, ready: bytes, marks: list[Mark]) -> list[tuple[int, Armed]]:
        """The toxics that begin within these bytes, each with its place."""
        found: list[tuple[int, Armed]] = []
        frames = self.scanner.frames - sum(not mark.begins and mark.name != "protocol" for mark in marks)
        for mark in marks:
            frames += not mark.begins and mark.name != "protocol"
            self.connection.count(mark, self.stream)
            found += [(mark.offset, armed) for armed in self.connection.pending
                      if self._begins_at(armed.toxic, mark, frames)]
        for armed in self.connection.pending:
            moment = armed.toxic.moment
            offset = int(moment.amount) - self.bytes
            if moment.kind is Kind.BYTES and armed.toxic.stream is self.stream and 0 <= offset <= len(ready):
                found.append((offset, armed))
        self.bytes += len(ready)
        return sorted(found, key=lambda one: one[0])

    def _begins_at(self, toxic: Toxic, mark: Mark, frames: int) -> bool:
        moment = toxic.moment
        match moment.kind:
            case Kind.BEFORE | Kind.AT:
                return mark.begins and self._is_the_one(toxic, mark)
            case Kind.AFTER:
                return not mark.begins and self._is_the_one(toxic, mark)
            case Kind.FRAMES:
                return not mark.begins and toxic.stream is self.stream and frames == int(moment.amount)
            case _:
                return False

    def _is_the_one(self, toxic: Toxic, mark: Mark) -> bool:
        return mark.name == toxic.moment.method and self.connection.counted[mark.name] == toxic.moment.number

    async def _through(self, data: bytes, arrived_s: float, lives: list[Live], sink: asyncio.StreamWriter) -> None:
        if not data or self.connection.over.is_set():
            return
        if not lives:
            sink.write(data)
            await sink.drain()
            return
        live = lives[0]
        if live.armed.toxic.word.name not in FIRES_LATER:
            live.fire()
        async for piece in DATA[live.armed.toxic.word.name](live, self.stream, data, arrived_s):
            await self._through(piece, arrived_s, lives[1:], sink)


class Connection:
    """One connection of a port, from its acceptance until both sides are closed."""

    def __init__(self, port: Port, number: int, accepted: socket.socket) -> None:
        self.port = port
        self.number = number
        self.accepted = accepted
        self.handed_over = False
        self.over = asyncio.Event()
        self.counted: Counter[str] = Counter()
        self.pending: list[Armed] = []
        self.lives: list[Live] = []
        self.links = {stream: Link(self, stream) for stream in Stream}
        self.ended_by = ""
        self._writers: dict[Stream, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> None:
        """Pass on until the end. What goes wrong on the way is told as an event, and closes the target's side."""
        self.port.tell("accepted", port=self.port.name, connection=self.number)
        for armed in tuple(self.port.armed.values()):
            self.meet(armed)
        try:
            await self._pass_on()
        except OSError as error:
            self.port.tell("failed", port=self.port.name, connection=self.number, because=f"{type(error).__name__}: {error}",
                           handshake=self._in_handshake)
            self.reset("no TLS" if self._in_handshake else "broker not reached")
        finally:
            self.end("end")
            for task in self._tasks:
                task.cancel()
            if not self.handed_over:        # else it is its transport's, which may still have something to send
                self.accepted.close()
            counts = {f"{stream}_bytes": link.bytes for stream, link in self.links.items()}
            self.port.tell("closed", port=self.port.name, connection=self.number, by=self.ended_by, **counts)

    @property
    def _in_handshake(self) -> bool:
        """The target and this port have not agreed on TLS."""
        return self.port.tls is not None and Stream.DOWN not in self._writers

    async def _pass_on(self) -> None:
        up, down = self.links[Stream.UP], self.links[Stream.DOWN]
        if self.port.tls is not None:
            await self._hold()      # nothing of a black hole shows, not even its certificate
        self.handed_over = True
        target = await _streams(self.accepted, self.port.tls)
        self._writers[Stream.DOWN] = target[1]
        self._spawn(up.read(target[0]))
        await self._hold()
        if self.over.is_set():
            return
        broker = await asyncio.open_connection(*self.port.broker)
        _without_delay(broker[1].get_extra_info("socket"))
        self._writers[Stream.UP] = broker[1]
        if self._has_begun("half_open"):
            self.lose_broker()
        self._spawn(down.read(broker[0]))
        writing = {asyncio.ensure_future(up.write(broker[1])), asyncio.ensure_future(down.write(target[1]))}
        self._tasks |= writing
        over = asyncio.ensure_future(self._end_of(writing))
        self._tasks.add(over)
        await self.over.wait()

    async def _end_of(self, writing: set[asyncio.Task[None]]) -> None:
        """Both streams have been passed on to their end."""
        await asyncio.wait(writing)
        self.end("end")

    async def _hold(self) -> None:
        for live in tuple(self.lives):
            if live.armed.toxic.word.name == "blackhole":
                await live.wait(None)

    def is_held(self) -> bool:
        return any(live.armed.toxic.word.name in HOLDING and not live.armed.lifted.is_set() for live in self.lives)

    def _has_begun(self, word: str) -> bool:
        return any(live.armed.toxic.word.name == word for live in self.lives)

    def lives_on(self, stream: Stream) -> list[Live]:
        """Those that have begun and not been lifted. What a lifted ``half_open`` has cut stays cut."""
        return [live for live in self.lives if live.armed.toxic.touches(stream)
                and (not live.armed.lifted.is_set() or live.armed.toxic.word.name == "half_open")]

    def count(self, mark: Mark, stream: Stream) -> None:
        if mark.begins:
            self.counted[mark.name] += 1
            if "." in mark.name and self.counted[mark.name] == 1:
                self.port.tell("reached", port=self.port.name, connection=self.number, stream=stream, method=mark.name)

    def meet(self, armed: Armed) -> None:
        """A toxic that is there when the connection comes, or is armed while it lives."""
        toxic = armed.toxic
        if self.over.is_set() or not (toxic.moment.comes_later or toxic.meets(self.number)):
            return
        link = self.links[toxic.stream]
        passed = {Kind.NOW: True, Kind.BYTES: link.bytes > toxic.moment.amount or not toxic.moment.amount,
                  Kind.FRAMES: link.scanner.frames >= toxic.moment.amount}
        if passed.get(toxic.moment.kind, False):
            self.begin(armed)
        else:
            self.pending.append(armed)
        if toxic.moment.kind is Kind.SECONDS:
            self._timers.append(asyncio.get_running_loop().call_later(toxic.moment.amount, self.begin, armed))

    def begin(self, armed: Armed) -> None:
        """The moment has come, here."""
        if armed in self.pending:
            self.pending.remove(armed)
        if armed.lifted.is_set() or self.over.is_set():
            return
        if armed.toxic.moment.comes_later:
            armed.came += 1
            if not armed.toxic.meets(armed.came):
                return
        live = Live(armed, self, self.number, self.port.note_firing)
        if armed.toxic.word.acts is Acts.LISTENER:
            live.fire()
            self.port.strike(armed)
        else:
            self.lives.append(live)
            begin = BEGIN.get(armed.toxic.word.name)
            if begin is not None:
                self._spawn(begin(live))

    def end(self, by: str) -> None:
        self._over(by)
        for writer in self._writers.values():
            writer.close()

    def reset(self, by: str) -> None:
        if not self.over.is_set():
            for one in (self.accepted, *(writer.get_extra_info("socket") for writer in self._writers.values())):
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        self._over(by)
        for writer in self._writers.values():
            writer.transport.abort()

    def lose_broker(self) -> None:
        broker = self._writers.get(Stream.UP)
        if broker is not None:
            broker.transport.abort()

    def _over(self, by: str) -> None:
        if not self.over.is_set():
            self.ended_by = by
            self.over.set()
            for timer in self._timers:
                timer.cancel()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))


class Port:
    """A listening port and what is armed on it. ``broker``: host and port behind it. ``tls``: ends the target's TLS here."""

    def __init__(self, name: str, broker: tuple[str, int], tls: ssl.SSLContext | None, tell: Tell) -> None:
        self.name = name
        self.broker = broker
        self.tls = tls
        self.tell = tell
        self.armed: dict[str, Armed] = {}
        self.connections: dict[int, Connection] = {}
        self.accepted = 0
        self._struck: list[Armed] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # Bound and never listening: the port stays ours while it refuses, and nobody gets it as a number of his own.
        self._kept = _bound(0)
        self.number: int = self._kept.getsockname()[1]
        self._listening: socket.socket | None = None
        self._listen()

    def arm(self, toxic: Toxic) -> None:
        """Raises UsageError for a name that is armed already."""
        if toxic.name in self.armed:
            raise UsageError(f"{toxic.name!r} is armed already on {self.name!r}; change or lift it")
        armed = self.armed[toxic.name] = Armed(toxic)
        if toxic.word.acts is Acts.LISTENER and toxic.moment.kind is Kind.NOW:
            self.strike(armed)
            self._note(armed, 0, 0)
            return
        for connection in tuple(self.connections.values()):
            connection.meet(armed)

    def change(self, name: str, args: dict[str, float]) -> None:
        """Other arguments from the next piece of data on."""
        armed = self._named(name)
        armed.toxic = replace(armed.toxic, args=args)

    def lift(self, name: str) -> int:
        """End it everywhere; on how many connections it had fired. Raises UsageError for one that is not armed."""
        armed = self._named(name)
        del self.armed[name]
        self._lift(armed)
        return armed.fired

    def _named(self, name: str) -> Armed:
        if name not in self.armed:
            raise UsageError(f"nothing named {name!r} is armed on {self.name!r}; armed are {sorted(self.armed) or 'none'}")
        return self.armed[name]

    def _lift(self, armed: Armed) -> None:
        armed.lifted.set()
        if armed in self._struck:
            self._struck.remove(armed)
            if not self._struck:
                self._listen()
        self.tell("lifted", port=self.name, toxic=armed.toxic.name)

    def strike(self, armed: Armed) -> None:
        """Refuse from now on; ``down`` closes what is there as well. Its moment may come on more than one connection."""
        if armed not in self._struck:
            self._struck.append(armed)
        self._stop_listening()
        if armed.toxic.word.name == "down":
            for connection in tuple(self.connections.values()):
                connection.end("down")

    def note_firing(self, live: Live) -> None:
        self._note(live.armed, live.connection, live.hit)

    def _note(self, armed: Armed, connection: int, hit: int) -> None:
        armed.fired += 1
        toxic = armed.toxic
        self.tell("fired", port=self.name, toxic=toxic.name, word=toxic.word.name, connection=connection, hit=hit,
                  moment=str(toxic.moment))
        if toxic.lasts_s is not None and armed.fired == 1:
            asyncio.get_running_loop().call_later(toxic.lasts_s, self._lift_later, armed)

    def _lift_later(self, armed: Armed) -> None:
        if self.armed.get(armed.toxic.name) is armed:
            self.lift(armed.toxic.name)

    def close(self) -> None:
        """Stop listening and end every connection; the port's number is free again."""
        self._stop_listening()
        self._kept.close()
        for armed in self.armed.values():
            armed.lifted.set()
        for connection in tuple(self.connections.values()):
            connection.end("closed")

    def _listen(self) -> None:
        self._listening = _bound(self.number)
        self._listening.listen(128)
        self._listening.setblocking(False)
        self._keep(asyncio.ensure_future(self._accept(self._listening)))

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)      # refuses from here on; its task learns of it and closes it
            self._listening = None

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    accepted, _ = await loop.sock_accept(listening)
                except OSError as error:
                    if self._listening is not listening:
                        return
                    self.tell("failed", port=self.name, connection=0, because=f"{type(error).__name__}: {error}")
                    await asyncio.sleep(ACCEPT_AGAIN_S)
                    continue
                self.accepted += 1
                _without_delay(accepted)
                connection = self.connections[self.accepted] = Connection(self, self.accepted, accepted)
                self._keep(asyncio.ensure_future(self._run(connection)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        """The loop itself holds tasks by weak references only."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            del self.connections[connection.number]


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _without_delay(connected: socket.socket) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _streams(accepted: socket.socket, tls: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Of an accepted socket. Raises OSError, of which ssl.SSLError is one, when the handshake fails."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=PIECE_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=tls)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
