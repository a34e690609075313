"""Who holds the other end of a descriptor: what could make it ready, and whether that is somebody outside the tree.

Reads /proc of the whole machine, the kernel's list of unix sockets, and nothing else. One ``World`` is one moment: it
reads each table once, when it is first asked for. What is not understood has a source ``unknown``, never none.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from chaos.runner.proof import procfs
from chaos.runner.proof.syscalls import how
from chaos.runner.proof.values import Alarms, Limit, Source, Waker, Watch

READ, WRITE = 1, 2
DEEPEST_EPOLL = 4
SYS_PIDFD_GETFD = 438
TCP_ESTABLISHED, UNIX_ESTABLISHED, DATAGRAM = "01", 1, 2
O_ASYNC = 0o20000
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ...(.) [0-9a-f]+ (\S+) (\d+) *(.*)$", re.M)
"""A line of /proc/PID/maps: only a newline ends it, for a name may hold what Python takes for the end of a line too."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Which processes are the tree's, which only lend it something and never use it, and which is this one."""

    members: frozenset[int]
    ours: frozenset[int]
    self_pid: int


@dataclass(frozen=True, slots=True)
class Holder:
    pid: int
    fd: int


@dataclass(frozen=True, slots=True)
class UnixSocket:
    kind: int
    state: int
    peer: int


