"""What is kept of what a run shows: when workers die the same death, which firings, which processes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chaos.model import Expectation, Fault, Hits
from chaos.runner import tree
from chaos.runner.facts import FEW_FIRINGS, MOST_FIRINGS, MOST_FIRINGS_IN_ALL, MOST_PROCESSES, Facts
from chaos.runner.supervise import GIVES_UP_WITHIN_S, Run
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


def respawns(facts: Facts, workers: int, *, servers: int | None = None, later_s: float = 0.5) -> bool:
    run = SimpleNamespace(facts=facts, now=lambda: facts.last_birth_s + later_s,
                          request=SimpleNamespace(case=SimpleNamespace(workers=workers)),
                          serving=SimpleNamespace(expected=None if servers is None else Expectation(servers)))
    return Run._respawns(run)       # type: ignore[arg-type]


@pytest.mark.parametrize(("workers", "deaths", "alive", "goes_on"), [
    (1, 7, 1, False), (1, 8, 0, False), (1, 8, 1, True), (2, 8, 0, False), (2, 8, 1, True), (2, 9, 0, True),
    (8, 8, 0, False), (8, 8, 8, False), (8, 31, 8, False), (8, 32, 0, False), (8, 32, 1, True)])
def test_workers_that_die_go_on_so_once_each_has_and_another_was_forked(
    workers: int, deaths: int, alive: int, goes_on: bool,
) -> None:
    facts = dying(facts_of(FOR_GOOD), deaths, alive=alive)
    assert facts.same_deaths() == deaths
    assert respawns(facts, workers) is goes_on
    assert respawns(facts, 1, servers=workers) is goes_on, "of a target that has more than its case says"


@pytest.mark.parametrize(("workers", "deaths", "goes_on"), [
    (1, 7, False), (1, 8, True), (2, 8, True), (8, 31, False), (8, 32, True)])
def test_a_launcher_that_stays_though_its_workers_died_has_not_given_up(workers: int, deaths: int, goes_on: bool) -> None:
    facts = dying(facts_of(FOR_GOOD), deaths)
    assert not respawns(facts, workers, later_s=0.9)
    assert respawns(facts, workers, later_s=GIVES_UP_WITHIN_S + 0.001) is goes_on


def test_deaths_of_a_fault_that_ends_are_no_sign_that_it_goes_on() -> None:
    ends = Fault("service.start", "raise", ("RuntimeError",), "worker", Hits(1, 50))
    assert dying(facts_of(ends), 40).same_deaths() == 0
    both = facts_of(FOR_GOOD, ends)
    for pid in (100, 101):
        fires(both, pid, 1.0, index=1)
    assert dying(both, 12).same_deaths() == 10, "up to now: the first two also met the one that ends"


# --- firings ----------------------------------------------------------------------------------------------------------


def test_of_a_fault_that_fires_on_and_on_the_first_ones_and_the_last_are_kept() -> None:
    facts = facts_of(FOR_GOOD)
    for number in range(5000):
        fires(facts, 100, number / 100, number=number + 1)
    assert len(facts.fired) == MOST_FIRINGS
    assert [one.number for one in facts.fired] == [*range(1, MOST_FIRINGS), 5000]
    assert facts.fired[-1].at_s == 49.99


def test_a_fault_that_fires_on_and_on_takes_no_place_from_another_process_or_fault() -> None:
    other = Fault("start.waiting", "signal", ("TERM",))
    facts = facts_of(FOR_GOOD, other)
    for number in range(300):
        fires(facts, 100, number / 100, number=number + 1)
    fires(facts, 101, 3.1)
    facts.fire(3.2, 1, other, role="parent", pid=1, number=1)
    fires(facts, 100, 3.3, number=301)
    assert [(one.index, one.pid) for one in facts.fired[-3:]] == [(0, 101), (1, 1), (0, 100)]
    assert facts.told_by_case_s == 3.2


def test_firings_are_bounded_however_many_processes_there_are_and_a_loop_in_the_last_one_is_seen() -> None:
    facts = facts_of(FOR_GOOD, FOR_GOOD)
    for number in range(50):
        for pid in range(100, 150):
            fires(facts, pid, number + pid / 1000, number=number + 1)
    for number in range(10):
        fires(facts, 900, 60.0 + number, number=number + 1)
    assert len(facts.fired) == MOST_FIRINGS_IN_ALL
    assert [one.number for one in facts.fired if one.pid == 900] == [1, 2, 10]
    for pid in range(100, 150):
        numbers = [one.number for one in facts.fired if one.pid == pid]
        assert (numbers[0], numbers[-1]) == (1, 50)
        assert len(numbers) >= FEW_FIRINGS
    times = [one.at_s for one in facts.fired]
    assert times == sorted(times)


def test_where_every_process_has_fired_but_once_the_first_ones_are_kept_and_the_first_of_each_fault() -> None:
    facts = facts_of(FOR_GOOD, FOR_GOOD)
    for pid in range(100, 2500):
        fires(facts, pid, pid / 100)
    fires(facts, 2600, 30.0, index=1)
    assert len(facts.fired) == MOST_FIRINGS_IN_ALL + 1
    assert facts.fired[-1].index == 1


# --- processes --------------------------------------------------------------------------------------------------------


def short_lived(facts: Facts, pids: range, role: str = "") -> None:
    for pid in pids:
        if role:
            facts.note(Said("start", pid / 1000, pid, role, ("1",)))
        facts.look([seen(1, 0), seen(pid)], pid / 1000)
    facts.look([seen(1, 0)], pids.stop / 1000)


@pytest.mark.parametrize("role", ["", "helper", "worker.0"])
def test_who_comes_after_very_many_that_are_gone_is_seen_to_serve(role: str) -> None:
    facts = facts_of(FOR_GOOD)
    short_lived(facts, range(10_000, 10_450), role)
    for number, pid in enumerate((20_000, 20_001)):
        facts.note(Said("start", 11.0, pid, f"worker.{number}", ("1",)))
        facts.note(Said("mile", 11.1, pid, f"worker.{number}", ("service started",)))
    facts.look([seen(1, 0), seen(20_000), seen(20_001)], 11.2)
    assert facts.serving() == {20_000, 20_001}
    assert len(facts.processes) == MOST_PROCESSES
    assert {1, 10_000, 10_001} <= facts.processes.keys(), "the launcher and the first ones stay"


def test_workers_are_kept_rather_than_who_plays_no_role() -> None:
    facts = facts_of(FOR_GOOD)
    short_lived(facts, range(10_000, 10_010))
    short_lived(facts, range(10_010, 10_400), "worker.0")
    short_lived(facts, range(10_400, 10_405), "worker.0")
    assert sum(one.role == "worker.0" for one in facts.processes.values()) == 395


def test_who_lives_is_never_forgotten_and_one_with_a_role_always_seen() -> None:
    facts = facts_of(FOR_GOOD)
    crowd = [seen(1, 0), *map(seen, range(10_000, 10_500))]
    facts.look(crowd, 1.0)
    assert len(facts.processes) == MOST_PROCESSES
    facts.note(Said("start", 2.0, 20_000, "worker.0", ("1",)))
    facts.look([*crowd, seen(20_000)], 2.1)
    assert facts.is_alive(20_000)
    assert facts.is_alive(1)
