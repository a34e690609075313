"""A tree that seems to stand still for good, while it is asked and looked at once more. Values and their bookkeeping."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from chaos.runner.proof import answers as said
from chaos.runner.proof.decide import Scene, Verdict
from chaos.runner.proof.known import only_waits_for_children, only_waits_for_signals
from chaos.runner.proof.scene import counters
from chaos.runner.proof.syscalls import Memory
from chaos.runner.proof.values import Member, Source, Standing, Waker

PATIENCE_S = 0.15
"""How long an answer is waited for. A process whose interpreter is blocked gives none."""
SETTLE_S = 0.02
"""How long after its answer a thread may take to be back in its wait."""
ROUNDS = 3
"""How often a loop that only looks for dead children must have gone round while everything else stood still."""
TID_IN_PTHREAD = 720
"""glibc, x86-64; what stands there is believed only where it is a thread of that process."""


@dataclass
class Candidate:
    """``answers``: those that saw the very state of ``scene``; ``shown``: every one, good for stacks only; ``verdict``: what
    is proven already, so that only stacks are still waited for; ``moved``: processes that did not stay as they were;
    ``rounds``: how often each thread had gone round before."""

    scene: Scene
    began_s: float
    asked: dict[int, float] = field(default_factory=dict)
    came_s: dict[int, float] = field(default_factory=dict)
    answers: dict[int, said.Answer] = field(default_factory=dict)
    shown: dict[int, said.Answer] = field(default_factory=dict)
    idents: dict[int, dict[int, int]] = field(default_factory=dict)
    verdict: Verdict | None = None
    moved: set[int] = field(default_factory=set)
    tries: int = 0
    rounds: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.expected = dict(counters(self.scene))

    def again(self, scene: Scene, verdict: Verdict, now_s: float) -> Candidate:
        """The same tree, proven by a second snapshot; what was answered before is kept."""
        return Candidate(scene, now_s, dict(self.asked), dict(self.came_s), dict(self.answers), dict(self.shown),
                         dict(self.idents), verdict)

    def unmoved(self) -> Scene:
        """The snapshot without those that have moved since: it claims less, and what it claims still holds."""
        return replace(self.scene, still=self.scene.still - self.moved,
                       standings=tuple(one for one in self.scene.standings if one.pid not in self.moved),
                       sources=tuple(one for one in self.scene.sources if one.pid not in self.moved))

    def take(self, answer: said.Answer, now_s: float, memory: Memory) -> None:
        """An answer came. It says what stood in the snapshot only if its thread had not moved since then."""
        pid = answer.pid
        self.came_s[pid] = now_s
        self.shown[pid] = answer
        if pid in self.scene.members:
            self.idents[pid] = tids(answer, self.scene.members[pid], memory)
        if answer.switches == counters(self.scene).get(pid):
            self.answers[pid] = answer

    def answered_by_s(self, pid: int) -> float:
        """Until when a movement of ``pid`` counts as its answer."""
        return self.came_s[pid] + SETTLE_S if pid in self.came_s else self.asked[pid] + PATIENCE_S

    def excused(self, now_s: float) -> frozenset[int]:
        """Threads that may move: main ones to answer, or, as far as they said, only to look for dead children; and those
        that wait for the interpreter's lock."""
        answering = frozenset(pid for pid in self.asked if now_s < self.answered_by_s(pid))
        return answering | self.looping() | self.scene.waiters

    def looping(self) -> frozenset[int]:
        """Main threads that go round only to look for dead children, as far as they said."""
        return frozenset(pid for pid, answer in self.answers.items()
                         if any(timer.calls == said.RESUMES and only_waits_for_children(timer.stack)
                                for hub in answer.hubs for timer in hub.timers))

    def settled_s(self) -> float:
        return max((self.answered_by_s(pid) for pid in self.asked), default=self.began_s)

    def torn(self) -> frozenset[int]:
        """Those that answered, but had moved before: what they said is of another moment."""
        return frozenset(self.came_s.keys() - self.answers.keys())

    def told(self, scene: Scene) -> Scene:
        """``scene`` with what the processes said in the place of what could only be guessed from outside."""
        hubs = {self.idents[pid][hub.ident]: hub for pid, answer in self.answers.items() for hub in answer.hubs
                if said.hub_of(answer, hub.ident) is hub and hub.ident in self.idents[pid]}
        signals = {pid for pid, answer in self.answers.items() if only_waits_for_signals(answer.stacks.get(answer.main, ()))}
        standings = tuple(
            said.with_hub(standing, hubs[standing.tid], _known_loop(scene, standing.pid),
                          frozenset(scene.members[standing.pid].children) & scene.living)
            if standing.tid in hubs else _for_signals(standing) if standing.tid in signals else standing
            for standing in scene.standings)
        alarms = tuple(Source(Waker.ALARM, pid, pid, "its alarm", answer.entered_s + answer.alarm_s)
                       for pid, answer in self.answers.items() if answer.alarm_s is not None)
        others = tuple(one for one in scene.sources if one.waker is not Waker.ALARM or one.pid not in self.answers)
        return replace(scene, standings=standings, sources=others + alarms)


def _for_signals(standing: Standing) -> Standing:
    """A wait that others could end by the descriptor that they inherited, and never will."""
    return replace(standing, sources=tuple(one for one in standing.sources if one.waker is not Waker.MEMBER))


def _known_loop(scene: Scene, pid: int) -> Callable[[tuple[str, ...]], bool]:
    """With a dead child before it, that loop is about to do something."""
    if any(scene.members[child].dead for child in scene.members[pid].children if child in scene.members):
        return lambda stack: False
    return only_waits_for_children


def tids(answer: said.Answer, member: Member, memory: Memory) -> dict[int, int]:
    """Python's name of a thread to the kernel's: the main one is known, others are looked up where glibc notes it."""
    there = {task.tid for task in member.tasks} - {answer.pid}
    found = {answer.main: answer.pid}
    for ident in answer.stacks.keys() - {answer.main}:
        try:
            tid = struct.unpack("<i", memory(ident + TID_IN_PTHREAD, 4))[0]
        except (OSError, struct.error, OverflowError):
            continue
        if tid in there:
            found[ident] = tid
    return found


def without(scene: Scene, doubtful: Collection[int]) -> Scene:
    """The snapshot as it would be if all those said that nothing is before them."""
    standings = tuple(
        replace(standing, sources=tuple(one for one in standing.sources if one.waker not in (Waker.LIMIT, Waker.MEMBER)))
        if standing.pid in doubtful and standing.pid == standing.tid else standing for standing in scene.standings)
    sources = tuple(one for one in scene.sources if one.waker is not Waker.ALARM or one.pid not in doubtful)
    return replace(scene, standings=standings, sources=sources)


def same_calls(before: Scene, after: Scene, pids: Collection[int], free: Collection[int]) -> bool:
    """Whether every thread of ``pids`` is in the call in which it was; those of ``free`` may have gone round."""
    def calls(scene: Scene) -> dict[int, tuple[str, str]]:
        return {one.tid: (one.state, one.call) for one in scene.standings if one.pid in pids and one.tid not in free}
    return calls(before) == calls(after)
