"""A line of /proc/TID/syscall to what that thread waits for. Pure: memory is read through a function that is given.

x86-64 only. Whatever is not in the tables is ``unknown``, which is never taken for a wait without end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from chaos.runner.proof.values import Limit, Wait, Watch

Memory = Callable[[int, int], bytes]
"""Address and length to bytes; OSError where that cannot be read."""
Clocks = Mapping[int, float]
"""Clock number to what must be added to a moment of that clock to get one of CLOCK_MONOTONIC."""

FUTEX_PRIVATE, FUTEX_REALTIME = 128, 256
TIMER_ABSTIME = 1
F_SETLKW, F_OFD_SETLKW = 7, 38
POLLIN, POLLPRI, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM = 1, 2, 4, 0x2000, 0x40, 0x100

READS = {0: "read", 17: "pread64", 19: "readv", 45: "recvfrom", 47: "recvmsg", 43: "accept", 288: "accept4"}
WRITES = {1: "write", 18: "pwrite64", 20: "writev", 44: "sendto", 46: "sendmsg"}
FOR_A_SIGNAL = {34: "pause", 130: "rt_sigsuspend"}


class Regs:
    """The registers of a system call, and the memory that they point into."""

    def __init__(self, args: list[int], memory: Memory, clocks: Clocks) -> None:
        self.args, self.memory, self.clocks = args, memory, clocks

    def __getitem__(self, index: int) -> int:
        return self.args[index]

    def int32(self, index: int) -> int:
        value = self.args[index] & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value

    def span_s(self, index: int, parts: int = 1_000_000_000) -> float | None:
        """The timespec (or timeval, by ``parts``) at a pointer in seconds, None for a null pointer."""
        if not self.args[index]:
            return None
        whole, rest = map(int, struct.unpack("<qq", self.memory(self.args[index], 16)))
        return whole + rest / parts

    def relative(self, index: int, parts: int = 1_000_000_000) -> Limit | None:
        span = self.span_s(index, parts)
        return None if span is None else Limit(for_s=span)

    def absolute(self, index: int, clock: int) -> Limit | None:
        span = self.span_s(index)
        return None if span is None else Limit(at_s=span + self.clocks[clock])


def decode(line: str, memory: Memory, clocks: Clocks) -> Wait:
    """What the thread with this line waits for."""
    words = line.split()
    if not words or words[0] == "running":
        return Wait("running", unknown="it runs")
    if words[0] == "-1" or len(words) < 7:
        return Wait("outside a system call", unknown="it is in no system call")
    number = int(words[0])
    decoder = CALLS.get(number)
    if decoder is None:
        return Wait(f"system call {number}", unknown=f"system call {number} is not understood")
    try:
        return decoder(number, Regs([int(word, 16) for word in words[1:7]], memory, clocks))
    except (OSError, struct.error, KeyError, IndexError) as error:
        return Wait(f"system call {number}", unknown=f"what system call {number} waits for cannot be read: {error!r}")


def _read(number: int, regs: Regs) -> Wait:
    return Wait(READS[number], (Watch(regs.int32(0), "read"),), on_socket="receive")


def _write(number: int, regs: Regs) -> Wait:
    return Wait(WRITES[number], (Watch(regs.int32(0), "write"),), on_socket="send")


def how(events: int) -> str:
    """The word for a mask of poll or epoll events."""
    reads = bool(events & (POLLIN | POLLPRI | POLLRDNORM | POLLRDHUP))
    writes = bool(events & (POLLOUT | POLLWRNORM))
    return "both" if reads and writes else "read" if reads else "write" if writes else "end"


def _poll(number: int, regs: Regs) -> Wait:
    count = regs[1]
    if count > 4096:
        return Wait("poll", unknown=f"it polls {count} descriptors")
    data = regs.memory(regs[0], 8 * count) if count else b""
    watches = tuple(Watch(fd, how(events)) for fd, events, _ in struct.iter_unpack("<ihh", data) if fd >= 0)
    if number == 271:
        return Wait("ppoll", watches, regs.relative(2))
    timeout = regs.int32(2)
    return Wait("poll", watches, Limit(for_s=timeout / 1000) if timeout >= 0 else None)


def _select(number: int, regs: Regs) -> Wait:
    count, sets = regs.int32(0), []
    for index in (1, 2, 3):
        length = (count + 63) // 64 * 8
        data = regs.memory(regs[index], length) if regs[index] and count > 0 else b""
        bits = int.from_bytes(data, "little")
        sets.append({fd for fd in range(count) if bits >> fd & 1})
    reads, writes = sets[0] | sets[2], sets[1]
    watches = tuple(Watch(fd, "both" if fd in reads and fd in writes else "read" if fd in reads else "write")
                    for fd in sorted(reads | writes))
    return Wait("select", watches, regs.relative(4, 1_000_000) if number == 23 else regs.relative(4))


def _epoll(number: int, regs: Regs) -> Wait:
    if number == 441:
        limit = regs.relative(3)
    else:
        timeout = regs.int32(3)
        limit = Limit(for_s=timeout / 1000) if timeout >= 0 else None
    return Wait("epoll_wait", (Watch(regs.int32(0), "read"),), limit)


def _futex(number: int, regs: Regs) -> Wait:
    operation = regs[1] & ~(FUTEX_PRIVATE | FUTEX_REALTIME) & 0xFFFFFFFF
    clock = 0 if regs[1] & FUTEX_REALTIME else 1
    match operation:
        case 0:
            limit = regs.relative(3)
        case 9 | 11 | 13:
            limit = regs.absolute(3, clock)
        case 6:
            limit = regs.absolute(3, 0)
        case _:
            return Wait("futex", unknown=f"futex operation {operation} is not understood")
    return Wait("futex", (), limit, futex=regs[0], private=bool(regs[1] & FUTEX_PRIVATE))


def _clock_nanosleep(number: int, regs: Regs) -> Wait:
    clock = regs.int32(0)
    if regs[1] & TIMER_ABSTIME:
        return Wait("clock_nanosleep", limit=regs.absolute(2, clock))
    return Wait("clock_nanosleep", limit=regs.relative(2))


def _nanosleep(number: int, regs: Regs) -> Wait:
    return Wait("nanosleep", limit=regs.relative(0))


def _wait(number: int, regs: Regs) -> Wait:
    return Wait("wait4" if number == 61 else "waitid", children=True)


def _pause(number: int, regs: Regs) -> Wait:
    return Wait(FOR_A_SIGNAL[number])


def _sigtimedwait(number: int, regs: Regs) -> Wait:
    return Wait("rt_sigtimedwait", limit=regs.relative(2))


def _flock(number: int, regs: Regs) -> Wait:
    return Wait("flock", lock_fd=regs.int32(0))


def _fcntl(number: int, regs: Regs) -> Wait:
    if regs[1] in (F_SETLKW, F_OFD_SETLKW):
        return Wait("fcntl lock", lock_fd=regs.int32(0))
    return Wait("fcntl", unknown=f"fcntl command {regs[1]} is not understood")


CALLS: dict[int, Callable[[int, Regs], Wait]] = {
    **dict.fromkeys(READS, _read), **dict.fromkeys(WRITES, _write), **dict.fromkeys(FOR_A_SIGNAL, _pause),
    **dict.fromkeys((7, 271), _poll), **dict.fromkeys((23, 270), _select), **dict.fromkeys((232, 281, 441), _epoll),
    202: _futex, 230: _clock_nanosleep, 35: _nanosleep, **dict.fromkeys((61, 247), _wait), 128: _sigtimedwait,
    73: _flock, 72: _fcntl,
}
