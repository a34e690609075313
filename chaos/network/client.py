"""A real RPC call to a target, from a process of its own and with a deadline: what proves that it serves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.network.companion import Companion, Line

TOPIC = "scheduler"
METHOD = "select_destinations"
ARGS: Mapping[str, object] = {"request": {}}
"""A request for one instance of the smallest size."""
SPARE_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """``value``: what the target returned. ``because``: why there is no answer; "" where there is one. ``took_s``: the
    whole call, connection included."""

    value: Any
    because: str
    took_s: float

    @property
    def came(self) -> bool:
        return not self.because


class Caller:
    """Asks a prober process. For one thread; any process may open a line of its own."""

    def __init__(self, line: Line, folder: str) -> None:
        self.line = line
        self.folder = folder

    def again(self) -> Caller:
        """The same prober by a line of one's own: for another process, which gets ``folder`` as text."""
        return Caller(Line(self.folder), self.folder)

    def call(self, url: str, *, within_s: float, topic: str = TOPIC, method: str = METHOD,
             args: Mapping[str, object] | None = None, server: str = "", authority: str = "",
             exchange: str = "") -> Answer:
        """Call ``method`` of whoever serves ``topic`` behind the transport ``url``; never raises for what the target does.

        ``within_s``: when to give up, in seconds. ``args``: the method's keywords, as JSON has them; by default a request for
        one small instance. ``server``: one host's server only; ``exchange``: that of the service, "" the usual one.
        ``authority``: a PEM file, where the URL asks for TLS (``?ssl=1``). A call that comes before the target listens is
        lost and takes all of ``within_s``, so ask again with a short one; one that is answered takes 15 to 60 ms.
        """
        words = dict(ARGS if args is None else args)
        found = self.line.ask("call", url=url, topic=topic, method=method, args=words, server=server, authority=authority,
                              exchange=exchange, until_s=within_s, within_s=within_s + SPARE_S)
        return Answer(found["answer"], found["because"], found["took_s"])


@contextlib.contextmanager
def open_caller() -> Iterator[Caller]:
    """Start a prober process (half a second to a second), and end it when left."""
    with Companion("chaos.network.prober") as companion:
        yield Caller(companion.line, companion.folder)
