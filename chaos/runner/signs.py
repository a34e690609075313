"""Whether the target shows the signs of readiness that were asked for: looked at again and again, without ever waiting.

Facts only: which sign was there when, and what was said instead. Sockets are this process's own; commands run below an asker.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import shlex
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from chaos.model import Sign
from chaos.readiness import Wanted
from chaos.runner.asker import Asker
from chaos.runner.facts import Facts

AGAIN_S, MOST_AGAIN_S, LATER = 0.15, 1.0, 1.15
"""How long after an answer it is asked again, and how much later each time: who logs each question must not drown in them."""
WITHIN_S = 2.0
"""Who has accepted a connection and says nothing for so long has not answered."""
SOON_S = 0.3
"""After so long the answer of before says nothing any more."""
LONGEST_LINE = 64 * 1024
MOST_READ = 1 << 20

Say = Callable[[str], None]
"""What a look is answered with: "" where the sign is there, else what was said instead."""


class Look:
    """One sign as it stands. ``said``: the last answer; ``seen_s``: since when it has been there; ``begun_s``: when what was
    last answered was asked."""

    def __init__(self, text: str, wanted: Wanted) -> None:
        self.text = text
        self.wanted = wanted
        self.said = "not looked at yet"
        self.seen_s: float | None = None
        self.asked_s: float | None = None
        self.begun_s = -1.0
        self.again_s = 0.0
        self.pause_s = AGAIN_S

    def answered(self, begun_s: float, said: str, now_s: float) -> None:
        """What was asked at ``begun_s`` has an answer."""
        self.begun_s, self.asked_s, self.again_s = begun_s, None, now_s + self.pause_s
        self.pause_s = min(self.pause_s * LATER, MOST_AGAIN_S)
        self.note(said, now_s)

    def note(self, said: str, now_s: float) -> None:
        self.said = said
        self.seen_s = None if said else now_s if self.seen_s is None else self.seen_s

    @property
    def sign(self) -> Sign:
        return Sign(self.text, None if self.seen_s is None else round(self.seen_s, 4), self.said)


class Signs:
    """Those of one run. Use ``close`` when done."""

    def __init__(self, wanted: Iterable[tuple[str, Wanted]], selector: selectors.BaseSelector, facts: Facts,
                 now: Callable[[], float]) -> None:
        """``wanted``: each as text and as value, with every path and port filled in."""
        self.looks = [Look(text, one) for text, one in wanted]
        self.selector = selector
        self.facts = facts
        self.now = now
        self.asker: Asker | None = None
        self.partial = b""
        self.exits = contextlib.ExitStack()
        self.files = {look.text: _Tail(look.wanted) for look in self.looks if look.wanted.kind == "file"}
        self.talks: dict[str, _Conversation] = {}

    def begin(self, env: dict[str, str]) -> int:
        """Before the start: what commands need. Returns the pid of the process that is no part of the tree; 0: none."""
        if not any(look.wanted.kind == "command" for look in self.looks):
            return 0
        self.asker = Asker(env)
        self.exits.callback(self.asker.close)
        self.selector.register(self.asker.answers, selectors.EVENT_READ, self._hear)
        return self.asker.pid

    def close(self) -> None:
        for talk in self.talks.values():
            talk.close()
        self.exits.close()

    def hear(self, data: bytes) -> None:
        """What the target wrote to its output."""
        *lines, self.partial = (self.partial + data).split(b"\n")
        self.partial = self.partial[-LONGEST_LINE:]
        for look in self.looks:
            if look.wanted.kind == "log" and look.seen_s is None:
                pattern = re.compile(look.wanted.what)
                if any(pattern.search(line.decode("utf-8", "replace")) for line in (*lines, self.partial)):
                    look.note("", self.now())

    def step(self) -> None:
        """Ask for what is due, and let ``facts`` know how all stands."""
        now_s = self.now()
        for look in self.looks:
            if look.asked_s is not None:
                self._give_up_late(look, now_s)
            elif now_s >= look.again_s:
                _ASK[look.wanted.kind](self, look)
        self.facts.signs = tuple(look.sign for look in self.looks)

    def was_asked_since(self, at_s: float) -> bool:
        """Whether each sign that is missing was asked for, and found missing, after ``at_s``."""
        return all(look.begun_s > at_s for look in self.looks if look.seen_s is None and look.wanted.kind in _ASKED)

    # -- asking ------------------------------------------------------------------------------------------------------

    def _begin(self, look: Look) -> Say:
        """What is asked now is answered by calling what is returned."""
        begun_s = look.asked_s = self.now()

        def say(said: str) -> None:
            if look.asked_s == begun_s:
                look.answered(begun_s, said, self.now())
        return say

    def _give_up_late(self, look: Look, now_s: float) -> None:
        """A socket that does not answer; the asker sees to its commands itself."""
        if look.asked_s is not None and now_s > look.asked_s + SOON_S:
            look.said = "no answer yet"
        if look.asked_s is not None and now_s > look.asked_s + WITHIN_S and look.wanted.kind != "command":
            self.talks.pop(look.text).close()
            look.answered(look.asked_s, f"no answer within {WITHIN_S:.0f} s", now_s)

    def ask_nothing(self, look: Look) -> None:
        """A line of output: `hear` sees it."""
        if look.seen_s is None:
            look.said = "no such line"

    def ask_notify(self, look: Look) -> None:
        if self.facts.ready_s is not None:
            look.said, look.seen_s = "", self.facts.ready_s
        else:
            look.said = "READY=1 has not come"

    def ask_rpc(self, look: Look) -> None:
        answered = self.facts.pids_at("answered")
        look.note("" if answered and not self.facts.unanswered() else "no call was answered", self.now())

    def ask_file(self, look: Look) -> None:
        self._begin(look)(self.files[look.text].look())

    def ask_socket(self, look: Look) -> None:
        say = self._begin(look)
        try:
            self.talks[look.text] = _Conversation(self.selector, *_address(look.wanted), look.wanted, say)
        except OSError as error:
            say(error.strerror or str(error))
        except (TypeError, UnicodeError) as error:      # what no host is called, and no path holds
            say(str(error))

    def ask_command(self, look: Look) -> None:
        if self.asker is not None:
            self._begin(look)
            self.asker.ask(self.looks.index(look), shlex.split(look.wanted.what))

    def _hear(self) -> None:
        assert self.asker is not None
        answers = self.asker.heard()
        if answers is None:
            self.selector.unregister(self.asker.answers)
            self.asker = None
            return
        for number, said in answers:
            look = self.looks[number]
            if look.asked_s is not None:
                look.answered(look.asked_s, said, self.now())


_ASK: dict[str, Callable[[Signs, Look], None]] = {
    "notify": Signs.ask_notify, "log": Signs.ask_nothing, "rpc": Signs.ask_rpc, "file": Signs.ask_file,
    "tcp": Signs.ask_socket, "unix": Signs.ask_socket, "http": Signs.ask_socket, "command": Signs.ask_command}
_ASKED = ("file", "tcp", "unix", "http", "command")
"""What is not seen without being asked for."""


class _Tail:
    """The new lines of a file: what was in it before the start is another run's."""

    def __init__(self, wanted: Wanted) -> None:
        self.path = Path(wanted.what)
        self.pattern = re.compile(wanted.more) if wanted.more else None
        self.before = self._identity()
        self.offset = self.before[2] if self.before else 0
        self.found = False

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            known = self.path.stat()
        except OSError:
            return None
        return known.st_ino, known.st_mtime_ns, known.st_size

    def look(self) -> str:
        now = self._identity()
        if now is None:
            return "" if self.found else "no such file"
        if self.pattern is None:
            return "" if now != self.before else "it is as it was before the start"
        if not self.found:
            self.found = self._has_it(self.pattern, now)
        return "" if self.found else "no such line"

    def _has_it(self, pattern: re.Pattern[str], now: tuple[int, int, int]) -> bool:
        if now[2] < self.offset or (self.before and now[0] != self.before[0] and self.offset == self.before[2]):
            self.offset = 0         # begun anew, as a file that is rotated is
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(MOST_READ)
        except OSError:
            return False
        whole = data.rfind(b"\n") + 1
        self.offset += whole
        return any(pattern.search(line) for line in data.decode("utf-8", "replace").splitlines())