class World:
    """Everything outside that a wait may depend on, as it is now. ``whose`` is to be set before anything is asked of it."""

    def __init__(self) -> None:
        self.whose = Whose(frozenset(), frozenset(), 0)
        self.tcp: dict[int, dict[int, tuple[str, str, str, str, str]]] = {}

    # -- tables of the machine ---------------------------------------------------------------------------------------

    @cached_property
    def descriptors(self) -> dict[str, list[Holder]]:
        return _descriptors()

    @cached_property
    def unix(self) -> dict[int, UnixSocket]:
        """Every unix socket by inode, from the kernel. Empty where it does not tell: then each of them is unknown."""
        try:
            return _unix_sockets()
        except (OSError, struct.error):
            return {}

    def alarms(self) -> Alarms:
        return procfs.alarms()

    def holders(self, link: str) -> list[Holder]:
        return self.descriptors.get(link, [])

    def openers(self, dev: int, ino: int) -> list[Holder]:
        """Whoever has that file open, under whatever name."""
        return [holder for link, holders in self.descriptors.items() if link.startswith("/")
                for holder in holders if _is_file(holder, dev, ino)]

    # -- one descriptor ----------------------------------------------------------------------------------------------

    def sources(self, pid: int, tid: int, watch: Watch, depth: int = 0) -> Iterator[Source]:
        """Each way in which this descriptor of ``pid`` could become ready."""
        try:
            link = os.readlink(f"/proc/{pid}/fd/{watch.fd}")
            mode = os.stat(f"/proc/{pid}/fd/{watch.fd}").st_mode
        except OSError:
            yield Source(Waker.UNKNOWN, pid, tid, f"descriptor {watch.fd}, which is not open")
            return
        here = _Here(pid, tid, watch, link, f"descriptor {watch.fd} ({link})")
        if link.startswith("pipe:") or stat.S_ISFIFO(mode):
            yield from self._pipe(here)
        elif link.startswith("socket:"):
            yield from self._socket(here)
        elif link == "anon_inode:[eventpoll]" and depth < DEEPEST_EPOLL:
            yield from self._epoll(here, depth)
        elif link == "anon_inode:[eventfd]":
            yield from self._eventfd(here)
        elif link == "anon_inode:[timerfd]":
            yield from self._timerfd(here)
        elif link == "anon_inode:[signalfd]":
            return
        elif link == "anon_inode:[pidfd]":
            yield from self._pidfd(here)
        else:
            yield Source(Waker.OUTSIDE, pid, tid, f"{here.name}, which anybody may make ready")

    def _held(self, here: _Here, holders: list[Holder], what: str) -> Iterator[Source]:
        """``holders`` have what makes it ready: those outside are sources by name, those inside depend on their own state."""
        outside = [one for one in holders if one.pid not in self.whose.members and one.pid not in self.whose.ours
                   and one.pid != self.whose.self_pid]
        if outside:
            names = ", ".join(f"{one} ({_name(one)})" for one in sorted({holder.pid for holder in outside}))
            yield Source(Waker.OUTSIDE, here.pid, here.tid, f"{here.name}, {what} held by {names}")
        inside = frozenset(one.pid for one in holders if one.pid in self.whose.members)
        if inside:
            names = ", ".join(map(str, sorted(inside)))
            yield Source(Waker.MEMBER, here.pid, here.tid, f"{here.name}, {what} held by {names}", pids=inside)

    def _pipe(self, here: _Here) -> Iterator[Source]:
        if not here.link.startswith("pipe:"):
            yield Source(Waker.OUTSIDE, here.pid, here.tid, f"{here.name}, which has a name: anybody may open it")
            return
        everybody = self.holders(here.link)
        wanted, what = (WRITE, "its writing end") if here.watch.how == "read" else (READ, "its reading end")
        if here.watch.how in ("both", "end"):
            wanted, what = READ | WRITE, "its other end"
        mine = Holder(here.pid, here.watch.fd)
        others = [one for one in everybody if _access(one) & wanted and (one != mine or wanted != READ | WRITE)]
        if not others:
            yield Source(Waker.UNKNOWN, here.pid, here.tid, f"{here.name}, {what} not held by any process seen")
        if here.watch.how in ("write", "both") and any(one.pid == self.whose.self_pid for one in others):
            yield Source(Waker.OUTSIDE, here.pid, here.tid, f"{here.name}, which is full: chaos reads it")
        yield from self._held(here, others, what)

    def _socket(self, here: _Here) -> Iterator[Source]:
        inode = int(here.link[8:-1])
        known = self.unix.get(inode)
        if known is not None:
            yield from self._unix_socket(here, inode, known)
            return
        row = self._tcp(here.pid).get(inode)
        if row is None:
            yield Source(Waker.OUTSIDE, here.pid, here.tid, f"{here.name}: a peer on the network, or of an unknown kind")
            return
        local, remote, state = row[:3]
        name = f"descriptor {here.watch.fd} (TCP {_address(local)} to {_address(remote)})"
        peer = next((one for one, other in self._tcp(here.pid).items()
                     if one and other[0] == remote and other[1] == local), None)
        holders = self.holders(f"socket:[{peer}]") if peer else []
        if state != TCP_ESTABLISHED or not holders:
            listens = state == "0A"
            what = f"descriptor {here.watch.fd} (TCP {_address(local)}), which anybody may connect to" if listens else name
            yield Source(Waker.OUTSIDE, here.pid, here.tid, what)
            return
        ends = (row, self._tcp(here.pid)[peer or 0])
        if any(end[2] != TCP_ESTABLISHED or end[3].strip("0") != ":" or end[4] != "00" for end in ends):
            yield Source(Waker.UNKNOWN, here.pid, here.tid, f"{name}, with data or a timer of the kernel under way")
        yield from self._held(here, holders, "its peer")

    def _unix_socket(self, here: _Here, inode: int, known: UnixSocket) -> Iterator[Source]:
        peer = self.unix.get(known.peer)
        holders = self.holders(f"socket:[{known.peer}]")
        paired = peer is not None and peer.peer == inode
        if known.state != UNIX_ESTABLISHED or (known.kind == DATAGRAM and not paired):
            yield Source(Waker.OUTSIDE, here.pid, here.tid, f"{here.name}, which anybody may connect or send to")
        elif not holders:
            yield Source(Waker.UNKNOWN, here.pid, here.tid, f"{here.name}, whose peer is not held by any process seen")
        else:
            yield from self._held(here, holders, "its peer")

    def _tcp(self, pid: int) -> dict[int, tuple[str, str, str, str, str]]:
        """Inode to (local, remote, state, queues, timer) of the TCP sockets in the network of ``pid``."""
        if pid not in self.tcp:
            rows: dict[int, tuple[str, str, str, str, str]] = {}
            for name in ("tcp", "tcp6"):
                with contextlib.suppress(OSError):
                    for line in procfs.read(f"/proc/{pid}/net/{name}").decode().splitlines()[1:]:
                        words = line.split()
                        rows[int(words[9])] = (words[1], words[2], words[3], words[4], words[5].partition(":")[0])
            self.tcp[pid] = rows
        return self.tcp[pid]

    def _epoll(self, here: _Here, depth: int) -> Iterator[Source]:
        """Each watched descriptor. One whose number was closed and given to another file is still watched: unknown."""
        for fd, events, inode in _watched(here):
            try:
                same = os.stat(f"/proc/{here.pid}/fd/{fd}").st_ino == inode
            except OSError:
                same = False
            if same:
                yield from self.sources(here.pid, here.tid, Watch(fd, how(events)), depth + 1)
            else:
                yield Source(Waker.UNKNOWN, here.pid, here.tid, f"{here.name}, which watches a file that was closed")

    def _eventfd(self, here: _Here) -> Iterator[Source]:
        identity = _info(here.pid, here.watch.fd, rb"eventfd-id:\s*(\S+)")
        if identity is None:
            yield Source(Waker.UNKNOWN, here.pid, here.tid, f"{here.name}, of which the kernel does not tell the identity")
            return
        same = [one for one in self.holders(here.link)
                if _info(one.pid, one.fd, rb"eventfd-id:\s*(\S+)") == identity]
        yield from self._held(here, same, "it is")

    def _timerfd(self, here: _Here) -> Iterator[Source]:
        left = _info(here.pid, here.watch.fd, rb"it_value: \((\d+, \d+)\)")
        if left is None:
            yield Source(Waker.UNKNOWN, here.pid, here.tid, f"{here.name}, of which the kernel does not tell when")
            return
        seconds, rest = map(int, left.split(b", "))
        if seconds or rest:
            at_s = procfs.now() + seconds + rest / 1e9
            yield Source(Waker.TIME, here.pid, here.tid, f"{here.name}, a timer", at_s)

    def _pidfd(self, here: _Here) -> Iterator[Source]:
        number = _info(here.pid, here.watch.fd, rb"^Pid:\s*(-?\d+)")
        pid = int(number or b"-1")
        if pid in self.whose.members:
            yield Source(Waker.CHILD, here.pid, here.tid, f"the end of process {pid}", pids=frozenset({pid}))
        else:
            yield Source(Waker.OUTSIDE, here.pid, here.tid, f"the end of process {pid}, which is not of the tree")

    # -- other things that are waited for ----------------------------------------------------------------------------

    def file_lock(self, pid: int, tid: int, fd: int) -> Iterator[Source]:
        """A lock on a file: whoever has the file open may hold it, also under the name of a process that is dead."""
        try:
            found = os.stat(f"/proc/{pid}/fd/{fd}")
            path = os.readlink(f"/proc/{pid}/fd/{fd}")
            locks = procfs.read("/proc/locks").decode()
        except OSError:
            yield Source(Waker.UNKNOWN, pid, tid, f"the lock of descriptor {fd}, which cannot be looked at")
            return
        key = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        if not any(key in line.split() and "->" not in line.split() for line in locks.splitlines()):
            yield Source(Waker.UNKNOWN, pid, tid, f"the lock of {path}, whose holder this kernel does not know")
        here = _Here(pid, tid, Watch(fd, "lock"), path, f"the lock of {path}")
        yield from self._held(here, [one for one in self.openers(found.st_dev, found.st_ino)
                                     if one != Holder(pid, fd)], "open and")

    def futex(self, pid: int, tid: int, address: int) -> Iterator[Source]:
        """A lock in memory that other processes may share: whoever has mapped the same memory."""
        mapping = next((one for one in _maps(pid) if one[0] <= address < one[1]), None)
        if mapping is None:
            yield Source(Waker.UNKNOWN, pid, tid, f"a lock at {address:#x}, in memory that cannot be looked at")
            return
        if not mapping[2]:
            return
        holders = [Holder(other, -1) for other in _pids() if other != pid
                   and any(one[2] and one[3] == mapping[3] for one in _maps(other))]
        here = _Here(pid, tid, Watch(-1, "lock"), "", f"a lock in shared memory ({mapping[4] or 'no file'})")
        yield from self._held(here, holders, "mapped and perhaps")

    def process(self, pid: int) -> Iterator[Source]:
        """What may wake a process whatever its threads do: timers of its own, signals of a descriptor, io_uring."""
        try:
            wall = [clock for clock in procfs.posix_timers(pid) if clock in (0, 1, 7, 8, 9, 11)]
        except OSError:
            wall = [0]
        if wall:
            yield Source(Waker.UNKNOWN, pid, pid, "a POSIX timer")
        for fd, link in _links(pid):
            if "io_uring" in link:
                yield Source(Waker.UNKNOWN, pid, pid, f"descriptor {fd} (io_uring)")
            flags = _info(pid, fd, rb"^flags:\s*(\d+)")
            if flags is None or int(flags, 8) & O_ASYNC:
                yield Source(Waker.UNKNOWN, pid, pid, f"descriptor {fd} ({link}), which may send it a signal")


