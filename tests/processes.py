"""Waiting for processes and pipes with a deadline, for the tests that start real ones. No test of its own."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest


class Deadline:
    """How long one test may wait in all. Every wait says what it waited for when the time is up."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until_s = time.monotonic() + seconds

    def left_s(self, what: str) -> float:
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            pytest.fail(f"waited {self.seconds:g} s for {what}")
        return left_s

    def readable(self, fd: int, what: str) -> None:
        while not select.select([fd], [], [], self.left_s(what))[0]:
            pass

    def read_until(self, fd: int, is_enough: Callable[[bytes], bool], what: str) -> bytes:
        """Read ``fd`` until ``is_enough`` of all that was read, or its end."""
        read = b""
        while not is_enough(read):
            self.readable(fd, f"{what}; read so far: {read[-300:]!r}")
            data = os.read(fd, 65536)
            if not data:
                break
            read += data
        return read

    def gone(self, pidfds: Iterable[int], what: str) -> None:
        """Each process of ``pidfds`` has ended (a pidfd is readable from then on)."""
        for pidfd in pidfds:
            self.readable(pidfd, f"the end of {what}")


@pytest.fixture
def deadline() -> Deadline:
    """Generous: it is met only when something hangs, and machines are shared."""
    return Deadline(40.0)


def is_silent(fd: int, *, for_s: float) -> bool:
    """Nothing arrives on ``fd`` for so long; what had arrived before is taken away first."""
    while select.select([fd], [], [], 0)[0] and os.read(fd, 65536):
        pass
    return not select.select([fd], [], [], for_s)[0]


def becomes_silent(fd: int, deadline: Deadline, *, for_s: float) -> None:
    while not is_silent(fd, for_s=for_s):
        deadline.left_s("silence")


def below(pid: int) -> list[int]:
    """Every process below ``pid`` at this moment, read from /proc by a way of its own: not by chaos's."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
                parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, ahead = [], [pid]
    while ahead:
        children = parents.get(ahead.pop(), [])
        found += children
        ahead += children
    return found


@contextlib.contextmanager
def watched(pids: Iterable[int]) -> Iterator[list[int]]:
    """A pidfd for each process of ``pids`` that lives; whatever still lives when this is left is killed."""
    pidfds: list[int] = []
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                pidfds.append(os.pidfd_open(pid))
        yield pidfds
    finally:
        for pidfd in pidfds:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)


def is_alive(pid: int) -> bool:
    """Not gone and not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