def _address(wanted: Wanted) -> tuple[socket.AddressFamily, str | tuple[str, int], bytes]:
    """Family, address, and what is sent once connected."""
    if wanted.kind == "unix":
        return socket.AF_UNIX, wanted.what, b""
    if wanted.kind == "tcp":
        host, _, port = wanted.what.rpartition(":")
        host = host.strip("[]")
        return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port)), b""
    parts = urlsplit(wanted.what)
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    question = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: chaos\r\nConnection: close\r\n\r\n"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, (host, parts.port or 80), question.encode()


class _Conversation:
    """One connection: made, asked, answered, closed, as the selector says that it can go on."""

    def __init__(self, selector: selectors.BaseSelector, family: socket.AddressFamily,
                 address: str | tuple[str, int], question: bytes, wanted: Wanted, say: Say) -> None:
        self.selector = selector
        self.question = question
        self.wanted = wanted
        self.say = say
        self.heard = b""
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            number = self.socket.connect_ex(address)
        except (OSError, TypeError):    # no host can be called so
            self.socket.close()
            raise
        if number not in (0, errno.EINPROGRESS):
            self.socket.close()
            raise OSError(number, os.strerror(number))
        selector.register(self.socket, selectors.EVENT_WRITE, self.connected)

    def connected(self) -> None:
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number or not self.question:
            self._end(os.strerror(number) if number else "")
            return
        try:
            self.socket.send(self.question)
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        self.selector.modify(self.socket, selectors.EVENT_READ, self.answered)

    def answered(self) -> None:
        try:
            data = self.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        self.heard += data
        if b"\n" not in self.heard and data and len(self.heard) < LONGEST_LINE:
            return
        line = self.heard.partition(b"\n")[0].decode("latin-1").strip()
        found = re.match(r"HTTP/\d\S* (\d{3})\b", line)
        self._end("" if found and found[1] == self.wanted.more else f"answered {line[:80]!r}")

    def _end(self, said: str) -> None:
        self.close()
        self.say(said)

    def close(self) -> None:
        if self.socket.fileno() >= 0:
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(self.socket)
            self.socket.close()
