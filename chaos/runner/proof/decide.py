"""From where everything stands to what is proven. Pure: literal snapshots in, a verdict or None out.

A source of progress is anything that may happen by itself: a time limit that ends before the deadline, somebody outside
the tree, whatever is not understood. Other processes of the tree are no source when they have none themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chaos.runner.proof.values import Kind, Member, Source, Standing, Waker

MARGIN_S = 0.05
"""A time limit counts as beyond the deadline only by so much: clocks are read one after the other."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One atomic snapshot. ``still``: the living processes of which no thread moved; ``standings`` and ``sources`` are
    theirs (``sources``: what wakes a whole process, alarms included); ``waiters``: threads that go round waiting for the
    interpreter's lock, of which the holder stands still."""

    at_s: float
    members: Mapping[int, Member]
    still: frozenset[int]
    standings: tuple[Standing, ...]
    sources: tuple[Source, ...]
    waiters: frozenset[int] = frozenset()

    @property
    def living(self) -> frozenset[int]:
        return frozenset(pid for pid, member in self.members.items() if not member.dead)

    def all_sources(self) -> list[Source]:
        return [*self.sources, *(source for standing in self.standings for source in standing.sources)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``pids``: those that can never go on (LATE: not before ``not_before_s``); ``rests_on``: those that must stay as they
    are for it to hold."""

    kind: Kind
    pids: frozenset[int]
    rests_on: frozenset[int]
    not_before_s: float | None = None


def is_own(source: Source, until_s: float) -> bool:
    """Whether it may make its process go on before ``until_s``, whatever the rest of the tree does."""
    match source.waker:
        case Waker.LIMIT | Waker.TIME | Waker.ALARM:
            return source.at_s is None or source.at_s <= until_s + MARGIN_S
        case Waker.OUTSIDE | Waker.UNKNOWN:
            return True
        case _:
            return False


def decide(scene: Scene, until_s: float, roles: Mapping[int, str], owes: Collection[str]) -> Verdict | None:
    """What is proven by this snapshot: of the whole tree, else of a part of it that owes a milestone."""
    if not scene.living:
        return None
    return _tree(scene, until_s) or _part(scene, until_s, roles, owes)


def _tree(scene: Scene, until_s: float) -> Verdict | None:
    if scene.still != scene.living or any(is_own(source, until_s) for source in scene.all_sources()):
        return None
    if all(standing.state == "T" for standing in scene.standings):
        return Verdict(Kind.STOPPED, scene.living, scene.living)
    earliest = _earliest(scene.all_sources())
    return Verdict(Kind.LATE if earliest else Kind.TREE, scene.living, scene.living, earliest)


def _earliest(sources: Collection[Source]) -> float | None:
    return min((source.at_s for source in sources if source.at_s is not None), default=None)


def _part(scene: Scene, until_s: float, roles: Mapping[int, str], owes: Collection[str]) -> Verdict | None:
    """A process that owes a milestone is stuck, and nobody of the tree is about to end or to help it.

    Its ancestors must be as quiet as it is, a child's death left aside: one that looks at the clock may be the launcher's
    own watchdog, which is what ends such a start. And whoever still moves must have reached its milestones already: one
    that has not may fail, and its death may wake the launcher.
    """
    dormant = dormant_in(scene, until_s)
    moving = scene.living - dormant
    if not moving or any(not _settled(roles.get(pid, ""), owes) for pid in moving):
        return None
    stuck = frozenset(pid for pid in dormant if roles.get(pid, "") in owes and _waits_for_nobody(scene, pid, moving)
                      and _ancestors(scene, pid) <= dormant)
    if not stuck:
        return None
    times = [source for source in scene.all_sources() if source.pid in stuck]
    return Verdict(Kind.PART, stuck, dormant, _earliest(times))


def _settled(role: str, owes: Collection[str]) -> bool:
    return role.startswith("worker.") and role not in owes


def dormant_in(scene: Scene, until_s: float) -> frozenset[int]:
    """The still processes that only each other, or the end of a child, could wake."""
    sources = scene.all_sources()
    dormant = set(scene.still) - {source.pid for source in sources if is_own(source, until_s)}
    while True:
        woken = {source.pid for source in sources if source.waker is Waker.MEMBER and source.pid in dormant
                 and source.pids & scene.living - dormant}
        if not woken:
            return frozenset(dormant)
        dormant -= woken


def _waits_for_nobody(scene: Scene, pid: int, moving: frozenset[int]) -> bool:
    return not any(source.pid == pid and source.waker is Waker.CHILD and source.pids & moving
                   for source in scene.all_sources())


def _ancestors(scene: Scene, pid: int) -> frozenset[int]:
    above: set[int] = set()
    ahead = {pid}
    while ahead:
        ahead = {parent for parent, member in scene.members.items() if ahead & set(member.children)} - above
        above |= ahead
    return frozenset(above) & scene.living
