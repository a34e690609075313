"""What is kept of what a run shows: when workers die the same death, which firings, which processes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chaos.model import Expectation, Fault, Hits
from chaos.runner import tree
from chaos.runner.facts import Facts
from chaos.runner.supervise import Run
from chaos.runner.wire import Said

FOR_GOOD = Fault("service.start", "raise", ("RuntimeError",), "worker")


def facts_of(*faults: Fault) -> Facts:
    facts = Facts(faults, 0.0, titles=False)
    facts.root_pid = 1
    facts.look([seen(1, 0)], 0.0)
    return facts


def seen(pid: int, parent_pid: int = 1) -> tree.Seen:
    return tree.Seen(pid, parent_pid, "S", 1, 0.0)


def fires(facts: Facts, pid: int, at_s: float, *, index: int = 0, number: int = 1) -> None:
    fields = (str(index), facts.faults[index].site, str(number), "raise", f"token-{index}-{number}")
    facts.note(Said("fired", at_s, pid, "worker", fields))


# --- the same death again and again -----------------------------------------------------------------------------------


def dying(facts: Facts, deaths: int, *, alive: int = 0) -> Facts:
    """Workers that meet their fault at once and die, and some more that have only been forked."""
    for pid in range(100, 100 + deaths + alive):
        facts.note(Said("start", pid / 100, pid, "worker.0", ("1",)))
        if pid < 100 + deaths:
            fires(facts, pid, pid / 100)
            facts.look([seen(1, 0)], pid / 100 + 0.001)
    facts.look([seen(1, 0), *(seen(pid) for pid in range(100 + deaths, 100 + deaths + alive))], 9.0)
    return facts


def respawns(facts: Facts, workers: int, *, servers: int | None = None) -> bool:
    run = SimpleNamespace(facts=facts, request=SimpleNamespace(case=SimpleNamespace(workers=workers)),
                          serving=SimpleNamespace(expected=None if servers is None else Expectation(servers)))
    return Run._respawns(run)       # type: ignore[arg-type]


@pytest.mark.parametrize(("workers", "deaths", "alive", "goes_on"), [
    (1, 7, 1, False), (1, 8, 0, False), (1, 8, 1, True), (2, 8, 0, False), (2, 8, 1, True), (2, 9, 0, True),
    (8, 8, 0, False), (8, 8, 8, False), (8, 31, 8, False), (8, 32, 0, False), (8, 32, 1, True)])
def test_workers_that_die_go_on_so_once_each_has_and_another_was_forked(
    workers: int, deaths: int, alive: int, goes_on: bool,
) -> None:
    facts = dying(facts_of(FOR_GOOD), deaths, alive=alive)
    assert facts.same_deaths == deaths
    assert respawns(facts, workers) is goes_on
    assert respawns(facts, 1, servers=workers) is goes_on, "of a target that has more than its case says"


def test_deaths_of_a_fault_that_ends_are_no_sign_that_it_goes_on() -> None:
    ends = Fault("service.start", "raise", ("RuntimeError",), "worker", Hits(1, 50))
    assert dying(facts_of(ends), 40).same_deaths == 0
    both = facts_of(FOR_GOOD, ends)
    for pid in (100, 101):
        fires(both, pid, 1.0, index=1)
    assert dying(both, 12).same_deaths == 10, "up to now: the first two also met the one that ends"
