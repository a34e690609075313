"""Look at a tree again and again until it is proven that it cannot go on. Asks by a function that is given; never waits.

One look in which nothing may happen by itself is a proof. Two are asked for, a while apart, so that a mistake in reading
would have to be made twice; in between the processes are asked where they stand, because stacks make a proof readable,
and because two things cannot be seen from outside: the timers of an eventlet hub, and whose an alarm is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from chaos.model import Proof
from chaos.runner.proof import answers as said
from chaos.runner.proof import procfs
from chaos.runner.proof.candidate import ROUNDS, Candidate, same_calls, without
from chaos.runner.proof.decide import Scene, Verdict, decide, dormant_in, is_own
from chaos.runner.proof.known import has_lost_its_supervisor, is_master
from chaos.runner.proof.possible import Habit, describe
from chaos.runner.proof.scene import Camera
from chaos.runner.proof.standing import OF_SOCKET, with_socket_limit
from chaos.runner.proof.syscalls import decode
from chaos.runner.proof.values import Kind, Member, Source, Task, Waker
from chaos.runner.proof.words import role_text, text_of

STATE_SIGNAL = 60
"""See inside/_chaos_agent.py."""
AGAIN_AFTER_S = 0.05
ASKED_S = (0.1, 2.0)
"""How soon one process is asked again, doubling: whoever is asked often is disturbed."""
BELIEVED_S = (0.5, 16.0)
"""How long it is believed, doubling, that a process has no hub, or is no master: it may have been asked on its way up."""
FIRST_PAUSE_S, LOOK_AGAIN_S = 0.02, 0.5
"""Where nothing moves and nothing is proven: how soon that is looked at again, doubling. A tree with a loop in it stands
still only between two rounds, and who is outside may go away."""
DESCRIBE_BEFORE_S = 0.7
"""So long before the deadline everybody is asked where they stand, for what is said when it passes."""
MOST_TRIES = 12
"""A tree with a loop in it stands still only between two rounds: how many looks may miss that moment."""
TORN_TRIES = 8
NEVER_ASK_IN = ("pause", "rt_sigsuspend", "rt_sigtimedwait", "write", "writev", "pwrite64", "sendto", "sendmsg", "recvmsg")
"""A signal ends these for good, or with a part of what was to be written: asking would be what the process waits for."""
HUB_WAITS_IN = ("clock_nanosleep", "nanosleep", "select", "poll", "epoll_wait")


class Pauses:
    """A pause for each process, from ``first_s`` doubling to ``last_s`` each time that it begins anew."""

    def __init__(self, first_s: float, last_s: float) -> None:
        self.first_s, self.last_s = first_s, last_s
        self.span_s: dict[int, float] = {}
        self.until_s: dict[int, float] = {}

    def begin(self, pid: int) -> None:
        self.span_s[pid] = min(self.last_s, 2 * self.span_s[pid]) if pid in self.span_s else self.first_s
        self.until_s[pid] = procfs.now() + self.span_s[pid]

    def end(self, pid: int) -> None:
        self.until_s.pop(pid, None)

    def lasting(self) -> set[int]:
        """Of whom it lasts."""
        now_s = procfs.now()
        return {pid for pid, until_s in self.until_s.items() if now_s < until_s}


class Prover:
    """One per run. ``folder``: where the processes write their answers; ``ask``: sends STATE_SIGNAL to a process;
    ``began_s``: the moment of CLOCK_MONOTONIC from which ``now_s`` and ``until_s`` are counted; ``above``: the process of
    which the tree is below (this one); ``ours``: processes below it that are not of the tree."""

    def __init__(self, folder: Path, ask: Callable[[int], None], began_s: float = 0.0, *,
                 above: int | None = None, ours: frozenset[int] = frozenset()) -> None:
        self.folder = folder
        self.ask = ask
        self.began_s = began_s
        self.camera = Camera(os.getpid() if above is None else above, ours)
        self.candidate: Candidate | None = None
        self.look_again_s = 0.0
        self.pause_s = 0.0
        self.unproven: frozenset[tuple[int, int]] = frozenset()
        self.asked = Pauses(*ASKED_S)
        self.torn: dict[int, int] = {}
        self.without_hub = Pauses(*BELIEVED_S)
        self.no_master = Pauses(*BELIEVED_S)
        self.scene: Scene | None = None
        self.roles: dict[int, str] = {}
        self.before: dict[int, tuple[float, float, int]] = {}
        self.described: list[int] = []
        self.told: dict[int, said.Answer] = {}

    # -- one look ----------------------------------------------------------------------------------------------------

    def look(self, roles: Mapping[int, str], owes: Collection[str], until_s: float) -> Proof | None:
        """Look at the processes ``roles`` (pid to role, "" where that is not known). ``owes``: the roles that have a
        milestone before them; ``until_s``: the deadline. A proof, or None: it may go on, or it cannot be told."""
        deadline_s = self.began_s + until_s
        self.roles = dict(roles)
        members, moved = self.camera.glance(roles)
        candidate, now_s = self.candidate, procfs.now()
        if candidate is None and not self.before and now_s > deadline_s - DESCRIBE_BEFORE_S:
            self._prepare_to_describe(members)
        if candidate is not None:
            self._take_answers(candidate)
            moved -= candidate.excused(now_s)
        moved -= self.camera.beating()
        living = [pid for pid, member in members.items() if not member.dead]
        still = [pid for pid in living if moved.isdisjoint(task.tid for task in members[pid].tasks)]
        if not still or (len(still) < len(living) and not any(roles.get(pid, "") in {*owes, "parent"} for pid in still)):
            self.candidate = None
            return None
        switches = {task.tid: task.switches for pid in still for task in members[pid].tasks}
        if candidate is None:
            self._consider(switches, roles, owes, deadline_s)
            return None
        for tid in candidate.excused(now_s) & switches.keys():
            candidate.expected[tid] = switches[tid]
        candidate.moved |= {pid for pid in candidate.scene.still if any(
            switches.get(task.tid) != candidate.expected[task.tid] for task in candidate.scene.members[pid].tasks)}
        if candidate.verdict is not None:
            return self._finish(candidate, roles, owes, deadline_s)
        return self._conclude(candidate, roles, owes, deadline_s)

    def _consider(self, switches: dict[int, int], roles: Mapping[int, str], owes: Collection[str], until_s: float) -> None:
        """Something stands still: take the atomic snapshot, see what is proven by it, and ask for what is missing."""
        now_s = procfs.now()
        key = frozenset(switches.items() - {(tid, switches.get(tid)) for tid in self.camera.beating()})
        if key == self.unproven and now_s < self.look_again_s:
            return
        longest_s = LOOK_AGAIN_S if len(roles) == len(self.scene.still if self.scene else ()) else LOOK_AGAIN_S / 5
        self.pause_s = min(longest_s, 2 * self.pause_s) if key == self.unproven else FIRST_PAUSE_S
        self.unproven, self.look_again_s = key, now_s + self.pause_s
        scene = self.camera.take_unheld()
        if scene is None:
            return
        self.scene = scene
        if decide(scene, until_s, roles, owes) is None and not self._could_tell(scene, until_s, roles, owes):
            return
        scene = self.camera.take()
        if scene is None:
            return
        self.scene = scene
        candidate = Candidate(scene, now_s, rounds=dict(self.camera.rounds))
        if decide(scene, until_s, roles, owes) is None:
            self._ask(candidate, self._could_tell(scene, until_s, roles, owes))
            if not candidate.asked:
                return
        self.candidate = candidate

    # -- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, candidate: Candidate, pids: Iterable[int]) -> None:
        """Ask each Python of ``pids`` where it stands; by a signal, which a wait survives, but for a few."""
        calls = {standing.tid: standing.call for standing in candidate.scene.standings}
        for pid in set(pids) - self.asked.lasting():
            main = next((task for task in candidate.scene.members[pid].tasks if task.tid == pid), None)
            if main is None or not _hears(main, calls.get(pid, "")):
                continue
            self.asked.begin(pid)
            if self._ask_one(pid):
                candidate.asked[pid] = procfs.now()

    def _ask_one(self, pid: int) -> bool:
        """Whether it could be asked: it may be gone, or have become another user's."""
        try:
            self._answer_file(pid).unlink(missing_ok=True)
            self.ask(pid)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _could_tell(self, scene: Scene, until_s: float, roles: Mapping[int, str],
                    owes: Collection[str]) -> list[int]:
        """The processes whose answers may complete a proof: a limit that may be an eventlet hub's own, an alarm
        that may be somebody else's, a parent that may only wait for signals, or have lost the thread that starts workers."""
        of_hubs = {one.tid for one in scene.standings if one.call in HUB_WAITS_IN} - self.without_hub.lasting()
        doubtful = {source.pid for source in scene.all_sources() if _is_doubtful(source, of_hubs, until_s, roles)}
        hoped = decide(without(scene, doubtful), until_s, roles, owes)
        if hoped is not None:
            return sorted(doubtful & hoped.rests_on)
        if _missing(scene, roles, owes):
            return [pid for pid in scene.still - self.no_master.lasting() if roles.get(pid) == "parent"]
        return []

    def _answer_file(self, pid: int) -> Path:
        return self.folder / f"state.{pid}"

    def _take_answers(self, candidate: Candidate) -> None:
        for pid in candidate.asked.keys() - candidate.came_s.keys():
            with contextlib.suppress(OSError), procfs.Memory(pid) as memory:
                text = self._answer_file(pid).read_text(encoding="utf-8", errors="replace")
                answer = said.parse(pid, text)
                if answer is None:
                    continue
                candidate.take(answer, procfs.now(), memory)
                if pid in candidate.answers and said.hub_of(answer, answer.main) is None:
                    self.without_hub.begin(pid)
                if pid in candidate.answers and not is_master(answer.main, answer.stacks):
                    self.no_master.begin(pid)
                if pid in candidate.torn() and self.torn.get(pid, 0) < TORN_TRIES:
                    self.torn[pid] = self.torn.get(pid, 0) + 1
                    self.asked.end(pid)

    # -- concluding --------------------------------------------------------------------------------------------------

    def _conclude(self, candidate: Candidate, roles: Mapping[int, str], owes: Collection[str],
                  until_s: float) -> Proof | None:
        """Everything is as it was, and it was asked: a second snapshot must prove the same."""
        if procfs.now() < candidate.settled_s() + AGAIN_AFTER_S:
            return None
        lost = self._lost_role(candidate, roles, owes, until_s)
        if lost is not None:
            return lost
        first = decide(candidate.told(candidate.unmoved()), until_s, roles, owes)
        if first is None:
            self.candidate = None
            return None
        looping = candidate.looping()
        if any(self.camera.rounds.get(tid, 0) < candidate.rounds.get(tid, 0) + ROUNDS for tid in looping):
            return None
        candidate.tries += 1
        scene = self.camera.take()
        if scene is None or not looping <= scene.still:
            self.candidate = None if candidate.tries > MOST_TRIES else candidate
            return None
        second = decide(candidate.told(scene), until_s, roles, owes)
        if second is None or not _agree(first, second) or not same_calls(candidate.scene, scene, first.rests_on, looping):
            self.candidate = None
            return None
        self.candidate = candidate.again(scene, second, procfs.now())
        self._ask(self.candidate, (second.pids | second.rests_on) - candidate.asked.keys())
        return None

    def _finish(self, candidate: Candidate, roles: Mapping[int, str], owes: Collection[str], until_s: float) -> Proof | None:
        """It is proven, and stacks were asked for. Answers that saw that very state may prove more than was seen outside."""
        told = candidate.told(candidate.scene)
        verdict = decide(told, until_s, roles, owes)
        if verdict is not None and not candidate.moved & verdict.rests_on \
                and procfs.now() < candidate.settled_s() and candidate.came_s.keys() != candidate.asked.keys():
            return None
        if verdict is None or candidate.moved & verdict.rests_on:
            self.candidate = None
            return None
        return self._proof(candidate, told, verdict, roles, until_s)

    def _proof(self, candidate: Candidate, scene: Scene, verdict: Verdict, roles: Mapping[int, str],
               until_s: float) -> Proof:
        ident_of = {tid: ident for names in candidate.idents.values() for ident, tid in names.items()}
        text = text_of(scene, verdict, roles, candidate.shown, until_s, ident_of)
        not_before = None if verdict.not_before_s is None else round(verdict.not_before_s - self.began_s, 3)
        return Proof(verdict.kind.value, round(procfs.now() - self.began_s, 4), text, not_before_s=not_before)

    def _lost_role(self, candidate: Candidate, roles: Mapping[int, str], owes: Collection[str],
                   until_s: float) -> Proof | None:
        """A parent that has no thread any more to start workers, nor any that may end it, and a worker that is not there."""
        missing = _missing(candidate.scene, roles, owes)
        quiet = dormant_in(candidate.told(candidate.unmoved()), until_s) if missing else frozenset()
        for pid, answer in candidate.answers.items():
            if pid in quiet and roles.get(pid) == "parent" and has_lost_its_supervisor(answer.main, answer.stacks):
                text = role_text(pid, missing, answer.stacks[answer.main])
                return Proof(Kind.ROLE.value, round(procfs.now() - self.began_s, 4), text)
        return None

    def still_possible(self) -> tuple[str, ...]:
        """What can still happen, line by line, where nothing is proven: for the report of a deadline that passed."""
        for pid in self.described:
            with contextlib.suppress(OSError):
                answer = said.parse(pid, self._answer_file(pid).read_text(encoding="utf-8", errors="replace"))
                if answer is not None:
                    self.told[pid] = answer
        standings, sources = self.camera.everybody()
        now_s = procfs.now()
        habits = {}
        for one in standings:
            at_s, cpu_s, switches = self.before.get(one.tid, (now_s, 0.0, 0))
            span_s = max(now_s - at_s, 0.001)
            known = one.tid in self.before and span_s > 0.1
            habits[one.tid] = Habit(
                tuple(self.camera.woke_s.get(one.tid, ())),
                (procfs.cpu_s(one.pid, one.tid) - cpu_s) / span_s if known else 0.0,
                (self.camera.last.get(one.tid, switches) - switches) / span_s if known else 0.0)
        return describe(standings, sources, habits, self.told, self.roles, now_s)

    def _prepare_to_describe(self, members: Mapping[int, Member]) -> None:
        """Shortly before the deadline: note what everybody used so far, and ask each Python once where it stands."""
        now_s = procfs.now()
        for pid, member in members.items():
            for task in member.tasks:
                self.before[task.tid] = (now_s, procfs.cpu_s(pid, task.tid), task.switches)
            main = next((task for task in member.tasks if task.tid == pid), None)
            call = with_socket_limit(decode(procfs.syscall(pid, pid), _unread, {}), pid).call
            if main is not None and _hears(main, call):
                if self._ask_one(pid):
                    self.described.append(pid)


