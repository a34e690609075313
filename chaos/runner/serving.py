"""Whether a run has come up: what a good start looked like is given, or is learnt when this is the first one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.model import Expectation, Peak
from chaos.runner.facts import Facts
from chaos.runner.request import Request, unheard

AT_ITS_WORD_S = 0.5
"""A launcher of which nothing but signs of readiness is known is watched for so long after them: a start that fails may show
them too."""
LEARN_NOTICE_S = 2.0
"""How long a baseline that serves is watched for READY=1 before it counts as one that does not announce itself."""
LEARN_QUIET_S = 8.0
"""How long a baseline must have been quiet before it counts as one that never shows when it is ready: longer than the naps
of a slow start."""
LEARN_RESTLESS_S = 12.0
"""The same for one that is never quiet (a timer of its own), from its start on."""
RESTLESS_S = 5.0
"""How long after its fault one that is never quiet is taken as up."""
BUSY = 0.5
"""Processor seconds a second from which it is not waiting for work, but computing."""
QUIET_S = 2.0
"""How long a launcher that shows nothing has to be quiet, once chaos knows that, to be taken as up."""


@dataclass(slots=True)
class Serving:
    """``expected`` None until a baseline has shown what a good start is."""

    request: Request
    facts: Facts
    expected: Expectation | None

    def serves(self, now_s: float) -> bool:
        facts, expected = self.facts, self.expected
        serving = facts.serving()
        if facts.signs and facts.announced_s is None:
            return False
        if expected is None:
            return self._learns(len(serving), now_s)
        if expected.silent:
            return self._is_quiet(now_s, QUIET_S) or self._is_restless(now_s)
        if len(serving & facts.pids_at("answered")) < expected.answers:
            return False
        if self._is_mute and not facts.signs:
            return self._serves_unheard(len(serving), expected, now_s)
        if expected.notifies and facts.ready_s is None and not self._is_mute and not self._cannot_say:
            return False
        if expected.servers:
            return len(serving) >= expected.servers
        since_s = max(facts.announced_s or 0.0, facts.ready_s or 0.0)
        return now_s >= since_s + AT_ITS_WORD_S and self._stands(expected.standing)

    def is_up(self) -> bool:
        """Whether it is there, now that its time has passed: no launcher that shows nothing owes more. Not where it
        computes all the time."""
        if self.facts.cpu_share >= BUSY:
            return False
        if self.expected is None and self._may_be_silent:
            self.expected = self._as_seen(0, silent=True)
        return self.expected is not None and self.expected.silent

    def owed(self) -> set[str]:
        """The roles that have something before them: to serve, to show that they are ready, or to end once they were told to.
        None where all is done and only watched for a while, and where nobody can tell: a service that is idle is as quiet as
        one that hangs."""
        facts, expected = self.facts, self.expected
        if facts.told_to_stop:
            return {"parent", *(facts.roles.get(one.pid, "") for one in facts.alive)} - {""}
        if (expected is None and self._may_be_silent) or (expected is not None and expected.silent):
            return set()
        wanted = expected.servers if expected else self.request.case.workers
        if (expected is None or not wanted) and facts.announced_s is not None:
            return set()
        if (expected is None or self._is_mute) and not facts.signs and len(facts.serving()) >= wanted:
            return set()
        there = {facts.roles.get(pid, "") for pid in facts.serving()}
        missing = set(expected.serving_roles if expected else ()) - there
        return missing or {"parent"}

    @property
    def _is_mute(self) -> bool:
        """It may say READY=1, or what else it says, but we cannot hear it."""
        kinds = unheard(self.request)
        return "notify" in kinds or ("log" in kinds and bool(self.request.ready) and not self.facts.signs)

    @property
    def _cannot_say(self) -> bool:
        """Its other signs are there, and what fails is how it would reach its notify socket."""
        return bool(self.facts.signs) and any(fault.site == "socket.connect" for fault in self.facts.faults)

    @property
    def _may_be_silent(self) -> bool:
        """Nothing was asked for, and nothing of oslo.service, which would show whether it serves, is to be seen."""
        facts = self.facts
        return not facts.signs and facts.ready_s is None and not facts.has_services and self.request.case.backend == "-"

    def _is_restless(self, now_s: float) -> bool:
        fired = self.facts.fired
        return bool(fired) and now_s >= fired[-1].at_s + RESTLESS_S and self.facts.cpu_share < BUSY

    def _has_settled(self, now_s: float) -> bool:
        return self._is_quiet(now_s, LEARN_QUIET_S) or (now_s >= LEARN_RESTLESS_S and self.facts.cpu_share < BUSY)

    def _is_quiet(self, now_s: float, for_s: float) -> bool:
        """Alive, and for so long nobody was born or gone, wrote, computed, or met a fault."""
        facts = self.facts
        last_s = max(facts.last_change_s, facts.written_s, facts.fired[-1].at_s if facts.fired else 0.0)
        return now_s >= last_s + for_s

    def _serves_unheard(self, serving: int, expected: Expectation, now_s: float) -> bool:
        if not expected.servers:
            return self._is_quiet(now_s, QUIET_S / 2) and self._stands(expected.standing)
        return serving >= expected.servers and now_s > self._last_s() + LEARN_NOTICE_S / 2

    def _stands(self, wanted: Peak) -> bool:
        """Whether as many processes and threads are there as a good start always had. Idle pools are not: see _learns."""
        standing = self.facts.standing
        return standing.processes >= wanted.processes and standing.threads >= wanted.threads

    def _last_s(self) -> float:
        return max(mile.at_s for mile in self.facts.milestones)

    def _learns(self, serving: int, now_s: float) -> bool:
        """Whether a baseline is at its best: all workers serve, and READY=1 came or was given time to come.

        A launcher in which no service is seen at all (not oslo.service, not Python) is taken at its word, and where it says
        nothing either, as up once it is quiet.
        """
        facts, silent = self.facts, False
        if serving >= self.request.case.workers:
            if facts.ready_s is None and now_s < self._last_s() + LEARN_NOTICE_S:
                return False
        elif facts.announced_s is not None and not facts.has_services:
            if now_s < facts.announced_s + LEARN_NOTICE_S:
                return False
        elif self._may_be_silent and self._has_settled(now_s):
            silent = True
        else:
            return False
        self.expected = self._as_seen(serving, silent=silent)
        return True

    def _as_seen(self, serving: int, *, silent: bool) -> Expectation:
        facts = self.facts
        roles = sorted({facts.roles.get(pid, "") for pid in facts.serving()})
        answers = len(facts.serving() & facts.pids_at("answered"))
        ready_s = facts.announced_s if facts.announced_s is not None else facts.ready_s
        if silent and facts.last_change_s < LEARN_RESTLESS_S / 2:
            ready_s = facts.last_change_s
        return Expectation(serving, facts.ready_s is not None, facts.peak.processes, facts.peak.threads, facts.peak.fds,
                           ready_s, tuple(roles), facts.least or Peak(), answers, silent,
                           bool(facts.roles.get(facts.root_pid)))
