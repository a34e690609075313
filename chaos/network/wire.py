"""The fault proxy and the hostile peers as their user has them; the ports are in a process of their own.

    with open_wire() as wire, wire.proxy("broker", to=("127.0.0.1", 5672)) as port:     # port.number: for the target's URL
        port.arm("stall", "blackhole", moment="before:Connection.Start")
        ...
        wire.line.event("fired", toxic="stall", within_s=10)
        port.lift("stall")
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chaos.network.companion import Companion, Line, Message


class ProxyPort:
    """A port of the proxy. ``number``: where it listens, on 127.0.0.1. Every method raises UsageError for what makes no
    sense; nothing is armed then."""

    def __init__(self, line: Line, name: str, number: int) -> None:
        self.line = line
        self.name = name
        self.number = number

    def arm(self, name: str, word: str, *, stream: str = "downstream", moment: str = "now", first: int = 1,
            last: int | None = None, lasts_s: float | None = None, seed: int = 0, **args: float) -> None:
        """Arm ``word`` (see ``words.WORDS``, which has its arguments) under ``name``; it is armed when this returns.

        ``stream``: downstream (what the broker sends) or upstream. ``moment``: when it begins on a connection, as in
        ``words.parse_moment``. ``first``, ``last``: which connections, from 1 in order of acceptance. ``lasts_s``: lifted
        by itself so many seconds after it first fired. Each connection on which it takes effect is told as an event
        ``fired`` with ``port``, ``toxic``, ``word``, ``connection``, ``moment`` and ``at_s``; a refusal is the kernel's,
        so of ``refuse`` and ``down`` the event says only that the port refuses from then on.
        """
        self.line.ask("arm", port=self.name, name=name, word=word, args=args, stream=stream, moment=moment, first=first,
                      last=last, lasts_s=lasts_s, seed=seed)

    def change(self, name: str, **args: float) -> None:
        """Other arguments for what is armed, from the next piece of data on, on live connections too."""
        self.line.ask("change", port=self.name, name=name, args=args)

    def lift(self, name: str) -> int:
        """End it, on live connections too; on how many connections it had fired."""
        fired: int = self.line.ask("lift", port=self.name, name=name)["fired"]
        return fired


class Wire:
    """All ports of one companion, by a line to it. ``line.events``: what happened on those that were had through this."""

    def __init__(self, line: Line, folder: str) -> None:
        self.line = line
        self.folder = folder

    def again(self) -> Wire:
        """The same ports by a line of one's own: for another process, which gets ``folder`` as text."""
        return Wire(Line(self.folder), self.folder)

    def port(self, name: str, number: int) -> ProxyPort:
        """A port that another line has opened; from now on this line hears of it too."""
        self.line.hear_of(name)
        return ProxyPort(self.line, name, number)

    @contextlib.contextmanager
    def proxy(self, name: str, *, to: tuple[str, int], certificate: str = "") -> Iterator[ProxyPort]:
        """A port that passes connections on ``to`` a host and port. ``certificate``: a PEM file; the port then speaks TLS
        to the target and plain text to the broker. Closed afterwards, with its connections."""
        self.line.hear_of(name)
        number = self.line.ask("listen", name=name, host=to[0], port=to[1], certificate=certificate)["number"]
        try:
            yield ProxyPort(self.line, name, number)
        finally:
            self.line.ask("close", name=name)

    @contextlib.contextmanager
    def peer(self, name: str, manner: str, **words: float) -> Iterator[int]:
        """A port (its number) on which a hostile peer shows ``manner`` (see ``peer.MANNERS``) to whoever connects."""
        self.line.hear_of(name)
        number: int = self.line.ask("peer", name=name, manner=manner, words=words)["number"]
        try:
            yield number
        finally:
            self.line.ask("close", name=name)

    def fired(self, port: str) -> list[Message]:
        """Every firing on a port that was heard so far."""
        while self.line.hear():
            pass
        return [one for one in self.line.events if one["event"] == "fired" and one["port"] == port]


@contextlib.contextmanager
def open_wire() -> Iterator[Wire]:
    """Start the process that has the ports, and end it when left. Takes about 0.2 s."""
    with Companion("chaos.network.wirehost") as companion:
        yield Wire(companion.line, companion.folder)
