"""What chaos does at moments that are seen from outside: as long as one is to come, nothing is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.model import Fault, Hits
from chaos.runner import tree
from chaos.runner.facts import Facts
from chaos.runner.outside import STAYS_S, WAITS_S, Outside

STALL = Fault("service.start", "stall")
ROOT, CHILD = 2**22 + 1, 2**22 + 2
"""No pids: nothing is sent to anybody."""


def outside_of(fault: Fault) -> Outside:
    facts = Facts((STALL, fault), 0.0, titles=False)
    facts.root_pid = ROOT
    facts.look([tree.Seen(ROOT, 1, "S", 1, 0.0)], 0.0)
    return Outside(facts.faults, (), facts, Path("none"))       # type: ignore[arg-type]


def stalls(outside: Outside, at_s: float) -> None:
    outside.facts.fire(at_s, 0, STALL, role="parent", pid=ROOT, number=1)


@pytest.mark.parametrize(("hits", "acts"), [(Hits(1, 1), True), (Hits(), True), (Hits(2, 2), False)])
def test_it_waits_for_the_moment_after_another_fault_and_no_longer(hits: Hits, acts: bool) -> None:
    outside = outside_of(Fault("start.waiting", "signal", ("TERM",), None, hits))
    outside.step(0.1)
    assert not outside.is_about_to_act(), "nothing was met yet: perhaps nothing ever is"
    stalls(outside, 0.5)
    outside.step(0.6)
    assert outside.is_about_to_act() is acts
    outside.step(0.5 + WAITS_S + 0.001)
    assert not outside.is_about_to_act()
    assert (len(outside.facts.fired) == 2) is acts


@pytest.mark.parametrize(("hits", "acts"), [(Hits(1, 1), True), (Hits(), True), (Hits(2, 2), False)])
def test_it_waits_for_a_child_until_it_has_come_to_stay(hits: Hits, acts: bool) -> None:
    outside = outside_of(Fault("start.child", "kill", (), None, hits))
    outside.step(0.1)
    assert not outside.is_about_to_act()
    outside.facts.look([tree.Seen(pid, 1, "S", 1, 0.0) for pid in (ROOT, CHILD)], 1.0)
    outside.step(1.01)
    assert outside.is_about_to_act() is acts
    outside.step(1.001 + STAYS_S)
    assert not outside.is_about_to_act()
    assert (len(outside.facts.fired) == 1) is acts


def test_what_only_the_target_can_bring_about_is_not_waited_for() -> None:
    for site in ("start.exec", "start.output", "start.ready"):
        outside = outside_of(Fault(site, "signal", ("TERM",), None, Hits(1, 1)))
        outside.step(0.1)
        stalls(outside, 0.5)
        outside.step(0.6)
        assert not outside.is_about_to_act()
