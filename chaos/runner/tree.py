"""A process tree as /proc shows it. Reads only; a process that goes away while it is read is simply not there.

psutil walks every process of the machine to find children (5 to 10 ms here); ``task/*/children`` asks only the tree.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Container, Iterator
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Seen:
    """One process at one moment. ``cpu_s``: user and system time so far; ``state``: a letter as in /proc/PID/stat."""

    pid: int
    parent_pid: int
    state: str
    threads: int
    cpu_s: float


def read(path: str) -> str:
    """The text of a file; "" where it cannot be read, or is gone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        data = b""
        while part := os.read(file, 65536):     # a third of the time of open(): every look at a tree reads a dozen
            data += part
    except OSError:
        return ""
    finally:
        os.close(file)
    return data.decode("utf-8", "replace")


def lines(path: str) -> list[str]:
    """Those of a table of the kernel's, which ends them with a newline. A name in it may hold anything else, also what
    Python takes for the end of a line."""
    return read(path).split("\n")


def children(pid: int) -> Iterator[int]:
    """The children of every thread of ``pid``: a master may fork from any of its threads."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        yield from map(int, read(f"/proc/{pid}/task/{thread}/children").split())


def descendants(pid: int, without: Container[int] = ()) -> list[Seen]:
    """Every process below ``pid``, parents first, zombies included; not those of ``without``, nor what is below them."""
    found: list[Seen] = []
    ahead = [child for child in children(pid) if child not in without]
    while ahead:
        child = ahead.pop(0)
        seen = look(child)
        if seen is not None:
            found.append(seen)
            ahead += children(child)
    return found


def look(pid: int) -> Seen | None:
    """``pid`` now, or None when it is gone. The name in stat may hold anything: fields count from its last bracket."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return Seen(pid, int(fields[1]), fields[0], int(fields[17]), cpu)


def command(pid: int) -> str:
    """The command line, or the name in brackets where there is none (a zombie, or a kernel thread)."""
    line = read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    return line or f"[{read(f'/proc/{pid}/comm').strip()}]"


def name(pid: int) -> str:
    """The name of the program; "" when it is gone."""
    return read(f"/proc/{pid}/comm").strip()


def count_fds(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def catches(pid: int, signal_number: int) -> bool:
    """Whether ``pid`` has a handler for the signal: one that has none would die of it."""
    for line in lines(f"/proc/{pid}/status"):
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal_number - 1) & 1)
    return False


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def parent(pid: int) -> int:
    """The parent's pid; 0 when ``pid`` is gone."""
    seen = look(pid)
    return seen.parent_pid if seen else 0