class Unheld(World):
    """One in which nobody can make anything ready from outside, and no alarm is armed: what is not proven here is not proven
    in the real one.

    Asked first, for to see who holds what means a walk over every descriptor of the machine, 5 to 15 ms of work, and most
    trees that stand still wait for a time limit of their own.
    """

    def alarms(self) -> Alarms:
        return frozenset()

    def sources(self, pid: int, tid: int, watch: Watch, depth: int = 0) -> Iterator[Source]:
        yield from ()

    def file_lock(self, pid: int, tid: int, fd: int) -> Iterator[Source]:
        yield from ()

    def futex(self, pid: int, tid: int, address: int) -> Iterator[Source]:
        yield from ()

    def process(self, pid: int) -> Iterator[Source]:
        yield from ()


@dataclass(frozen=True, slots=True)
class _Here:
    """The descriptor that is looked at, and how it is called in a sentence."""

    pid: int
    tid: int
    watch: Watch
    link: str
    name: str


def socket_limit(pid: int, fd: int, direction: str) -> Limit | None:
    """SO_RCVTIMEO or SO_SNDTIMEO of a socket of ``pid``, read through a copy of the descriptor. OSError: unknown."""
    if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
        return None
    copy = _copy(pid, fd)
    try:
        with socket.socket(fileno=os.dup(copy)) as stolen:
            option = socket.SO_RCVTIMEO if direction == "receive" else socket.SO_SNDTIMEO
            seconds, rest = struct.unpack("<qq", stolen.getsockopt(socket.SOL_SOCKET, option, 16))
    finally:
        os.close(copy)
    return Limit(for_s=seconds + rest / 1e6) if seconds or rest else None


