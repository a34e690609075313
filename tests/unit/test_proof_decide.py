"""What is proven of a snapshot: literal trees in, a verdict or none out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import product

from chaos.runner.proof.decide import Scene, decide
from chaos.runner.proof.values import Kind, Member, Source, Standing, Task, Waker

NOW_S, UNTIL_S = 100.0, 110.0
ROLES = {1: "parent", 2: "worker.0", 3: "worker.1"}
ALL = frozenset({"parent", "worker.0", "worker.1"})


def process(pid: int, *children: int, state: str = "S") -> Member:
    return Member(pid, (Task(pid, state, 5, 0),), children)


def standing(pid: int, *sources: Source, state: str = "S") -> Standing:
    return Standing(pid, pid, state, "futex", "waits", sources)


def scene(members: list[Member], standings: list[Standing], *sources: Source, moving: frozenset[int] = frozenset()) -> Scene:
    living = frozenset(member.pid for member in members if not member.dead)
    return Scene(NOW_S, {member.pid: member for member in members}, living - moving,
                 tuple(one for one in standings if one.pid not in moving), sources)


def at(pid: int, moment_s: float | None, waker: Waker = Waker.LIMIT) -> Source:
    return Source(waker, pid, pid, "a timer", moment_s)


def held_by(pid: int, *others: int) -> Source:
    return Source(Waker.MEMBER, pid, pid, "a pipe", pids=frozenset(others))


def child_of(pid: int, *children: int) -> Source:
    return Source(Waker.CHILD, pid, pid, "a child", pids=frozenset(children))


OUTSIDE = Source(Waker.OUTSIDE, 1, 1, "a peer")
UNKNOWN = Source(Waker.UNKNOWN, 1, 1, "something")


def test_a_tree_without_any_source_is_proven_whole() -> None:
    verdict = decide(scene([process(1)], [standing(1)]), UNTIL_S, ROLES, ALL)
    assert verdict is not None and (verdict.kind, verdict.pids) == (Kind.TREE, {1})


def test_processes_that_wait_for_each_other_are_no_source() -> None:
    both = scene([process(1, 2), process(2)], [standing(1, held_by(1, 2), child_of(1, 2)), standing(2, held_by(2, 1))])
    verdict = decide(both, UNTIL_S, ROLES, ALL)
    assert verdict is not None and (verdict.kind, verdict.pids) == (Kind.TREE, {1, 2})


def test_nothing_is_proven_while_anybody_moves_or_something_may_happen_before_the_deadline() -> None:
    members = [process(1, 2), process(2)]
    assert decide(scene(members, [standing(1), standing(2)], moving=frozenset({2})), UNTIL_S, ROLES, ALL) is None
    for source in (OUTSIDE, UNKNOWN, at(1, UNTIL_S - 1), at(1, None), at(1, UNTIL_S), at(1, 105.0, Waker.ALARM)):
        assert decide(scene([process(1)], [standing(1, source)]), UNTIL_S, ROLES, ALL) is None
        assert decide(scene([process(1)], [standing(1)], source), UNTIL_S, ROLES, ALL) is None


def test_of_an_empty_or_dead_tree_nothing_is_proven() -> None:
    assert decide(scene([], []), UNTIL_S, ROLES, ALL) is None
    assert decide(scene([process(1, state="Z")], []), UNTIL_S, ROLES, ALL) is None


def test_timers_beyond_the_deadline_make_it_late_with_the_earliest_of_them() -> None:
    late = scene([process(1), process(2)], [standing(1, at(1, 500.0)), standing(2, at(2, 400.0))])
    verdict = decide(late, UNTIL_S, ROLES, ALL)
    assert verdict is not None and (verdict.kind, verdict.not_before_s) == (Kind.LATE, 400.0)


def test_a_tree_that_is_stopped_is_called_stopped_and_one_that_waits_for_a_stopped_child_is_not() -> None:
    whole = scene([process(1, state="T")], [standing(1, state="T")])
    assert (verdict := decide(whole, UNTIL_S, ROLES, ALL)) is not None and verdict.kind is Kind.STOPPED
    child = scene([process(1, 2), process(2, state="T")], [standing(1, child_of(1, 2)), standing(2, state="T")])
    assert (verdict := decide(child, UNTIL_S, ROLES, ALL)) is not None and verdict.kind is Kind.TREE


def part(*sources: Source, moving: frozenset[int] = frozenset({2}), owes: frozenset[str] = frozenset({"worker.1"}),
         roles: dict[int, str] = ROLES) -> frozenset[int] | None:
    """The stuck pids of a parent with two workers, of which the first moves."""
    of = {pid: [source for source in sources if source.pid == pid] for pid in ROLES}
    members = [process(1, 2, 3), process(2), process(3)]
    verdict = decide(scene(members, [standing(pid, *of[pid]) for pid in ROLES], moving=moving), UNTIL_S, roles, owes)
    assert verdict is None or verdict.kind is Kind.PART
    return verdict and verdict.pids


def test_a_worker_that_owes_is_stuck_when_its_parent_is_quiet_and_its_sibling_has_served() -> None:
    assert part() == {3}
    assert part(child_of(1, 2, 3), held_by(3, 1)) == {3}
    assert part(at(2, None), moving=frozenset()) == {3}


def test_no_part_is_proven_when_its_parent_may_act_by_itself_or_be_told_by_the_one_that_lives() -> None:
    assert part(at(1, 105.0)) is None
    assert part(OUTSIDE) is None
    assert part(held_by(1, 2)) is None
    assert part(moving=frozenset({1, 2})) is None
    assert part(at(1, 500.0)) == {3}


def test_no_part_is_proven_when_the_one_that_lives_could_help_it_or_may_still_fail() -> None:
    assert part(held_by(3, 2)) is None
    assert part(owes=frozenset({"worker.0", "worker.1"})) is None
    assert part(roles={1: "parent", 2: "helper", 3: "worker.1"}) is None
    assert part(roles={1: "parent", 2: "", 3: "worker.1"}) is None


def test_a_parent_that_waits_for_a_worker_that_lives_is_not_stuck() -> None:
    assert part(child_of(1, 2, 3), owes=frozenset({"parent"})) is None
    assert part(owes=frozenset()) is None


def test_what_is_not_proven_with_fewer_sources_is_not_proven_with_more() -> None:
    """The prover looks first as if nobody outside held anything, and goes no further where that proves nothing. Every tree
    of three, every choice of who moves and who owes, at most one source a process."""
    trees = ([process(1, 2, 3), process(2), process(3)], [process(1, 2), process(2, 3), process(3)])
    others = {1: (2, 3), 2: (1, 3), 3: (1, 2)}
    choices = {pid: (None, at(pid, UNTIL_S - 1), at(pid, UNTIL_S + 1), replace(OUTSIDE, pid=pid), held_by(pid, *others[pid]),
                     held_by(pid, others[pid][0]), child_of(pid, 3)) for pid in others}
    subsets = [frozenset(pid for pid in others if bits >> pid & 1) for bits in range(0, 16, 2)]
    for members, moving, owes in product(trees, subsets, (ALL, ALL - {"parent"}, {"worker.0"})):
        def proven(sources: tuple[Source | None, ...], members: list[Member] = members,
                   moving: frozenset[int] = moving, owes: Collection[str] = owes) -> bool:
            standings = [standing(pid, *filter(None, [source])) for pid, source in enumerate(sources, start=1)]
            return decide(scene(members, standings, moving=moving), UNTIL_S, ROLES, owes) is not None

        found = {sources: proven(sources) for sources in product(*choices.values())}
        for sources in (sources for sources, is_proven in found.items() if is_proven):
            for index in range(3):
                assert found[*sources[:index], None, *sources[index + 1:]], (sources, moving, owes)
