"""Where each thread of a process stands: its call, decoded, and everybody who could end that wait. Reads the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from chaos.runner.proof import procfs
from chaos.runner.proof.ends import World, socket_limit
from chaos.runner.proof.gil import lock_at
from chaos.runner.proof.syscalls import decode
from chaos.runner.proof.values import Limit, Member, Source, Standing, Task, Wait, Waker

SIGCHLD = 17
OF_SOCKET = " (SO_RCVTIMEO or SO_SNDTIMEO)"
"""What the name of a call gets whose limit is the socket's: a signal lets it begin anew, so it must not be asked."""
WAKES_STOPPED = 1 << 8 | 1 << 17


def stand(member: Member, world: World, since: Mapping[int, float]) -> tuple[tuple[Standing, ...], tuple[Source, ...]]:
    """Every thread of ``member``, and what wakes the process as a whole. ``since``: a moment, by thread, at which it is
    known that the present wait had not begun; a thread that is missing there gets no credit for a time limit."""
    if member.dead:
        return (), ()
    clocks = procfs.clocks()
    with procfs.Memory(member.pid) as memory:
        threads = tuple(_thread(member, task, memory, world, since.get(task.tid), clocks)
                        for task in member.tasks if task.state not in "ZX")
    living = frozenset(member.children) & world.whose.members
    of_process = tuple(world.process(member.pid))
    if member.catches(SIGCHLD) and living:
        of_process += (Source(Waker.CHILD, member.pid, member.pid, "the end of one of its children", pids=living),)
    return threads, of_process


def _thread(member: Member, task: Task, memory: procfs.Memory, world: World, since_s: float | None,
            clocks: Mapping[int, float]) -> Standing:
    pid, tid = member.pid, task.tid
    if task.state == "T":
        coming = Source(Waker.UNKNOWN, pid, tid, "SIGKILL or SIGCONT, on its way to it")
        return Standing(pid, tid, "T", "stopped", "is stopped: it needs SIGCONT",
                        (coming,) if task.signals & WAKES_STOPPED else ())
    if task.state != "S":
        why = {"R": "it runs", "D": "it waits for the disk or for memory", "t": "a debugger holds it"}
        text = why.get(task.state, f"its state is {task.state}")
        return Standing(pid, tid, task.state, "", text, (Source(Waker.UNKNOWN, pid, tid, text),))
    wait = with_socket_limit(decode(task.syscall, memory, clocks), pid)
    if wait.futex is not None and wait.limit is not None and wait.private and not task.signals:
        lock = lock_at(wait.futex, memory, {one.tid for one in member.tasks} - {tid})
        if lock is not None:
            return Standing(pid, tid, "S", wait.call, f"waits for the interpreter's lock, which thread {lock.holder} has", (),
                            lock)
    sources = list(_sources(member, tid, wait, world))
    if wait.limit is not None:
        sources.append(Source(Waker.LIMIT, pid, tid, f"its {wait.call} ends", _ends_at(wait.limit, since_s)))
    if task.signals:
        sources.append(Source(Waker.UNKNOWN, pid, tid, "a signal that is on its way to it"))
    return Standing(pid, tid, "S", wait.call, _words(wait, sources), tuple(sources))


def with_socket_limit(wait: Wait, pid: int) -> Wait:
    """A recv() without a limit may end all the same: the socket may have one of its own."""
    if not wait.on_socket:
        return wait
    try:
        limit = socket_limit(pid, wait.watches[0].fd, wait.on_socket)
    except OSError as error:
        return replace(wait, unknown=f"whether its socket has a time limit cannot be read: {error.strerror}")
    return wait if limit is None else replace(wait, limit=limit, call=wait.call + OF_SOCKET)


def _sources(member: Member, tid: int, wait: Wait, world: World) -> Iterator[Source]:
    pid = member.pid
    if wait.unknown:
        yield Source(Waker.UNKNOWN, pid, tid, wait.unknown)
    for watch in wait.watches:
        yield from world.sources(pid, tid, watch)
    if wait.futex is not None and not wait.private:
        yield from world.futex(pid, tid, wait.futex)
    if wait.lock_fd is not None:
        yield from world.file_lock(pid, tid, wait.lock_fd)
    if wait.children:
        yield Source(Waker.CHILD, pid, tid, "the end of a child", pids=frozenset(member.children) & world.whose.members)


def _ends_at(limit: Limit, since_s: float | None) -> float | None:
    """The earliest moment at which it can end; None: not known, which is now."""
    if limit.at_s is not None:
        return limit.at_s
    return None if since_s is None else since_s + limit.for_s


def _words(wait: Wait, sources: list[Source]) -> str:
    """``waits in select for descriptor 5 (pipe:[7]), its writing end held by 12, without a time limit``."""
    if wait.unknown:
        return wait.unknown
    what = [source.text for source in sources if source.waker not in (Waker.LIMIT, Waker.UNKNOWN)]
    if not what and wait.futex is not None:
        what = ["a lock, or a thread, of its own process"]
    if not what and wait.call in ("pause", "rt_sigsuspend", "rt_sigtimedwait"):
        what = ["a signal"]
    objects = " for " + "; ".join(what[:4]) if what else ""
    if wait.limit is None:
        return f"waits in {wait.call}{objects}, without a time limit"
    return f"waits in {wait.call}{objects}, for a limited time"
