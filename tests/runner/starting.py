"""Scripts that act as launchers, requests that run them, and what they note of themselves. No test."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from chaos.arming import plan_text
from chaos.model import Case, Expectation, Fault, Limits, Observation
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from processes import Deadline, below, is_alive

PRELUDE = '''
import ctypes, os, signal, socket, sys, threading, time

def note(pid=None):
    """Every process that is started says who it is, whatever it does to its name and environment afterwards."""
    fd = os.open(NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, b"%d\\n" % (pid or os.getpid()))
    os.close(fd)

def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])

def for_ever():
    while True:
        signal.pause()

def now_and_then():
    """It waits for nobody, but it moves: nothing can be proven about it."""
    while True:
        time.sleep(0.05)

note()
'''
SHORT = Limits(deadline_s=0.6, grace_s=0.6, boot_s=0.6, orphan_s=0.3)
LONG = Limits(deadline_s=300.0, grace_s=300.0, boot_s=300.0, orphan_s=0.3)
"""Beyond the deadline of every test: what ends within it was ended, it did not run out of time."""


class Stage:
    """A folder of scripts; every process that runs one notes its pid in ``notes``."""

    def __init__(self, folder: Path, deadline: Deadline) -> None:
        self.folder = folder
        self.deadline = deadline
        self.notes = folder / "notes"
        self.count = 0

    def request(
        self,
        script: str,
        *faults: Fault,
        limits: Limits = SHORT,
        expected: Expectation | None = None,
        secrets: tuple[str, ...] = (),
        ready: tuple[str, ...] = ("notify",),
    ) -> Request:
        """``script`` as a launcher, started by this Python."""
        self.count += 1
        path = self.folder / f"launcher{self.count}.py"
        path.write_text(f"NOTES = {str(self.notes)!r}\n{PRELUDE}\n{textwrap.dedent(script)}", encoding="utf-8")
        return self.request_of(sys.executable, str(path), faults=faults, limits=limits, expected=expected, secrets=secrets,
                               ready=ready)

    def request_of(
        self,
        *argv: str,
        faults: tuple[Fault, ...] = (),
        limits: Limits = SHORT,
        expected: Expectation | None = None,
        secrets: tuple[str, ...] = (),
        ready: tuple[str, ...] = ("notify",),
    ) -> Request:
        name = f"launcher{self.count}"
        return Request(
            case_id=f"{name}/-/w1/none", case=Case(name, "-", 1, faults), argv=argv, plan=plan_text(name, faults),
            limits=limits, expected=expected, secrets=secrets, env=(("PYTHONFAULTHANDLER", ""),), ready=ready,
        )

    def run(
        self, script: str, *faults: Fault, limits: Limits = SHORT, expected: Expectation | None = None,
        secrets: tuple[str, ...] = (), ready: tuple[str, ...] = ("notify",),
    ) -> Observation:
        """``ready``: how it shows that it is ready; () for one that never does."""
        with Pool() as pool:
            request = self.request(script, *faults, limits=limits, expected=expected, secrets=secrets, ready=ready)
            seen = pool.run_one(request)
            assert not os.listdir(pool.folder), "the folder of the run is gone"
            assert pool.host is not None
            assert len(below(pool.host.process.pid)) <= 1, "and so is its tree: only a supervisor waits for the next"
        assert not os.path.exists(pool.folder)
        return seen

    def noted(self) -> list[int]:
        return [int(line) for line in self.notes.read_text().split()] if self.notes.exists() else []

    def nothing_noted_is_alive(self) -> None:
        alive = [pid for pid in self.noted() if is_alive(pid)]
        assert not alive, f"still alive: {[(pid, Path(f'/proc/{pid}/cmdline').read_bytes()) for pid in alive]}"
