"""Reading /proc: threads twice over in the order that makes an atomic snapshot, memory, time limits. Reads only.

``/proc/TID/syscall`` answers only for a thread that is off the processor. A pass reads each thread's counters and then its
call, the closing pass its call and then its counters: what is equal in both was never on a processor in between, so that
all threads of the snapshot stood still at one common moment.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable

from chaos.runner.proof.values import Member, Task

STATUS = re.compile(
    rb"^State:\t(.).*?^SigPnd:\t(\w+)\nShdPnd:\t(\w+)\nSigBlk:\t(\w+)\nSigIgn:\t(\w+)\nSigCgt:\t(\w+)"
    rb".*?^voluntary_ctxt_switches:\t(\d+)\nnonvoluntary_ctxt_switches:\t(\d+)", re.M | re.S)
TICKS = os.sysconf("SC_CLK_TCK")
NOTHING_BY_DEFAULT = sum(1 << number - 1 for number in (17, 18, 23, 28))
"""SIGCHLD, SIGCONT, SIGURG and SIGWINCH: without a handler they do nothing."""


def read(path: str) -> bytes:
    """The whole of a file, however the kernel portions it; OSError where it cannot be read."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(file, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(file)


def read_short(path: str) -> bytes:
    """A file that the kernel gives in one piece: half the time of ``read``."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 8192)
    finally:
        os.close(file)


def task_ids(pid: int) -> list[int]:
    try:
        return sorted(map(int, os.listdir(f"/proc/{pid}/task")))
    except OSError:
        return []


def task(pid: int, tid: int, *, syscall: str = "") -> Task | None:
    """A thread's counters and signals now; None when it is gone."""
    try:
        found = STATUS.search(read_short(f"/proc/{pid}/task/{tid}/status"))
    except OSError:
        return None
    if found is None:
        return None
    own, shared, blocked, ignored, caught = (int(mask, 16) for mask in found.groups()[1:6])
    without_effect = ignored | NOTHING_BY_DEFAULT & ~caught
    coming = (own | shared) & ~blocked & ~without_effect
    switches = int(found[7]) + int(found[8])
    return Task(tid, found[1].decode("ascii", "replace"), switches, coming, blocked, caught, syscall)


def syscall(pid: int, tid: int) -> str:
    try:
        return read_short(f"/proc/{pid}/task/{tid}/syscall").decode("ascii", "replace").strip()
    except OSError:
        return "running"    # it may not be read, or is gone: the one word that proves nothing


def started_s(pid: int, tid: int) -> float | None:
    """When a thread was made, at the earliest: the kernel counts in hundredths of a second."""
    try:
        fields = read_short(f"/proc/{pid}/task/{tid}/stat").rpartition(b")")[2].split()
        return int(fields[19]) / TICKS + clocks()[7] - 2 / TICKS
    except (OSError, IndexError, ValueError):
        return None


def cpu_s(pid: int, tid: int) -> float:
    """How long a thread was on a processor so far; 0 where that is not told."""
    try:
        return int(read_short(f"/proc/{pid}/task/{tid}/schedstat").split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def children(pid: int, tids: Iterable[int]) -> tuple[int, ...]:
    found: list[int] = []
    for tid in tids:
        try:
            found += map(int, read(f"/proc/{pid}/task/{tid}/children").split())
        except OSError:
            continue
    return tuple(sorted(found))


def glance(pid: int) -> Member | None:
    """The counters of every thread, quickly: enough to tell who moved."""
    tasks = [task(pid, tid) for tid in task_ids(pid)]
    known = tuple(one for one in tasks if one is not None)
    return Member(pid, known) if known else None


def opening(pid: int) -> Member | None:
    """A process in the opening pass: per thread counters and then its call; its children last."""
    tasks = []
    for tid in task_ids(pid):
        first = task(pid, tid)
        if first is None:
            return None
        call = syscall(pid, tid) if first.state not in "ZX" else ""
        tasks.append(Task(tid, first.state, first.switches, first.signals, first.blocked, first.caught, call))
    return Member(pid, tuple(tasks), children(pid, [one.tid for one in tasks])) if tasks else None


def closing(pid: int) -> Member | None:
    """The same in the closing pass: its children first, per thread its call and then its counters."""
    tids = task_ids(pid)
    below = children(pid, tids)
    tasks = []
    for tid in tids:
        call = syscall(pid, tid)
        last = task(pid, tid)
        if last is None:
            return None
        tasks.append(Task(tid, last.state, last.switches, last.signals, last.blocked, last.caught,
                          "" if last.state in "ZX" else call))
    return Member(pid, tuple(tasks), below) if tasks else None


def tree(above: int, leave_out: Collection[int], *, first: bool) -> dict[int, Member]:
    """Every process below ``above`` in one pass. The children of ``above`` are read after all others in an opening pass,
    before them in a closing one, so that an orphan that falls to it in between is not overlooked."""
    look = opening if first else closing
    found: dict[int, Member] = {}
    ahead = list(children(above, task_ids(above)))
    while True:
        while ahead:
            pid = ahead.pop(0)
            if pid in leave_out or pid in found:
                continue
            member = look(pid)
            if member is not None:
                found[pid] = member
                ahead += member.children
        if first:
            ahead = [pid for pid in children(above, task_ids(above)) if pid not in leave_out and pid not in found]
        if not ahead:
            return found


class Memory:
    """The memory of one process, opened once. Use with ``with``."""

    def __init__(self, pid: int) -> None:
        self.pid, self.file = pid, -1

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        if self.file >= 0:
            os.close(self.file)

    def __call__(self, address: int, length: int) -> bytes:
        if self.file < 0:
            self.file = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        data = os.pread(self.file, length, address)
        if len(data) < length:
            raise OSError(f"{length} bytes at {address:#x} cannot be read")
        return data


def clocks() -> dict[int, float]:
    """What turns a moment of each wall clock into one of CLOCK_MONOTONIC."""
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    return {0: now - time.clock_gettime(time.CLOCK_REALTIME), 1: 0.0,
            7: now - time.clock_gettime(time.CLOCK_BOOTTIME), 11: now - time.clock_gettime(time.CLOCK_TAI)}


TIMER = re.compile(rb"^ #\d+: <(\w+)>, it_real_fn, S:.*\n # expires at (\d+)-", re.M)


def alarms() -> frozenset[tuple[str, float]] | None:
    """Every armed ITIMER_REAL of the machine: (address, expiry). None where the kernel does not tell (not root).

    The list is printed timer by timer, and one is passed over when another expires meanwhile: so it is read three times.
    """
    found: set[tuple[str, float]] = set()
    for _ in range(3):
        try:
            text = read("/proc/timer_list")
        except OSError:
            return None
        if b"active timers:" not in text:
            return None
        found |= {(one[1].decode(), int(one[2]) / 1e9) for one in TIMER.finditer(text)}
    return frozenset(found)


def posix_timers(pid: int) -> list[int]:
    """The clocks of a process's POSIX timers; whether they are armed the kernel does not show. OSError: it cannot tell."""
    text = read(f"/proc/{pid}/timers")
    return [int(clock) for clock in re.findall(rb"^ClockID: (-?\d+)", text, re.M)]


def now() -> float:
    """This moment by the clock of all proofs."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)
