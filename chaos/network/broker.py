"""A private RabbitMQ for a sweep or a test run, and what may be done to it; runs nothing in the caller's own process.

    with private_broker() as broker, broker.vhost("case-1") as url:     # rabbit://chaos:…@127.0.0.1:40123/case-1
        broker.pause()

One node serves all cases: each has a virtual host of its own, which costs 30 ms. It listens on loopback only, with ports,
folder, cookie and epmd of its own, and is gone afterwards, also when the caller was killed.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import fixtures

from chaos.errors import MissingPart
from chaos.network.companion import Companion, Line, Message

PACKAGE = "rabbitmq-server"
SCRIPTS = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"
"""Debian's; /usr/sbin/rabbitmq-server changes the user and goes to /var/lib, so it is of no use here."""
EVENTS = "broker"
"""What events of the node itself are told of: ``did`` (an operation, or ``died``) and ``state``."""
BOOTS_WITHIN_S = 200.0
"""Above what the companion itself allows (three tries of one minute): its reason is better than ours."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the programs are."""

    script: str
    epmd: str


def find_parts() -> Parts:
    """What a private broker needs of this machine. Raises MissingPart with what is not here and how to get it."""
    script = os.environ.get("CHAOS_RABBITMQ_SERVER") or next(iter(sorted(glob.glob(SCRIPTS), reverse=True)), "")
    epmd = shutil.which("epmd") or next(iter(sorted(glob.glob("/usr/lib/erlang/erts-*/bin/epmd"), reverse=True)), "")
    wanted = {f"RabbitMQ's start script ({script or SCRIPTS})": os.access(script, os.X_OK), "epmd": bool(epmd),
              "erl": shutil.which("erl") is not None}
    missing = [name for name, is_here in wanted.items() if not is_here]
    if missing:
        raise MissingPart(f"a private broker needs {' and '.join(missing)}, not found here; "
                          f"on Debian: apt-get install {PACKAGE}. Elsewhere CHAOS_RABBITMQ_SERVER names the script")
    return Parts(script, epmd)


class Broker:
    """A running private broker, by a line to the process that has it. For one thread; any process may open its own.

    Each operation returns when it is done, with ``state`` (running, stopped, paused, dead), ``began_s`` and ``took_s``
    (time.monotonic() and seconds). Raises UsageError for what its state does not allow, CompanionBroke when the node
    broke by itself.
    """

    def __init__(self, line: Line, folder: str, facts: Message) -> None:
        self.line = line
        self.folder = folder
        self.facts = facts
        line.hear_of(EVENTS)
        self.port: int = facts["port"]
        self.user: str = facts["user"]
        self.password: str = facts["password"]

    def again(self) -> Broker:
        """The same broker by a line of one's own: for another process, which gets ``folder`` and ``facts`` as text."""
        return Broker(Line(self.folder), self.folder, self.facts)

    def url(self, vhost: str, *, port: int | None = None, host: str = "127.0.0.1", user: str | None = None,
            password: str | None = None) -> str:
        """The transport URL of a virtual host, there or not; by way of ``host`` and ``port`` (a proxy's, say)."""
        name = quote(self.user if user is None else user, safe="")
        word = quote(self.password if password is None else password, safe="")
        return f"rabbit://{name}:{word}@{host}:{port or self.port}/{quote(vhost, safe='')}"

    @contextlib.contextmanager
    def vhost(self, name: str) -> Iterator[str]:
        """A virtual host for a case: its URL. Gone afterwards, with its queues and connections, unless the node is."""
        self.line.ask("vhost", name=name)
        try:
            yield self.url(name)
        finally:
            self.heal()
            self.line.ask("drop", name=name)

    def heal(self) -> Message:
        """Bring it back to ``running`` without alarms, whatever a case did to it. Returns how long that took."""
        state = self.line.ask("state")["state"]
        if state == "paused":
            self.resume()
        elif state != "running":
            self.start()
        return self.line.ask("calm")

    def kill(self) -> Message:
        """SIGKILL; ``start`` boots it again, in seconds."""
        return self.line.ask("kill")

    def stop(self) -> Message:
        """Orderly: Connection.Close 320 to everybody, then the port refuses. 60 ms."""
        return self.line.ask("stop")

    def crash(self) -> Message:
        """To its clients what ``kill`` is (no word, a reset, then refused), in 60 ms; ``start`` then takes half a second."""
        return self.line.ask("crash")

    def start(self) -> Message:
        """After ``stop`` or ``crash`` half a second, after ``kill`` a boot. The port and what was durable are the same."""
        return self.line.ask("start", within_s=BOOTS_WITHIN_S)

    def restart(self, *, down_s: float = 0.0) -> Message:
        """Stop and start, with at least ``down_s`` seconds in which the port refuses."""
        return self.line.ask("restart", down_s=down_s, within_s=BOOTS_WITHIN_S + down_s)

    def pause(self) -> Message:
        """SIGSTOP: it accepts, and answers nobody."""
        return self.line.ask("pause")

    def resume(self) -> Message:
        return self.line.ask("resume")

    def alarm(self, what: str = "memory", *, on: bool) -> Message:
        """Raise or clear a memory or disk alarm: while one is raised, whoever publishes is blocked (Connection.Blocked). A
        connection learns of it a moment after this returns."""
        return self.line.ask("alarm", what=what, on=on)

    def disconnect(self) -> int:
        """Close every client's connection with 320, once; the port goes on accepting. How many there were."""
        count: int = self.line.ask("disconnect")["connections"]
        return count

    def count(self) -> Message:
        """``connections`` and ``vhosts`` at this moment."""
        return self.line.ask("count")


@contextlib.contextmanager
def private_broker() -> Iterator[Broker]:
    """Start one, and end all of it when left. Takes 3.5 s on a quiet machine. Raises MissingPart, or CompanionBroke with
    the node's last words when it does not boot."""
    parts = find_parts()
    with Companion("chaos.network.brokerhost") as companion:
        facts = companion.line.ask("boot", script=parts.script, epmd=parts.epmd, within_s=BOOTS_WITHIN_S)
        yield Broker(companion.line, companion.folder, facts)


class RabbitBroker(fixtures.Fixture):
    """The same for testtools and unittest: ``broker = self.useFixture(RabbitBroker()).broker``."""

    broker: Broker

    def _setUp(self) -> None:
        manager = private_broker()
        self.broker = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
