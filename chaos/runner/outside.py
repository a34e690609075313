"""Faults of a program that has no agent in it: what happens to it at the moments that can be seen from outside.

Signals only: what else can be done to such a program is put in place before it starts (see ``launch``) or is strace's. It
does what the case says and tells ``Facts``; it judges nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from chaos.catalog import SYSCALL, By, doc_of
from chaos.model import Fault, Hit, Hits, Process
from chaos.runner.facts import Facts

STARTED = "start.exec"
CHILD = "start.child"
WAITING = "start.waiting"
WAITS_S = 1.2
"""Long enough for a launcher that says every second that it waits."""
STAYS_S = 0.1
"""A process that is there for so long is no short command: whether one of those is seen at all is a matter of luck."""
_NUMBERS = {"freeze": signal.SIGSTOP}


class Outside:
    """Of one run. ``traces``: calls of the kernel that are counted; ``trace``: where strace writes what it saw and did."""

    def __init__(self, faults: tuple[Fault, ...], traces: tuple[str, ...], facts: Facts, trace: Path) -> None:
        self.faults = {index: fault for index, fault in enumerate(faults)
                       if (doc := doc_of(fault.site)) is not None and doc.by is By.OUTSIDE}
        self.traced = {index: fault for index, fault in enumerate(faults) if fault.site.startswith(SYSCALL)}
        self.traces = traces
        self.facts = facts
        self.trace = trace
        self.read = 0
        self.counts: dict[tuple[int, int], int] = {}
        self.reached: dict[str, list[tuple[float, int]]] = {}
        self.done: set[tuple[int, int]] = set()

    @property
    def is_traced(self) -> bool:
        return bool(self.traced or self.traces)

    def step(self, now_s: float) -> None:
        """Which moments have come since; what the case has for them happens now."""
        if self.facts.stop_sent_s is None and self.facts.ending is None:
            self._note(STARTED, [self.facts.root_pid], now_s)
            if self.facts.written_s:
                self._note("start.output", [self.facts.root_pid], now_s)
            known = [pid for _, pid in self.reached.get(CHILD, ())]
            self._note(CHILD, [*known, *(one.pid for one in self._new_children() if now_s - one.seen_s >= STAYS_S)], now_s)
            if self.facts.announced_s is not None:
                self._note("start.ready", [self.facts.root_pid], now_s)
            if self._met_s is not None and now_s - self._met_s >= WAITS_S:
                self._note(WAITING, [self.facts.root_pid], now_s)
            for index, fault in self.faults.items():
                self._do(index, fault, now_s)
        self._read_trace(now_s)

    def is_about_to_act(self) -> bool:
        """Whether a moment comes by itself that the case has a fault for, within `WAITS_S`: till then a tree that stands
        still is not left to itself. Ask after `step`."""
        if self.facts.stop_sent_s is not None or self.facts.ending is not None:
            return False
        coming = {WAITING: int(self._met_s is not None and not self.reached.get(WAITING)), CHILD: len(self._new_children())}
        return any(self._is_ahead(fault.hits, len(self.reached.get(fault.site, ())), coming.get(fault.site, 0))
                   for fault in self.faults.values())

    @staticmethod
    def _is_ahead(hits: Hits, been: int, coming: int) -> bool:
        """Whether one of the next ``coming`` moments, after those that have ``been``, is met."""
        return coming > 0 and hits.first <= been + coming and (hits.last is None or hits.last > been)

    @property
    def _met_s(self) -> float | None:
        """When a fault was first met that is not of this part."""
        return next((firing.at_s for firing in self.facts.fired if firing.index not in self.faults), None)

    def _new_children(self) -> list[Process]:
        """Those of which it is still to be seen whether they stay."""
        known = {self.facts.root_pid, *(pid for _, pid in self.reached.get(CHILD, ()))}
        return [one for one in self.facts.processes.values() if one.pid not in known and one.gone_s is None]

    def hits(self) -> list[Hit]:
        """The moments as sites; none for a launcher that starts services, whose own sites say more."""
        if self.facts.has_services:
            return []
        return [Hit(round(at_s, 4), site, "parent", number, self.facts.phase(at_s)) for site, times in self.reached.items()
                for number, (at_s, _) in enumerate(times, 1)]

    def _note(self, site: str, pids: list[int], now_s: float) -> None:
        times = self.reached.setdefault(site, [])
        times += [(now_s, pid) for pid in pids[len(times):]]

    def _do(self, index: int, fault: Fault, now_s: float) -> None:
        for number, (_, pid) in enumerate(self.reached.get(fault.site, []), 1):
            met = fault.hits.first <= number and (fault.hits.last is None or number <= fault.hits.last)
            if met and (index, number) not in self.done:
                self.done.add((index, number))
                if fault.action == "signal":
                    pid = self.facts.root_pid
                name = "SIG" + (fault.args[0] if fault.args else "KILL")
                self.facts.fire(now_s, index, fault, role="parent", pid=pid, number=number)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, _NUMBERS.get(fault.action) or signal.Signals[name])

    def _read_trace(self, now_s: float) -> None:
        """What strace says that it has done."""
        if not self.is_traced:
            return
        try:
            with self.trace.open("rb") as file:
                file.seek(self.read)
                data = file.read(1 << 20)
        except OSError:
            return
        whole = data.rfind(b"\n") + 1
        self.read += whole
        for line in data[:whole].decode("utf-8", "replace").splitlines():
            pid, _, rest = line.partition(" ")
            name = rest.strip().partition("(")[0].removeprefix("<... ").partition(" ")[0]
            if "INJECTED" in line or "DELAYED" in line:
                self._note_traced(pid, name, now_s)
            elif name in self.traces and "resumed>" not in line and self.facts.stop_sent_s is None:
                self.reached.setdefault(SYSCALL + name, []).append((now_s, int(pid)))

    def _note_traced(self, pid: str, name: str, now_s: float) -> None:
        for index, fault in self.traced.items():
            if fault.site == SYSCALL + name and pid.isdecimal():
                number = self.counts[index, int(pid)] = self.counts.get((index, int(pid)), 0) + 1
                role = self.facts.roles.get(int(pid)) or ("parent" if int(pid) == self.facts.root_pid else "helper")
                self.facts.fire(now_s, index, fault, role=role, pid=int(pid), number=number)
