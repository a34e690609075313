"""What was seen of one run so far: records of the agent, notices, processes. Collects; decides nothing, sends nothing."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chaos.model import (
    Ending,
    Exited,
    Fault,
    Firing,
    Hit,
    Killed,
    Milestone,
    Notice,
    Peak,
    Phase,
    Process,
    SentSignal,
    Sign,
)
from chaos.runner import tree, wire

MOST_PROCESSES = 400
"""Above that one that is gone makes room for a new one."""
MOST_FIRINGS, MOST_FIRINGS_IN_ALL, FEW_FIRINGS = 200, 1000, 3
"""Of one fault in one process, of all together, and so many that each process keeps where all are too many. A persistent
fault in a loop that polls fires for ever: what it did is known long before, but only the last shows that it still does."""
MOST_NOTICES = 1000
MOST_TAKEN = 1000
CPU_WINDOW_S = 1.2
STILL_STARTS_S = 1.0
"""What a launcher starts behind its own back (a thread of gunicorn's) may come so long after its signs of readiness: to be
measured before is to be measured too small, and whoever never starts it would not be found."""
IDLE_S = 0.15
"""A tree that has used next to no processor for so long waits for something: another case may run meanwhile."""
NEXT_TO_NOTHING_S = 0.02
"""In that time, or in a little more; the clock of /proc goes in steps of 10 ms."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor seconds of the whole tree at one moment."""

    at_s: float
    used_s: float


class Facts:
    """Everything is in seconds since ``began`` (``time.monotonic()``), the moment of the start."""

    def __init__(self, faults: Sequence[Fault], began: float, *, titles: bool) -> None:
        self.faults = faults
        self.began = began
        self.keeps_titles = titles
        self.root_pid = 0
        self.ending: Ending | None = None
        self.ended_s: float | None = None
        self.served_s: float | None = None
        self.stop_sent_s: float | None = None
        self.hits: list[Hit] = []
        self.fired: list[Firing] = []
        self.kept: Counter[tuple[int, int]] = Counter()
        """How many of them are of each fault in each process."""
        self.milestones: list[Milestone] = []
        self.signs: tuple[Sign, ...] = ()
        """Of readiness, as they stand: one for each that was asked for."""
        self.notices: list[Notice] = []
        self.signals: list[SentSignal] = []
        self.processes: dict[int, Process] = {}
        self.roles: dict[int, str] = {}
        self.titles: dict[str, int] = {}
        """Command lines that were seen, where they are looked at for secrets: a process may change its own at any time."""
        self.means: list[str] = []
        self.calls: dict[str, str] = {}
        self.addresses: dict[int, tuple[str, str]] = {}
        """Topic and exchange at which an RPC server of a process listens."""
        self.taken: deque[tuple[float, int, str]] = deque(maxlen=MOST_TAKEN)
        """Calls that came in on a real transport: when, in which process, and the method."""
        self.alive: tuple[tree.Seen, ...] = ()
        self.cpu: deque[Cpu] = deque()
        self.last_change_s = 0.0
        self.last_birth_s = 0.0
        """When the set of its processes changed last."""
        self.written_s = 0.0
        """When it last wrote to its output."""
        self.peak = Peak()
        self.standing = Peak()
        self.least: Peak | None = None

    # -- the agent's records -------------------------------------------------------------------------------------

    def note(self, said: wire.Said) -> None:
        """One record of the agent becomes a fact."""
        at_s, phase = round(said.at - self.began, 4), self.phase(said.at - self.began)
        fields = said.fields
        match said.kind:
            case "start":
                self.roles[said.pid] = said.role
                self.see(said.pid, int(fields[0]), said.role, at_s)
            case "fork":
                self.roles.setdefault(int(fields[0]), fields[1])
            case "hit":
                self.hits.append(Hit(at_s, fields[0], said.role, int(fields[1]), phase))
            case "fired":
                self._keep(Firing(at_s, int(fields[0]), fields[1], said.role, said.pid, int(fields[2]),
                                  fields[3], fields[4], phase, *fields[5:6]))
            case "call":
                self.calls.setdefault(fields[0], fields[1])
            case "means":
                self.means.append(fields[0])
            case "took":
                self.taken.append((at_s, said.pid, fields[0]))
            case "serves" if fields[0]:     # one of notifications has no topic, and takes no call
                self.addresses[said.pid] = fields[0], fields[1]
            case "mile":
                self.milestones.append(Milestone(at_s, fields[0], said.role, said.pid))
            case _:
                pass

    def fire(self, at_s: float, index: int, fault: Fault, *, role: str, pid: int, number: int) -> None:
        """A fault that the agent has no part in: of the wire, or of the node. Nothing of it carries a token."""
        at_s = round(at_s, 4)
        self._keep(Firing(at_s, index, fault.site, role, pid, number, fault.action, "", self.phase(at_s)))

    def _keep(self, firing: Firing) -> None:
        """Write it down; above the bounds in the place of the last one of the same fault in the same process. The first of
        a fault always."""
        key, is_full = (firing.index, firing.pid), len(self.fired) >= MOST_FIRINGS_IN_ALL
        if self.kept[key] >= (FEW_FIRINGS if is_full else MOST_FIRINGS):
            del self.fired[next(place for place in range(len(self.fired) - 1, -1, -1) if self._key(place) == key)]
        elif not is_full or self._makes_room() or all(index != firing.index for index, _ in self.kept):
            self.kept[key] += 1
        else:
            return
        self.fired.append(firing)

    def _makes_room(self) -> bool:
        """Forget one of those of which there are most, neither the first nor the last; False: all have few."""
        (most, count), = self.kept.most_common(1)
        if count <= FEW_FIRINGS:
            return False
        del self.fired[[place for place in range(len(self.fired)) if self._key(place) == most][-2]]
        self.kept[most] -= 1
        return True

    def _key(self, place: int) -> tuple[int, int]:
        return self.fired[place].index, self.fired[place].pid

    def pass_milestone(self, name: str, pid: int, at_s: float) -> None:
        """One that was seen from outside."""
        self.milestones.append(Milestone(round(at_s, 4), name, self.roles.get(pid, ""), pid))

    def forget_answers(self, name: str) -> None:
        """Whoever has answered so far has to answer anew; that it did is kept as the milestone ``name``."""
        self.milestones = [replace(mile, name=name) if mile.name == "answered" else mile for mile in self.milestones]

    def phase(self, at_s: float) -> Phase:
        if self.stop_sent_s is not None and at_s >= self.stop_sent_s:
            return Phase.STOP
        return Phase.SERVING if self.served_s is not None and at_s >= self.served_s else Phase.START

    def notice(self, text: str, at_s: float) -> None:
        news = "READY=1" in text.split("\n") and self.ready_s is None
        if news or len(self.notices) < MOST_NOTICES:
            self.notices.append(Notice(round(at_s, 4), text))

    # -- how it ended --------------------------------------------------------------------------------------------

    def note_end(self, result: os.waitid_result, at_s: float) -> None:
        self.ended_s = at_s
        if result.si_code == os.CLD_EXITED:
            self.ending = Exited(result.si_status)
        else:
            name = tree.signal_name(result.si_status)
            self.ending = Killed(name, by_chaos=self._chaos_sent(name))

    def _chaos_sent(self, name: str) -> bool:
        by_hand = any(sent.pid == self.root_pid and sent.signal == name for sent in self.signals)
        return by_hand or any(self._aimed(shot) == (self.root_pid, name) for shot in self.fired)

    def _aimed(self, shot: Firing) -> tuple[int, str]:
        """The process and the signal of a fault that sends one: (0, "") for any other."""
        if shot.action not in ("kill", "signal"):
            return 0, ""
        args = self.faults[shot.index].args
        name, whom = args[0] if args else "KILL", args[1] if len(args) > 1 else "self"
        return self.root_pid if whom == "parent" else shot.pid, "SIG" + name

    @property
    def told_to_stop(self) -> bool:
        """By chaos, or by a stop signal of the case to the launcher."""
        return self.stop_sent_s is not None or self.told_by_case_s is not None

    @property
    def told_by_case_s(self) -> float | None:
        """When a fault of the case told the launcher to stop."""
        stops = ((self.root_pid, "SIGTERM"), (self.root_pid, "SIGINT"))
        return next((shot.at_s for shot in self.fired if self._aimed(shot) in stops), None)

    def is_gone(self, pid: int) -> bool:
        """Whether it was seen to live and is seen no more; not of one that was born since the last look."""
        process = self.processes.get(pid)
        return process is not None and process.gone_s is not None

    # -- looks at the tree ---------------------------------------------------------------------------------------

    def look(self, seen: Sequence[tree.Seen], at_s: float) -> None:
        """One look at the tree (no zombies): who was born, who is gone, how much it uses."""
        at_s = round(at_s, 4)
        for one in seen:
            self.see(one.pid, one.parent_pid, self.roles.get(one.pid, ""), at_s)
        alive = {one.pid for one in seen}
        if alive != {one.pid for one in self.alive}:
            self.last_change_s = self.last_birth_s = at_s
        for pid, process in self.processes.items():
            if process.gone_s is None and pid not in alive:
                self.processes[pid] = replace(process, gone_s=at_s)
        self.alive = tuple(seen)
        self._measure(at_s)

    def _measure(self, at_s: float) -> None:
        count, threads = len(self.alive), sum(one.threads for one in self.alive)
        used_s = sum(one.cpu_s for one in self.alive)
        if not self.cpu or used_s != self.cpu[-1].used_s:
            self.last_change_s = at_s
        self.cpu.append(Cpu(at_s, used_s))
        while self.cpu[0].at_s < at_s - CPU_WINDOW_S:
            self.cpu.popleft()
        if self.stop_sent_s is None and self.ending is None:
            self.standing = now = Peak(count, threads)
            if self.announced_s is not None and at_s >= self.announced_s + STILL_STARTS_S:
                least = self.least or now
                self.least = Peak(min(least.processes, now.processes), min(least.threads, now.threads))
        self.peak = Peak(max(self.peak.processes, count), max(self.peak.threads, threads),
                         max(self.peak.fds, sum(tree.count_fds(one.pid) for one in self.alive)))

    def see(self, pid: int, parent_pid: int, role: str, at_s: float) -> None:
        """Process ``pid`` is there, and plays ``role`` ("" unknown)."""
        known = self.processes.get(pid)
        if known is None and (len(self.processes) < MOST_PROCESSES or self._forgets_one() or role):
            self.processes[pid] = Process(pid, parent_pid, role, tree.command(pid), at_s)
        elif known is not None and role and known.role != role:
            self.processes[pid] = replace(known, role=role)
        if self.keeps_titles:
            self.titles.setdefault(tree.command(pid), pid)

    def _forgets_one(self) -> bool:
        """One that is gone makes room for another: the last that is no worker, or else the last. Never the launcher."""
        gone = [one for one in self.processes.values() if one.gone_s is not None and one.pid != self.root_pid]
        if not gone:
            return False
        gone.sort(key=lambda one: (not one.role.startswith("worker"), one.gone_s))
        del self.processes[gone[-1].pid]
        return True

    # -- readings ------------------------------------------------------------------------------------------------

    @property
    def ready_s(self) -> float | None:
        return next((notice.at_s for notice in self.notices if "READY=1" in notice.text.split("\n")), None)

    @property
    def announced_s(self) -> float | None:
        """Since when it shows that it is ready by all signs that were asked for, or by READY=1 where none was."""
        if not self.signs:
            return self.ready_s
        seen = [sign.seen_s for sign in self.signs if sign.seen_s is not None]
        return max(seen) if len(seen) == len(self.signs) else None

    @property
    def cpu_share(self) -> float:
        """Processor seconds a second over the last `CPU_WINDOW_S`."""
        first, last = self.cpu[0], self.cpu[-1]
        return max(0.0, last.used_s - first.used_s) / (last.at_s - first.at_s) if last.at_s > first.at_s else 0.0

    def is_idle(self, now_s: float) -> bool:
        """Whether for `IDLE_S` no process was born or gone, and all together used next to nothing of a processor. Next to:
        a parent that asks for its workers a hundred times a second waits too."""
        if now_s - self.last_birth_s <= IDLE_S or not self.cpu:
            return False
        before = next((one for one in reversed(self.cpu) if one.at_s <= now_s - IDLE_S), None)
        return before is not None and self.cpu[-1].used_s - before.used_s <= NEXT_TO_NOTHING_S

    @property
    def alive_workers(self) -> int:
        return sum(1 for one in self.alive if self.roles.get(one.pid, "").startswith("worker"))

    def is_alive(self, pid: int) -> bool:
        process = self.processes.get(pid)
        return process is not None and process.gone_s is None

    def pids_at(self, milestone: str) -> set[int]:
        """The live processes that have passed ``milestone``."""
        return {mile.pid for mile in self.milestones if mile.name == milestone and self.is_alive(mile.pid)}

    def serving(self) -> set[int]:
        """Live processes whose service has started and, where they have an RPC server, has answered a call."""
        listening, answered = self.pids_at("listening"), self.pids_at("answered")
        return {pid for pid in self.pids_at("service started") if pid not in listening or pid in answered}

    @property
    def last_started_s(self) -> float:
        """When the latest service started; 0.0: none has."""
        return max((mile.at_s for mile in self.milestones if mile.name == "service started"), default=0.0)

    def unanswered(self) -> set[int]:
        """Processes whose RPC server listens and whose service has started, but that have not answered a call yet."""
        return self.pids_at("listening") & self.pids_at("service started") - self.pids_at("answered")

    def takers(self, method: str, since_s: float) -> set[int]:
        """The processes that have taken a call of ``method`` since then."""
        return {pid for at_s, pid, what in self.taken if what == method and at_s >= since_s}

    def same_deaths(self, since_s: float = 0.0) -> int:
        """How many workers in a row, up to now, died the same death before their service had started: each had met the same
        faults and come as far. Only those that were born after ``since_s``. Not children that met no fault: a launcher may
        fork as many helpers as it likes. Nor where one of the faults ends: the next worker may be past it."""
        started = self._started()
        dead = sorted((one for one in self.processes.values()
                       if one.role.startswith("worker") and one.gone_s is not None and one.seen_s >= since_s),
                      key=lambda one: one.gone_s or 0.0, reverse=True)
        count, last = 0, None
        for one in dead:
            fate = None if one.pid in started else self._fate(one.pid)
            if fate is None or (count and fate != last):
                break
            count, last = count + 1, fate
        return count

    @property
    def starting_workers(self) -> int:
        """How many workers live whose service has not started."""
        started = self._started()
        return sum(1 for one in self.processes.values()
                   if one.role.startswith("worker") and one.gone_s is None and one.pid not in started)

    def _started(self) -> set[int]:
        return {mile.pid for mile in self.milestones if mile.name in ("service started", "answered")}

    def _fate(self, pid: int) -> tuple[frozenset[str], frozenset[tuple[int, str]]] | None:
        met = frozenset((firing.index, firing.site) for firing in self.fired if firing.pid == pid)
        if not met or any(self.faults[index].hits.last is not None for index, _ in met):
            return None
        return frozenset(mile.name for mile in self.milestones if mile.pid == pid), met

    @property
    def has_services(self) -> bool:
        return any(hit.site.startswith(("service.", "launcher.")) for hit in self.hits)
