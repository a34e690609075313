"""Starts a process of ours that serves a sweep (proxy, broker, caller) and talks to it by JSON lines over a unix socket.

A companion has a folder of its own with the socket ``control`` in it. It ends, and removes its folder, when whoever
started it closes its input or is gone, by SIGKILL too. Any process of the same user may open a further line to it, so a
supervisor can break what a sweep has started. This module does not know what is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from chaos.errors import MissingPart, UsageError

PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import main; main()"
"""Not ``-m`` with PYTHONPATH: what a companion starts must not find chaos's own packages by it."""
STARTS_WITHIN_S = 30.0
"""Half a second is normal; a machine may be busy."""
ENDS_WITHIN_S = 15.0
ANSWERS_WITHIN_S = 30.0
MOST_EVENTS = 100_000
"""A case has a few dozen. Whoever hears more has subscribed to what it does not want."""

Message = dict[str, Any]


class Unanswered(TimeoutError):
    """A companion did not answer, or something awaited did not happen, in time. Not for a refusal, which is an answer."""


class CompanionBroke(RuntimeError):
    """A companion met an error of its own, or is gone. A defect of chaos or of what it runs, never of the target."""


ERRORS: dict[str, type[Exception]] = {"usage": UsageError, "missing": MissingPart, "broke": CompanionBroke}


class Line:
    """One connection to a companion: requests go out, answers and events come in. For one thread.

    ``folder``: the companion's. ``events``: those that this line has asked for (``hear_of``) and that have come so far,
    oldest first, each with ``event`` (what), ``port`` (of what) and ``at_s`` (time.monotonic(), which all processes of a
    machine share). Raises CompanionBroke where nobody listens.
    """

    def __init__(self, folder: str) -> None:
        self.events: list[Message] = []
        self._answers: dict[int, Message] = {}
        self._count = 0
        self._partial = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with opened(folder) as path:
                self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise CompanionBroke(f"nobody answers at {folder}: {error}") from error

    def __enter__(self) -> Line:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For a selector: readable means that ``hear()`` would hear something."""
        return self._socket.fileno()

    def ask(self, do: str, *, within_s: float = ANSWERS_WITHIN_S, **words: object) -> Message:
        """What the companion answers to ``do``. Raises UsageError, MissingPart or CompanionBroke as it says, and
        Unanswered after ``within_s`` seconds."""
        return self.wait_for(self.begin(do, **words), within_s=within_s, what=do)

    def wait_for(self, number: int, *, what: str, within_s: float = ANSWERS_WITHIN_S) -> Message:
        """The answer to ``begin``, which asked for ``what``; raises as ``ask`` does."""
        self._until(lambda: number in self._answers, within_s, f"the answer to {what!r}")
        answer = self.answer(number)
        assert answer is not None
        return answer

    def begin(self, do: str, **words: object) -> int:
        """Ask, and do not wait: the number by which ``answer`` knows it. For a caller with other things to watch."""
        self._count += 1
        number = self._count
        try:
            self._socket.sendall(json.dumps({"id": number, "do": do, **words}).encode() + b"\n")
        except OSError as error:
            raise CompanionBroke(f"asked to {do!r}, the companion was gone: {error}") from error
        return number

    def answer(self, number: int) -> Message | None:
        """The answer to ``begin``, once; None: not yet (``hear`` first). Raises as ``ask`` does."""
        answer = self._answers.pop(number, None)
        if answer is None:
            return None
        if "error" in answer:
            raise ERRORS.get(answer.get("kind", ""), CompanionBroke)(answer["error"])
        found: Message = answer["ok"]
        return found

    def hear_of(self, port: str) -> None:
        """From now on this line gets the events of ``port``; ask before what is to be heard can happen."""
        self.ask("hear", port=port)

    def event(self, name: str, *, within_s: float, after: int = 0, **like: object) -> Message:
        """The first event ``name`` from number ``after`` on whose fields are ``like``; waits for it.

        Raises Unanswered after ``within_s`` seconds, with what was heard instead.
        """
        def found() -> Message | None:
            return next((one for one in self.events[after:] if one["event"] == name
                         and all(one.get(key) == value for key, value in like.items())), None)

        self._until(lambda: found() is not None, within_s, f"the event {name!r} with {like}")
        event = found()
        assert event is not None
        return event

    def hear(self, *, within_s: float = 0.0) -> bool:
        """Take in what has arrived, waiting for something up to ``within_s``; whether there was anything.

        Raises CompanionBroke when the companion is gone.
        """
        if not select.select([self._socket], [], [], within_s)[0]:
            return False
        try:
            data = self._socket.recv(1 << 16)
        except OSError as error:
            raise CompanionBroke(f"the companion is gone: {error}") from error
        if not data:
            raise CompanionBroke("the companion has closed its line: it is gone, or nobody heard its events")
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))
        return True

    def _take(self, message: Message) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
        else:
            self.events.append(message)
            if len(self.events) > MOST_EVENTS:
                raise CompanionBroke(f"more than {MOST_EVENTS} events on one line; a line a case has a few dozen")

    def _until(self, is_so: Callable[[], bool], within_s: float, what: str) -> None:
        until = time.monotonic() + within_s
        while not is_so():
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise Unanswered(f"waited {within_s:g} s for {what}; last events: {self.events[-3:]}")
            self.hear(within_s=left_s)


class Companion:
    """A process of ours, for as long as the ``with`` lasts. ``module``: whose ``main()`` it runs (see ``serving``)."""

    def __init__(self, module: str, *, environment: Mapping[str, str] | None = None) -> None:
        self.module = module
        self.environment = environment
        self.folder = ""

    def __enter__(self) -> Companion:
        """Raises CompanionBroke when it does not start, with what it wrote."""
        self.folder = tempfile.mkdtemp(prefix="chaos-net-")
        said = os.path.join(self.folder, "said")
        try:
            self.process = self._started(said)
        except BaseException:       # there is no process that would remove it
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        try:
            self._wait_until_ready()
            self.line = Line(self.folder)
        except BaseException as error:
            tail = _tail(said)
            self.close()
            if isinstance(error, CompanionBroke):
                raise CompanionBroke(f"{error}; it wrote: {tail}") from error
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.line.close()
        self.close()

    def _started(self, said: str) -> subprocess.Popen[bytes]:
        Path(said).touch(0o600)
        with open(said, "wb") as output:
            return subprocess.Popen(
                [sys.executable, "-c", START.format(module=self.module), PACKAGE_ROOT, self.folder, str(os.getpid())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, start_new_session=True,
                env=None if self.environment is None else {**os.environ, **self.environment})

    @property
    def pid(self) -> int:
        return self.process.pid

    def close(self) -> None:
        """Close its input and wait for its end; kill it when that does not come in time. Removes its folder."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], STARTS_WITHIN_S)[0]:
            raise CompanionBroke(f"{self.module} was not ready after {STARTS_WITHIN_S:g} s")
        if os.read(self.process.stdout.fileno(), 64) != b"ready\n":
            raise CompanionBroke(f"{self.module} ended before it was ready")


@contextlib.contextmanager
def opened(folder: str) -> Any:
    """The path of the socket in ``folder``, by way of a descriptor: a socket's path may have 107 bytes, no more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/control"
    finally:
        os.close(descriptor)


def _tail(path: str) -> str:
    with contextlib.suppress(OSError):
        return " | ".join(Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
    return ""