def _descriptors() -> dict[str, list[Holder]]:
    """What each link in /proc/PID/fd says to who has it: one walk over all processes."""
    found: dict[str, list[Holder]] = {}
    for pid in _pids():
        for fd, link in _links(pid):
            found.setdefault(link, []).append(Holder(pid, fd))
    return found


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _links(pid: int) -> Iterator[tuple[int, str]]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError):
            yield int(name), os.readlink(f"/proc/{pid}/fd/{name}")


def _is_file(holder: Holder, dev: int, ino: int) -> bool:
    try:
        found = os.stat(f"/proc/{holder.pid}/fd/{holder.fd}")
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (dev, ino)


def _info(pid: int, fd: int, pattern: bytes) -> bytes | None:
    try:
        found = re.search(pattern, procfs.read(f"/proc/{pid}/fdinfo/{fd}"), re.M)
    except OSError:
        return None
    return found[1] if found else None


def _access(holder: Holder) -> int:
    """Which ends of a pipe it has: one that is gone meanwhile has none; one that cannot be read counts as both."""
    flags = _info(holder.pid, holder.fd, rb"^flags:\s*(\d+)")
    if flags is None:
        return READ | WRITE if os.path.exists(f"/proc/{holder.pid}/fd") else 0
    return {0: READ, 1: WRITE}.get(int(flags, 8) & 3, READ | WRITE)


