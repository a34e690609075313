"""The hostile AMQP peer: what a good broker never does, on a port of its own. Frames are made and read by pamqp.

Each port has one manner, which is a row of ``MANNERS``: a well-behaved broker that answers each method as the protocol
says, but for one thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pamqp import base, commands, common, constants, encode, exceptions, frame, header, heartbeat

from chaos.errors import UsageError

Answers = Callable[[base.Frame], base.Frame | None]
Tell = Callable[..., None]

OFFERED = commands.Connection.Tune(channel_max=2047, frame_max=131072, heartbeat=60)
LONG_FRAME = 131072


def _start(mechanisms: str = "AMQPLAIN PLAIN") -> base.Frame:
    capabilities: common.FieldTable = {"publisher_confirms": True, "consumer_cancel_notify": True, "basic.nack": True,
                    "connection.blocked": True, "authentication_failure_close": True}
    return commands.Connection.Start(server_properties={"product": "RabbitMQ", "version": "3.10.8",
                                                        "capabilities": capabilities}, mechanisms=mechanisms)


GOOD: dict[str, Answers] = {
    "Connection.StartOk": lambda asked: OFFERED,
    "Connection.TuneOk": lambda asked: None,
    "Connection.Open": lambda asked: commands.Connection.OpenOk(),
    "Connection.Close": lambda asked: commands.Connection.CloseOk(),
    "Channel.Open": lambda asked: commands.Channel.OpenOk(),
    "Channel.Close": lambda asked: commands.Channel.CloseOk(),
    "Channel.CloseOk": lambda asked: None,
    "Exchange.Declare": lambda asked: commands.Exchange.DeclareOk(),
    "Queue.Declare": lambda asked: commands.Queue.DeclareOk(getattr(asked, "queue", "") or "q", 0, 0),
    "Queue.Bind": lambda asked: commands.Queue.BindOk(),
    "Queue.Delete": lambda asked: commands.Queue.DeleteOk(0),
    "Basic.Qos": lambda asked: commands.Basic.QosOk(),
    "Basic.Consume": lambda asked: commands.Basic.ConsumeOk(getattr(asked, "consumer_tag", "") or "t"),
    "Basic.Cancel": lambda asked: commands.Basic.CancelOk(getattr(asked, "consumer_tag", "")),
    "Confirm.Select": lambda asked: commands.Confirm.SelectOk(),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """``hello``: what comes after the client's protocol header (None: a good Connection.Start). ``answers``: other answers
    than the good ones, by method. ``leaves``: whether it closes after ``hello`` or after one of ``answers``."""

    name: str
    doc: str
    hello: Callable[[Mapping[str, float]], bytes] | None = None
    answers: Mapping[str, Answers] = field(default_factory=dict)
    takes: tuple[tuple[str, float], ...] = ()
    leaves: bool = False
    beats: bool = True


def _closed(code: int, text: str) -> Answers:
    return lambda asked: commands.Connection.Close(code, text, 0, 0)


def _refused_queue(asked: base.Frame) -> base.Frame:
    return commands.Channel.Close(406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue", *_ids(asked))


def _ids(asked: base.Frame) -> tuple[int, int]:
    return asked.index >> 16, asked.index & 0xFFFF


def _garbage(words: Mapping[str, float]) -> bytes:
    return random.Random(int(words["seed"])).randbytes(int(words["bytes"]))


def _cut(words: Mapping[str, float]) -> bytes:
    return frame.marshal(_start(), 0)[:int(words["bytes"])]


def _enormous(words: Mapping[str, float]) -> bytes:
    """A good frame whose header says that it is as long as a frame can be."""
    head = encode.octet(constants.FRAME_METHOD) + encode.short_uint(0) + encode.long_uint(int(words["bytes"]))
    return head + frame.marshal(_start(), 0)[constants.FRAME_HEADER_SIZE:]


MANNERS: dict[str, Manner] = {manner.name: manner for manner in (
    Manner("good", "answers as a broker does; it delivers no message"),
    Manner("header", "answers the protocol header by one of another version, and closes",
           lambda words: header.ProtocolHeader(1, 0, 0).marshal(), leaves=True),
    Manner("garbage", "answers by so many bytes of nonsense (from the seed), and waits", _garbage,
           takes=(("bytes", 64), ("seed", 0))),
    Manner("short", "sends so many bytes of Connection.Start, and closes", _cut, takes=(("bytes", 20),), leaves=True),
    Manner("stuck", "sends so many bytes of Connection.Start, and waits", _cut, takes=(("bytes", 20),)),
    Manner("enormous", "sends a frame that says it is so many bytes long, and waits", _enormous,
           takes=(("bytes", 0xFFFFFFFE),)),
    Manner("mechanisms", "offers no mechanism that takes a password",
           lambda words: frame.marshal(_start("SCRAM-SHA-256 RABBIT-CR-DEMO"), 0)),
    Manner("denied", "Connection.Close 403 for any password", leaves=True, answers={
        "Connection.StartOk": _closed(403, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN")}),
    Manner("unknown", "Connection.Close 530 for any virtual host", leaves=True, answers={
        "Connection.Open": _closed(530, "NOT_ALLOWED - vhost not found")}),
    Manner("forced", "Connection.Close 320 as soon as a channel is opened", leaves=True, answers={
        "Channel.Open": _closed(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")}),
    Manner("deaf", "wants a heartbeat every so many seconds, and leaves each that comes unanswered", beats=False,
           takes=(("heartbeat_s", 1),)),
    Manner("mismatch", "closes the channel with 406 when a queue is declared", answers={"Queue.Declare": _refused_queue}),
)}


def words_of(manner: str, given: Mapping[str, float]) -> dict[str, float]:
    """All that ``manner`` takes, given or by default. Raises UsageError for a manner or word that there is not."""
    if manner not in MANNERS:
        raise UsageError(f"{manner!r} is no manner of a peer; there are {', '.join(MANNERS)}")
    takes = dict(MANNERS[manner].takes)
    if set(given) - set(takes):
        raise UsageError(f"{manner} takes {', '.join(takes) or 'nothing'}, not {', '.join(sorted(given))}")
    return {**takes, **given}


class Peer:
    """A port of loopback on which ``manner`` is shown to everybody."""

    def __init__(self, name: str, manner: str, words: Mapping[str, float], tell: Tell) -> None:
        self.name = name
        self.manner = MANNERS[manner]
        self.words = words
        self.tell = tell
        self.number = 0
        self._accepted = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.number = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()
        for writer in tuple(self._writers):
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        number = self._accepted
        self._writers.add(writer)
        self.tell("accepted", port=self.name, connection=number)
        try:
            await Talk(self, number, reader, writer).hold()
        except (ConnectionError, asyncio.IncompleteReadError, exceptions.UnmarshalingException):
            pass        # the client has had enough
        finally:
            self._writers.discard(writer)
            writer.close()
            self.tell("closed", port=self.name, connection=number)


class Talk:
    """One client, from its protocol header to its end."""

    def __init__(self, peer: Peer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self.manner = peer.manner
        self.number = number
        self.reader = reader
        self.writer = writer
        self.published: dict[int, int] = {}

    async def hold(self) -> None:
        await self.reader.readexactly(constants.FRAME_HEADER_SIZE + 1)      # a protocol header has eight bytes
        if self.manner.hello is not None:
            self._fire("hello")
            self.writer.write(self.manner.hello(self.peer.words))
            if self.manner.leaves:
                return
        else:
            self._send(_start(), 0)
        while True:
            channel, heard = await self._heard()
            if isinstance(heard, heartbeat.Heartbeat):
                if self.manner.beats:
                    self.writer.write(heartbeat.Heartbeat().marshal())
                else:
                    self._fire("Heartbeat")
            elif isinstance(heard, header.ContentHeader):
                self._published(channel, heard.body_size == 0)
            elif isinstance(heard, base.Frame):
                if not self._answer(channel, heard):
                    await self.writer.drain()
                    await self._until_it_goes()
                    return

    async def _until_it_goes(self) -> None:
        """A broker that has sent Connection.Close waits for the answer, or for the end, before it closes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(LONG_FRAME), 5)

    async def _heard(self) -> tuple[int, object]:
        start = await self.reader.readexactly(constants.FRAME_HEADER_SIZE)
        _, channel, size = frame.frame_parts(start)
        rest = await self.reader.readexactly((size or 0) + 1)
        if start[0] == constants.FRAME_BODY:
            self._published(channel, True)
            return channel, None
        _, channel, heard = frame.unmarshal(start + rest)
        return channel, heard

    def _answer(self, channel: int, asked: base.Frame) -> bool:
        """Whether the talk goes on after the answer."""
        name = asked.name
        if name in self.manner.answers:
            self._fire(name)
            self._send(self.manner.answers[name](asked), channel)
            return not self.manner.leaves
        if name == "Connection.StartOk" and "heartbeat_s" in self.peer.words:
            self._send(commands.Connection.Tune(2047, LONG_FRAME, int(self.peer.words["heartbeat_s"])), channel)
        elif name == "Confirm.Select":
            self.published[channel] = 0
            self._send(commands.Confirm.SelectOk(), channel)
        elif name in GOOD:
            self._send(GOOD[name](asked), channel)
            return name != "Connection.Close"
        return True

    def _published(self, channel: int, is_whole: bool) -> None:
        if is_whole and channel in self.published:
            self.published[channel] += 1
            self._send(commands.Basic.Ack(self.published[channel]), channel)

    def _send(self, answer: base.Frame | None, channel: int) -> None:
        if answer is not None:
            self.writer.write(frame.marshal(answer, 0 if answer.name.startswith("Connection.") else channel))

    def _fire(self, moment: str) -> None:
        self.peer.tell("fired", port=self.peer.name, toxic=self.peer.name, word=self.manner.name, connection=self.number,
                       moment=moment)


