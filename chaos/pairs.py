"""Which two cases of a sweep are one case on two backends: by their ids, or by the part that a process plays. Pure.

It compares no outcomes. With one worker the service runs in the launcher's own process under eventlet and in a forked
worker under threading: ``service.start@parent`` here is ``service.start@worker`` there, though no id has the other's twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

from chaos.model import Case, Fault, Variant

ANY_BACKEND = "*"
"""The backend of a pair's key: no backend has this name, and no case id can say it."""

Roles = tuple[str, ...]
"""The processes that serve in a good start, ``parent`` or ``worker.N`` (``Expectation.serving_roles``)."""


def pair_key(case: Case) -> Case:
    """``case`` without its backend: equal for two cases whose ids differ in nothing else."""
    return replace(case, backend=ANY_BACKEND)


def pairs_of(cases: Iterable[Case], serving: Callable[[Case], Roles]) -> Mapping[Case, Case]:
    """Each case that has a twin among ``cases`` to that twin, both ways. An equal id goes before an equal part: where the
    launcher of both backends comes by a site, its two cases are the pair, and the worker's has none."""
    found: dict[Case, Case] = {}
    for group in _alike(cases):
        both = list(combinations(group, 2))
        for a, b in (*((a, b) for a, b in both if pair_key(a) == pair_key(b)), *both):
            if a not in found and b not in found and _are_two_ends(a, serving(a), b, serving(b)):
                found[a], found[b] = b, a
    return found


def is_pair(a: Case, serve_a: Roles, b: Case, serve_b: Roles) -> bool:
    """Whether the two are one case on two backends."""
    return _without_roles(a) == _without_roles(b) and _are_two_ends(a, serve_a, b, serve_b)


def _are_two_ends(a: Case, serve_a: Roles, b: Case, serve_b: Roles) -> bool:
    """`is_pair`, of two that differ in nothing but their backends and roles."""
    return a.backend != b.backend and all(
        _plays_the_part(mine, serve_a, its, serve_b) for mine, its in zip(a.faults, b.faults, strict=True))


def is_by_part(a: Case, b: Case) -> bool:
    """Whether two that are a pair differ in the process that meets the fault: the launcher's own here, its child there."""
    return pair_key(a) != pair_key(b)


def serving_in(variants: Iterable[Variant]) -> Callable[[Case], Roles]:
    """Who serves in a good start of a case's variant; nobody that is known, where there was none."""
    known = {(one.baseline.case.backend, one.baseline.case.workers): one.baseline.seen.expected.serving_roles
             for one in variants}
    return lambda case: known.get((case.backend, case.workers), ())


def _alike(cases: Iterable[Case]) -> Iterator[list[Case]]:
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        groups.setdefault(_without_roles(case), []).append(case)
    return (group for group in groups.values() if len(group) > 1)


def _without_roles(case: Case) -> Case:
    return replace(pair_key(case), faults=tuple(replace(fault, role=None) for fault in case.faults))


def _plays_the_part(mine: Fault, serve_mine: Roles, its: Fault, serve_its: Roles) -> bool:
    return mine.role == its.role or (_is_the_service(mine.role, serve_mine) and _is_the_service(its.role, serve_its))


def _is_the_service(role: str | None, serving: Roles) -> bool:
    """``role`` is all of what serves: not one of several workers, to which a launcher that serves itself is no twin."""
    return len(serving) == 1 and (role == serving[0] or (role == "worker" and serving[0].startswith("worker.")))
