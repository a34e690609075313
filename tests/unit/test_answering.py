"""Which worker an answer from outside is of: only one that has taken that very call."""

from __future__ import annotations

from chaos.network.client import METHOD
from chaos.runner import tree
from chaos.runner.facts import Facts
from chaos.runner.network import answering
from chaos.runner.wire import Said

FIRST, SECOND = 11, 12


def two_workers(*, topic: str = "scheduler") -> Facts:
    """Both listen, at a topic, and their services have started; neither has answered."""
    facts = Facts((), 0.0, titles=False)
    for number, pid in enumerate((FIRST, SECOND)):
        for kind, fields in (("start", ("1",)), ("serves", (topic, "")), ("mile", ("listening",)),
                             ("mile", ("service started",))):
            facts.note(Said(kind, 0.5, pid, f"worker.{number}", fields))
    facts.look([tree.Seen(pid, 1, "S", 1, 0.0) for pid in (FIRST, SECOND)], 0.6)
    return facts


def took(facts: Facts, pid: int, at: float, method: str = METHOD) -> None:
    facts.note(Said("took", at, pid, "worker", (method,)))


def test_an_answer_is_of_the_worker_that_took_the_call() -> None:
    facts = two_workers()
    assert facts.unanswered() == {FIRST, SECOND}
    took(facts, SECOND, 1.1)
    assert answering(facts, 1.0) == {SECOND}
    facts.pass_milestone("answered", SECOND, 1.2)
    took(facts, SECOND, 1.4)
    assert answering(facts, 1.3) == set(), "it answered again; the first is still to be heard"


def test_an_answer_is_nobodys_where_nobody_took_the_call_or_two_did() -> None:
    facts = two_workers()
    assert answering(facts, 1.0) == set(), "of somebody else on the same broker"
    took(facts, FIRST, 0.9)
    took(facts, FIRST, 1.1, "which_process")
    assert answering(facts, 1.0) == set(), "an earlier call, and one of the target's own"
    took(facts, FIRST, 1.1)
    took(facts, SECOND, 1.2)
    assert answering(facts, 1.0) == set()


def test_who_listens_for_notifications_only_can_take_no_call() -> None:
    facts = two_workers(topic="")
    assert answering(facts, 1.0) == {FIRST, SECOND}
