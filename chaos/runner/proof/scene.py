"""Take one atomic snapshot of a tree, with everybody who could wake anybody in it. Reads /proc; decides nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from chaos.runner.proof import procfs
from chaos.runner.proof.decide import Scene
from chaos.runner.proof.ends import Whose, World
from chaos.runner.proof.standing import stand
from chaos.runner.proof.values import Member, Source, Waker

Alarms = frozenset[tuple[str, float]] | None


class Camera:
    """Looks at the tree below ``above``, without the processes ``ours``. ``before``: alarms that were armed before that."""

    def __init__(self, above: int, ours: frozenset[int]) -> None:
        self.above = above
        self.ours = ours
        self.before: Alarms = procfs.alarms()
        self.at_s = procfs.now()
        self.last: dict[int, int] = {}
        self.calls: dict[int, tuple[str, float]] = {}
        self.since: dict[int, float] = {}
        self.rounds: dict[int, int] = {}

    def glance(self, pids: Iterable[int]) -> tuple[dict[int, Member], frozenset[int]]:
        """Everybody's counters, and the threads that moved since the last glance or are about to."""
        before_s, self.at_s = self.at_s, procfs.now()
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
                    self._note_call(pid, task.tid, before_s)
                elif task.state not in "SZXT":
                    moved.add(task.tid)
        for tid in self.last.keys() - seen.keys():
            for table in (self.calls, self.since, self.rounds):
                table.pop(tid, None)
        self.last = seen
        return members, frozenset(moved)

    def _note_call(self, pid: int, tid: int, before_s: float) -> None:
        """Since when a thread can be in its present call at the earliest, which is all that a relative time limit tells.

        A thread may leave the processor more than once within one call. So a call counts as new only when a different
        one was seen before it, or the thread was not there at the last glance.
        """
        self.rounds[tid] = self.rounds.get(tid, 0) + 1
        if tid not in self.last:
            self.since[tid] = before_s
        call = procfs.syscall(pid, tid)
        if call == "running":
            return
        known = self.calls.get(tid)
        if known is not None and known[0] != call:
            self.since[tid] = known[1]
        self.calls[tid] = (call, self.at_s)

    def take(self) -> Scene | None:
        """The snapshot: opening pass, what everybody waits for, closing pass. None when anybody came or went meanwhile."""
        opening = procfs.tree(self.above, self.ours, first=True)
        at_s = procfs.now()
        world = World(Whose(frozenset(opening), self.ours, os.getpid()))
        resting = [pid for pid, member in opening.items()
                   if not member.dead and all(_rests(task.state, task.syscall) for task in member.tasks)]
        stood = {pid: stand(opening[pid], world, self.since) for pid in resting}
        alarms = self._alarms(resting)
        closing = procfs.tree(self.above, self.ours, first=False)
        if set(opening) != set(closing):
            return None
        still = frozenset(pid for pid in resting if closing[pid] == opening[pid])
        standings = tuple(standing for pid in still for standing in stood[pid][0])
        sources = tuple(source for pid in still for source in stood[pid][1])
        return Scene(at_s, opening, still, standings, sources + alarms)

    def _alarms(self, pids: Iterable[int]) -> tuple[Source, ...]:
        """SIGALRM under way to any of ``pids``. The kernel does not tell whose an alarm is: a new one may be each's."""
        armed = procfs.alarms()
        if armed is None or self.before is None:
            return tuple(Source(Waker.ALARM, pid, pid, "an alarm, if it has one") for pid in pids)
        new = sorted(at_s for _, at_s in armed - self.before)
        return tuple(Source(Waker.ALARM, pid, pid, "an alarm that may be its own", new[0]) for pid in pids if new)


def counters(scene: Scene) -> Mapping[int, int]:
    """Thread to counter, of all that stood still."""
    return {task.tid: task.switches for pid in scene.still for task in scene.members[pid].tasks}


def _rests(state: str, syscall: str) -> bool:
    return state in "ZXT" or (state == "S" and syscall != "running")
