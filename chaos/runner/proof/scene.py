"""Take one atomic snapshot of a tree, with everybody who could wake anybody in it. Reads /proc; decides nothing."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from chaos.runner.proof import procfs
from chaos.runner.proof.decide import Scene
from chaos.runner.proof.ends import Unheld, Whose, World
from chaos.runner.proof.gil import is_as_before
from chaos.runner.proof.standing import stand
from chaos.runner.proof.values import Alarms, Lock, Member, Source, Standing, Task, Waker

PASSES = 4
BEATS = 2

class Camera:
    """Looks at the tree below ``above``, without the processes ``ours``."""

    def __init__(self, above: int, ours: frozenset[int]) -> None:
        self.above = above
        self.ours = ours
        self.foreign: Alarms = procfs.alarms()
        """Alarms that are not of the tree: they were there before it, or came while it rested. None: it cannot be told."""
        self.rested: tuple[Mapping[int, int], frozenset[tuple[str, float]]] | None = None
        """The counters of the last snapshot, if all of the tree stood still in it, and what alarms there were."""
        self.at_s = procfs.now()
        self.last: dict[int, int] = {}
        self.calls: dict[int, tuple[str, float]] = {}
        self.since: dict[int, float] = {}
        self.rounds: dict[int, int] = {}
        self.woke_s: dict[int, deque[float]] = {}
        self.beats: dict[int, int] = {}
        self.moved: frozenset[int] = frozenset()
        self.known: frozenset[int] = frozenset()
        """Who lived at the last glance."""

    def glance(self, pids: Iterable[int]) -> tuple[dict[int, Member], frozenset[int]]:
        """Everybody's counters, and the threads that moved since the last glance or are about to."""
        self.at_s = procfs.now()
        members: dict[int, Member] = {}
        moved: set[int] = set()
        seen: dict[int, int] = {}
        for pid in pids:
            member = procfs.glance(pid)
            if member is None:
                continue
            members[pid] = member
            for task in member.tasks:
                seen[task.tid] = task.switches
                if self.last.get(task.tid) != task.switches:
                    moved.add(task.tid)
                    self._note_call(pid, task.tid)
                elif task.state not in "SZXT":
                    moved.add(task.tid)
        for tid in self.last.keys() - seen.keys():
            for table in (self.calls, self.since, self.rounds, self.woke_s, self.beats):
                table.pop(tid, None)
        for tid in moved - self.moved:
            self.woke_s.setdefault(tid, deque(maxlen=16)).append(self.at_s)
        self.last, self.moved = seen, frozenset(moved)
        self.known = frozenset(pid for pid, member in members.items() if not member.dead)
        return members, self.moved

    def _note_call(self, pid: int, tid: int) -> None:
        """Since when a thread can be in its present call at the earliest, which is all that a relative time limit tells.

        A thread may leave the processor more than once within one call. So a call counts as new only when a different
        one was seen before it; until then it may have begun when the thread did.
        """
        self.rounds[tid] = self.rounds.get(tid, 0) + 1
        if tid not in self.last:
            started_s = procfs.started_s(pid, tid)
            if started_s is not None:
                self.since[tid] = started_s
        call = procfs.syscall(pid, tid)
        if call == "running":
            return
        known = self.calls.get(tid)
        again = known is not None and call.split()[:3] == known[0].split()[:3] and call.startswith("202 ")
        self.beats[tid] = self.beats.get(tid, 0) + 1 if again else 0
        if known is not None and known[0] != call:
            self.since[tid] = known[1]
        self.calls[tid] = (call, self.at_s)

    def beating(self) -> frozenset[int]:
        """Threads that were seen in one and the same wait for a lock again and again: perhaps for the interpreter's."""
        return frozenset(tid for tid, beats in self.beats.items() if beats >= BEATS)

    def take(self) -> Scene | None:
        """The snapshot: opening pass, what everybody waits for, closing pass. None when anybody came or went meanwhile.

        A tree with a loop in it stands still only between two rounds, so the passes are made again where one process moved.
        Who holds what is not read again then: that takes longer than some loops sleep. What changed hands meanwhile is seen
        by the second snapshot, without which there is no proof.
        """
        return self._taken(World(), self._with_alarms)

    def take_unheld(self) -> Scene | None:
        """The same as if nobody outside could wake anybody, and no alarm either: no proof can be drawn from this, but it can
        say that there is none, for a tenth of the work."""
        return self._taken(Unheld(), lambda scene, armed: scene)

    def _taken(self, world: World, completed: Callable[[Scene, Alarms], Scene]) -> Scene | None:
        scene = None
        try:
            for _ in range(PASSES):
                scene = self._pass(world, completed)
                if scene is None or scene.still == scene.living:
                    break
        except OSError:     # a process went away while it was read: somebody moved, and nothing is proven
            return None
        return scene

    def _pass(self, world: World, completed: Callable[[Scene, Alarms], Scene]) -> Scene | None:
        opening = procfs.tree(self.above, self.ours, first=True)
        at_s = procfs.now()
        world.whose = Whose(frozenset(opening), self.ours, os.getpid())
        resting = [pid for pid, member in opening.items()
                   if not member.dead and all(_rests(task.state, task.syscall) for task in member.tasks)]
        stood = {pid: stand(opening[pid], world, self.since) for pid in resting}
        armed = world.alarms()
        closing = procfs.tree(self.above, self.ours, first=False)
        if set(opening) != set(closing) or not self.known - self.ours <= set(opening):  # the kernel may leave one out
            return None
        locks = {pid: {one.tid: one.lock for one in stood[pid][0] if one.lock is not None} for pid in resting}
        still = frozenset(pid for pid in resting if _is_same(opening[pid], closing[pid], locks[pid]))
        standings = tuple(standing for pid in still for standing in stood[pid][0])
        sources = tuple(source for pid in still for source in stood[pid][1])
        waiters = frozenset(tid for pid in still for tid in locks[pid])
        return completed(Scene(at_s, opening, still, standings, sources, waiters), armed)

    def _with_alarms(self, scene: Scene, armed: Alarms) -> Scene:
        self._know_strangers(scene, armed)
        return replace(scene, sources=scene.sources + self._alarms(scene.still, armed))

    def _know_strangers(self, scene: Scene, armed: Alarms) -> None:
        """Who has not run has armed nothing: what came between two snapshots of one stillness is an alarm of others."""
        if armed is None or self.foreign is None or scene.still != scene.living:
            self.rested = None
            return
        switches = counters(scene)
        if self.rested is not None and self.rested[0] == switches:
            self.foreign |= armed - self.rested[1]
        self.rested = switches, armed

    def everybody(self) -> tuple[list[Standing], list[Source]]:
        """Where every thread stands, one after the other: no proof can be drawn from this."""
        world = World()
        members = procfs.tree(self.above, self.ours, first=True)
        world.whose = Whose(frozenset(members), self.ours, os.getpid())
        standings: list[Standing] = []
        sources: list[Source] = []
        for member in members.values():
            with contextlib.suppress(OSError):      # it is gone: it does nothing any more
                threads, of_process = stand(member, world, self.since)
                standings += threads
                sources += of_process
        alive = [pid for pid, member in members.items() if not member.dead]
        return standings, [*sources, *self._alarms(alive, procfs.alarms())]

    def _alarms(self, pids: Iterable[int], armed: Alarms) -> tuple[Source, ...]:
        """SIGALRM under way to any of ``pids``. The kernel does not tell whose an alarm is: a new one may be each's."""
        if armed is None or self.foreign is None:
            return tuple(Source(Waker.ALARM, pid, pid, "an alarm, if it has one") for pid in pids)
        new = sorted(at_s for _, at_s in armed - self.foreign)
        return tuple(Source(Waker.ALARM, pid, pid, "an alarm that may be its own", new[0]) for pid in pids if new)


def _is_same(before: Member, after: Member, locks: Mapping[int, Lock]) -> bool:
    """Whether no thread moved. Those that wait for an interpreter's lock go round, and cannot leave that round while its
    holder stands still and the lock has not changed hands."""
    if not locks:
        return before == after
    with procfs.Memory(before.pid) as memory:
        held = all(lock.holder not in locks and is_as_before(lock, memory) for lock in locks.values())

    def others(member: Member) -> list[Task | int]:
        return [one.tid if one.tid in locks and not one.signals else one for one in member.tasks]
    return held and before.children == after.children and others(before) == others(after)


def counters(scene: Scene) -> Mapping[int, int]:
    """Thread to counter, of all that stood still."""
    return {task.tid: task.switches for pid in scene.still for task in scene.members[pid].tasks}


def _rests(state: str, syscall: str) -> bool:
    return state in "ZXT" or (state == "S" and syscall != "running")
