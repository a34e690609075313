"""The nouns of a proof: what a thread waits for, what could end that wait, and what is proven. Frozen, no effects.

Every moment is in seconds of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What is proven. ``LATE``: nothing can happen before a moment that lies beyond the deadline."""

    TREE = "tree"
    PART = "part"
    LATE = "late"
    ROLE = "role"
    STOPPED = "stopped"


Alarms = frozenset[tuple[str, float]] | None
"""SIGALRMs that are under way on the machine: which timer, and when. None: the kernel does not tell."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thread at one moment. ``switches``: how often it left the processor; ``signals``: those on their way to it;
    ``syscall``: its line in /proc/TID/syscall, "" where that was not read."""

    tid: int
    state: str
    switches: int
    signals: int
    blocked: int = 0
    caught: int = 0
    syscall: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the tree at one moment, with its threads and its children."""

    pid: int
    tasks: tuple[Task, ...]
    children: tuple[int, ...] = ()

    @property
    def dead(self) -> bool:
        return all(task.state in "ZX" for task in self.tasks)

    def catches(self, number: int) -> bool:
        return any(task.caught >> (number - 1) & 1 for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Limit:
    """When a wait ends by itself: at a moment, or so long after it began."""

    at_s: float | None = None
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """A descriptor that is waited on, until it can be read or written. ``how``: read, write, both, or end (of its peer)."""

    fd: int
    how: str


@dataclass(frozen=True, slots=True)
class Wait:
    """What a system call waits for, as its registers and its memory say. ``unknown``: why that cannot be told."""

    call: str
    watches: tuple[Watch, ...] = ()
    limit: Limit | None = None
    futex: int | None = None
    private: bool = True
    lock_fd: int | None = None
    children: bool = False
    on_socket: str = ""
    unknown: str = ""


class Waker(Enum):
    """Who could end a wait. ``LIMIT``: its own time limit; ``TIME``: any other timer."""

    LIMIT = "limit"
    TIME = "time"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"
    MEMBER = "member"
    CHILD = "child"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Source:
    """One way in which a thread could go on: at ``at_s`` (LIMIT, TIME, ALARM: None unknown when), by one of ``pids`` (MEMBER,
    CHILD), by somebody outside, or in a way that is not understood. ``text`` names it."""

    waker: Waker
    pid: int
    tid: int
    text: str
    at_s: float | None = None
    pids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Lock:
    """An interpreter's lock that is taken: where it is, whose thread state has it, which thread that is, and how often the
    lock changed hands."""

    address: int
    state: int
    holder: int
    switches: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one thread stands: its call in words, and each way in which it could go on. ``lock``: what it waits for, with a
    limit that is none, where that is the interpreter's lock."""

    pid: int
    tid: int
    state: str
    call: str
    text: str
    sources: tuple[Source, ...] = ()
    lock: Lock | None = None
