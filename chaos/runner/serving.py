"""Whether a run has come up: what a good start looked like is given, or is learnt when this is the first one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.model import Expectation, Peak
from chaos.runner.facts import Facts
from chaos.runner.request import Request

AT_ITS_WORD_S = 0.5
"""A launcher of which nothing but READY=1 is known is watched for so long after it: a start that fails may say it too."""
LEARN_NOTICE_S = 2.0
"""How long a baseline that serves is watched for READY=1 before it counts as one that does not announce itself."""


@dataclass(slots=True)
class Serving:
    """``expected`` None until a baseline has shown what a good start is."""

    request: Request
    facts: Facts
    expected: Expectation | None

    def serves(self, now_s: float) -> bool:
        facts, expected = self.facts, self.expected
        serving, ready_s = facts.serving(), facts.ready_s
        if expected is None:
            return self._learns(len(serving), ready_s, now_s)
        if len(serving & facts.pids_at("answered")) < expected.answers:
            return False
        if self._is_mute:
            return len(serving) >= expected.servers and now_s > self._last_s() + LEARN_NOTICE_S / 2
        if not expected.servers:
            return ready_s is not None and now_s >= ready_s + AT_ITS_WORD_S and self._stands(expected.standing)
        return len(serving) >= expected.servers and (ready_s is not None or not expected.notifies)

    def owed(self) -> set[str]:
        """The roles that have something before them: to serve, to say READY=1, or to end once they were told to. None where
        all is done and only watched for a while: a service that is idle is as quiet as one that hangs."""
        facts, expected = self.facts, self.expected
        if facts.told_to_stop:
            return {"parent", *(facts.roles.get(one.pid, "") for one in facts.alive)} - {""}
        wanted = expected.servers if expected else self.request.case.workers
        if (expected is None or not wanted) and facts.ready_s is not None:
            return set()
        if (expected is None or self._is_mute) and len(facts.serving()) >= wanted:
            return set()
        there = {facts.roles.get(pid, "") for pid in facts.serving()}
        missing = set(expected.serving_roles if expected else ()) - there
        return missing or {"parent"}

    @property
    def _is_mute(self) -> bool:
        """It may speak, but we cannot hear it."""
        return any(word.startswith("notify.") for word in self.request.given)

    def _stands(self, wanted: Peak) -> bool:
        """Whether as many processes and threads are there as a good start always had. Idle pools are not: see _learns."""
        standing = self.facts.standing
        return standing.processes >= wanted.processes and standing.threads >= wanted.threads

    def _last_s(self) -> float:
        return max(mile.at_s for mile in self.facts.milestones)

    def _learns(self, serving: int, ready_s: float | None, now_s: float) -> bool:
        """Whether a baseline is at its best: all workers serve, and READY=1 came or was given time to come.

        A launcher in which no service is seen at all (not oslo.service, not Python) is taken at its word.
        """
        facts = self.facts
        if serving >= self.request.case.workers:
            if ready_s is None and now_s < self._last_s() + LEARN_NOTICE_S:
                return False
        elif ready_s is None or facts.has_services or now_s < ready_s + LEARN_NOTICE_S:
            return False
        roles = sorted({facts.roles.get(pid, "") for pid in facts.serving()})
        answers = len(facts.serving() & facts.pids_at("answered"))
        self.expected = Expectation(serving, ready_s is not None, facts.peak.processes, facts.peak.threads,
                                    facts.peak.fds, ready_s, tuple(roles), facts.least or Peak(), answers)
        return True