def _is_doubtful(source: Source, of_hubs: Collection[int], until_s: float, roles: Mapping[int, str]) -> bool:
    """Whether the process could tell that this source is none."""
    if source.waker is Waker.ALARM:
        return is_own(source, until_s)
    if source.waker is Waker.MEMBER:
        return source.pid == source.tid and roles.get(source.pid) == "parent"
    return source.waker is Waker.LIMIT and source.tid in of_hubs and source.pid == source.tid and is_own(source, until_s)


def _hears(main: Task, call: str) -> bool:
    """Whether that thread can be asked: it rests, has our handler, and is in a call that goes on after a signal."""
    takes = main.caught >> (STATE_SIGNAL - 1) & 1 and not main.blocked >> (STATE_SIGNAL - 1) & 1
    return bool(takes) and main.state == "S" and call not in NEVER_ASK_IN and not call.endswith(OF_SOCKET)


def _unread(address: int, length: int) -> bytes:
    raise OSError("not needed for the name of a call")


def _agree(first: Verdict, second: Verdict) -> bool:
    """Whether they prove the same: that a stranger's alarm, beyond the deadline, came or went makes no difference."""
    kinds = {Kind.TREE: Kind.LATE}
    return first.pids == second.pids and kinds.get(first.kind, first.kind) is kinds.get(second.kind, second.kind)


def _missing(scene: Scene, roles: Mapping[int, str], owes: Collection[str]) -> list[str]:
    """Workers that owe a milestone and are not there. None can be named while there is a process of which nobody knows
    what it is."""
    there = {roles.get(pid, "") for pid in scene.living}
    return [] if "" in there else sorted(role for role in owes if role.startswith("worker.") and role not in there)
