"""Real interpreters that load the agent, started as the supervisor starts a target, and what they report. No test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import chaos
from chaos.arming import plan_text
from chaos.model import Fault, Hits, token_of
from chaos.runner import wire
from chaos.runner.folder import FILES
from processes import Deadline

INSIDE = Path(chaos.__file__).parent / "inside"
CASE_ID = "spot/-/w1/test"
TOKEN = token_of(CASE_ID, 0)
SITE = "spot.reach"

SPOT = '''
"""The module under fire: ``reach`` is the site; ``tell`` reaches it and says what came of it."""
import os


def reach(*args):
    return "real"


def say(text):
    os.write(1, (text + "\\n").encode())


def tell():
    try:
        say("returned %r" % (reach(),))
    except SystemExit as error:
        say("exits %s" % (error.code,))
    except Exception as error:
        say("raised %s|%s|%s" % (type(error).__name__, getattr(error, "errno", None), error))
'''


def a_fault(action: str, *args: str, role: str | None = None, hits: Hits = Hits(), site: str = SITE) -> Fault:
    return Fault(site, action, args, role, hits)


class Started:
    """One interpreter, with a pipe from its output."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: Deadline) -> None:
        self.process = process
        self.pid = process.pid
        self.deadline = deadline
        assert process.stdout is not None
        self.out = process.stdout.fileno()

    def says(self, word: bytes) -> bytes:
        """Its output up to ``word``."""
        return self.deadline.read_until(self.out, lambda read: word in read, f"{word!r} in the output")

    def all_lines(self) -> list[str]:
        """All lines of its output, until it closes it."""
        return self.deadline.read_until(self.out, lambda read: False, "the end of the output").decode().splitlines()

    def status(self) -> int:
        """How it ended, as subprocess tells it; all of its output is read first, so that a full pipe does not hold it up.

        It is not reaped: its process group keeps its number until the lab has ended what is left of it.
        """
        self.all_lines()
        pidfd = os.pidfd_open(self.pid)
        try:
            self.deadline.gone([pidfd], "the interpreter")
        finally:
            os.close(pidfd)
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


class Lab:
    """A folder as the supervisor lays it out, with a module ``spot`` whose function ``reach`` is a site."""

    def __init__(self, folder: Path, deadline: Deadline) -> None:
        self.folder = folder
        self.deadline = deadline
        self.started: list[Started] = []
        self.heard: list[wire.Said] = []
        self.partial = b""
        for name in FILES:
            (folder / name).touch()
        os.mkfifo(folder / "events")
        self.events = os.open(folder / "events", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        (folder / "work").mkdir()
        self.write("spot.py", SPOT)
        self.arm()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self.started:
            os.killpg(one.pid, signal.SIGKILL)      # also where it has ended: its children may not have
            one.process.wait()
            if one.process.stdout is not None:
                one.process.stdout.close()
        os.close(self.events)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def arm(self, *faults: Fault) -> None:
        place = "\t".join(("place", "spot", "reach", "call", SITE, "reached"))
        (self.folder / "plan").write_text(f"{plan_text(CASE_ID, faults)}{place}\n", encoding="utf-8")

    def environment(self, *, role: str = "parent", before: Iterable[Path] = ()) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("CHAOS_", "PYTHON"))}
        path = os.pathsep.join(map(str, (INSIDE, *before)))
        armed = {"CHAOS_AGENT": str(self.folder), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        return env | armed | ({"CHAOS_ROLE": role} if role else {})

    def start(
        self,
        script: str,
        *args: str,
        python: str = sys.executable,
        env: dict[str, str] | None = None,
    ) -> Started:
        """Run ``script`` in a fresh interpreter and a session of its own."""
        path = self.write(f"script{len(self.started)}.py", script)
        process = subprocess.Popen(
            [python, str(path), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment() if env is None else env,
            cwd=self.folder / "work",
            start_new_session=True,
        )
        one = Started(process, self.deadline)
        self.started.append(one)
        return one

    def run(self, script: str, *args: str, python: str = sys.executable, env: dict[str, str] | None = None) -> str:
        """The whole output of ``script``. A record that meets a full FIFO is lost: few records only."""
        one = self.start(script, *args, python=python, env=env)
        text = "\n".join(one.all_lines())
        one.status()
        return text

    def records(self, kind: str = "") -> list[wire.Said]:
        """All that was reported so far."""
        try:
            while data := os.read(self.events, 65536):
                *lines, self.partial = (self.partial + data).split(b"\n")
                self.heard += filter(None, (wire.parse(line.decode()) for line in lines))
        except BlockingIOError:
            pass
        return [said for said in self.heard if kind in ("", said.kind)]

    def hears(self, is_it: Callable[[wire.Said], bool], what: str) -> wire.Said:
        """Wait for one record."""
        while not any(map(is_it, self.records())):
            self.deadline.readable(self.events, f"{what}; heard: {self.heard}")
        return next(filter(is_it, self.heard))

    def hears_kind(self, kind: str) -> wire.Said:
        return self.hears(lambda said: said.kind == kind, f"a record {kind!r}")

    def numbers(self, site: str = SITE, role: str = "") -> list[int]:
        return [int(said.fields[1]) for said in self.records("hit") if said.fields[0] == site and role in ("", said.role)]