def _watched(here: _Here) -> list[tuple[int, int, int]]:
    """(descriptor, events, inode) of each file that an epoll descriptor watches."""
    text = procfs.read(f"/proc/{here.pid}/fdinfo/{here.watch.fd}").decode()
    rows = re.findall(r"^tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)\s.*?ino:([0-9a-f]+)", text, re.M)
    return [(int(fd), int(events, 16), int(inode, 16)) for fd, events, inode in rows]


def _maps(pid: int) -> Iterator[tuple[int, int, bool, tuple[str, str], str]]:
    """(from, to, shared, (device, inode), name) of each mapping."""
    try:
        text = procfs.read(f"/proc/{pid}/maps").decode("utf-8", "replace")
    except OSError:
        return
    for found in _MAPPING.finditer(text):
        begin, end, shared, dev, ino, name = found.groups()
        yield int(begin, 16), int(end, 16), shared == "s", (dev, ino), name


def _name(pid: int) -> str:
    try:
        return procfs.read(f"/proc/{pid}/comm").decode("utf-8", "replace").strip()
    except OSError:
        return "gone"


def _address(text: str) -> str:
    """``0100007F:1F90`` as 127.0.0.1:8080; six-byte addresses stay as the kernel writes them."""
    host, _, port = text.partition(":")
    if len(host) == 8:
        host = socket.inet_ntoa(struct.pack("<I", int(host, 16)))
    return f"{host}:{int(port, 16)}"


def _copy(pid: int, fd: int) -> int:
    process = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copy = int(libc.syscall(SYS_PIDFD_GETFD, process, fd, 0))
    finally:
        os.close(process)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd failed")
    return copy


def _unix_sockets() -> dict[int, UnixSocket]:
    """All unix sockets of this network namespace, by NETLINK_SOCK_DIAG with their peers."""
    found: dict[int, UnixSocket] = {}
    request = struct.pack("<BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, 4, 0xFFFFFFFF, 0xFFFFFFFF)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 4) as kernel:
        kernel.settimeout(0.5)
        kernel.send(struct.pack("<IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
        while True:
            data = kernel.recv(1 << 20)
            while len(data) >= 16:
                length, kind = struct.unpack_from("<IH", data)
                if kind == 3:
                    return found
                if kind == 2 or length < 32:
                    raise OSError("the kernel refuses to list its unix sockets")
                inode, one = _unix_socket(data[16:length])
                found[inode] = one
                data = data[length + 3 & ~3:]


def _unix_socket(message: bytes) -> tuple[int, UnixSocket]:
    _, kind, state, _, inode = struct.unpack_from("<BBBBI", message)
    peer, rest = 0, message[16:]
    while len(rest) >= 4:
        length, attribute = struct.unpack_from("<HH", rest)
        if attribute == 2:
            peer = struct.unpack_from("<I", rest, 4)[0]
        rest = rest[max(4, length + 3 & ~3):]
    return inode, UnixSocket(kind, state, peer)
