"""From a case and what was seen to a verdict; from two verdicts of one case to what they say of each other. Pure.

It decides only whether an outcome is acceptable: what happened says ``outcomes``, what was promised ``promises``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from chaos.caseid import format_fault
from chaos.model import (
    Broken,
    Case,
    Exited,
    Expectation,
    Firing,
    Grade,
    Judged,
    Killed,
    Limits,
    Observation,
    Outcome,
    Phase,
    StillRunning,
    Verdict,
)
from chaos.outcomes import outcome_of, seconds, stays_up_untold, unfired, what_happened
from chaos.pairs import is_by_part, is_pair, pairs_of
from chaos.promises import PROMISES, SAME_ON_BOTH_BACKENDS, same_on_both_backends

ACCEPTABLE = frozenset({Outcome.STARTED, Outcome.RECOVERED, Outcome.CLEAN_EXIT})
"""What a launcher may do about a fault. About none it may only start."""


def judge(case: Case, seen: Observation) -> Verdict:
    """The verdict over one run. A run that says nothing about the launcher is never a pass, and breaks no promise."""
    outcome = outcome_of(case, seen)
    if outcome is Outcome.HARNESS_ERROR:
        return Verdict(outcome, Grade.UNKNOWN, note=_harness_note(seen))
    broken = _broken(case, seen)
    if outcome is Outcome.UNREACHED:
        return Verdict(outcome, Grade.UNREACHED, note=_unreached_note(case, seen, broken))
    if not case.faults and outcome is not Outcome.STARTED:
        return Verdict(outcome, Grade.FAIL, broken, _baseline_note(seen, outcome))
    if broken or outcome not in ACCEPTABLE:
        return Verdict(outcome, Grade.FAIL, broken)
    if isinstance(seen.ending, StillRunning):
        return Verdict(outcome, Grade.UNKNOWN, note="chaos stopped watching a service that it never told to stop")
    if stays_up_untold(case, seen):
        return Verdict(outcome, Grade.UNKNOWN, note=f"it met the fault and stayed up, and {UNDECIDED}")
    return Verdict(outcome, Grade.PASS, note=_undecided_note(seen))


UNDECIDED = ("no readiness is known: whether it serves then or hangs, recovered, or is at full strength cannot be decided; "
             "--ready, or ready in its entry, names how it shows that it is ready")


def _undecided_note(seen: Observation) -> str:
    return UNDECIDED if seen.expected.silent and seen.served_s is not None else ""


def for_pair(judged: Judged) -> Judged:
    """``judged`` with no more than ``judge_pair`` looks at: of a sweep's first half, every case waits for its twin."""
    fired = judged.seen.fired
    return replace(judged, seen=_for_pair(fired[0].phase if fired else None, judged.seen.expected), beside=None)


@functools.lru_cache(maxsize=256)
def _for_pair(phase: Phase | None, expected: Expectation) -> Observation:
    fired = () if phase is None else (Firing(0.0, 0, "", "", 0, 1, "", phase=phase),)
    return Observation(ending=Exited(0), elapsed_s=0.0, limits=Limits(), expected=expected, stopped_watching="", fired=fired)


def judge_pair(a: Judged, b: Judged) -> tuple[Judged, Judged]:
    """Both again, with the promise that only the two together can break. Judging a pair twice adds nothing.

    The difference is charged to the side that fails by itself; where both or neither do, to both. But where the service
    is the launcher's own process here and its worker there, two sides that do well may differ: a worker is born again,
    a launcher that fails ends. ValueError for two that are no pair: comparing those would call every difference between
    two cases a finding.
    """
    if not is_pair(a.case, a.seen.expected.serving_roles, b.case, b.seen.expected.serving_roles):
        raise ValueError(f"not one case on two backends: {a.case} and {b.case}")
    broken = None if Grade.UNKNOWN in (a.verdict.grade, b.verdict.grade) else same_on_both_backends(a, b)
    if broken is None or (is_by_part(a.case, b.case) and not (_fails_alone(a) or _fails_alone(b))):
        return a, b
    alone = _fails_alone(a) != _fails_alone(b)
    return _charged(a, broken, alone), _charged(b, broken, alone)


def _charged(one: Judged, broken: Broken, alone: bool) -> Judged:
    return one if alone and not _fails_alone(one) else _with(one, broken)


def judge_pairs(cases: Iterable[Judged]) -> tuple[Judged, ...]:
    """All cases of a sweep again, in their order, with what each backend's says of the other's."""
    found = {one.case: one for one in cases}
    for case, twin in pairs_of(found, lambda case: found[case].seen.expected.serving_roles).items():
        if case.backend < twin.backend:
            found.update((both.case, both) for both in judge_pair(found[case], found[twin]))
    return tuple(found.values())


def _fails_alone(judged: Judged) -> bool:
    own = [one for one in judged.verdict.broken if one.promise != SAME_ON_BOTH_BACKENDS]
    return bool(own) or judged.verdict.outcome not in ACCEPTABLE


def _with(judged: Judged, broken: Broken) -> Judged:
    others = tuple(one for one in judged.verdict.broken if one.promise != SAME_ON_BOTH_BACKENDS)
    return replace(judged, verdict=replace(judged.verdict, grade=Grade.FAIL, broken=(*others, broken)))


def _broken(case: Case, seen: Observation) -> tuple[Broken, ...]:
    found = (promise(case, seen) for _, promise, _ in PROMISES)
    return tuple(broken for broken in found if broken is not None)


def _harness_note(seen: Observation) -> str:
    if seen.stopped_watching == "interrupted":
        return f"interrupted: {seen.harness}" if seen.harness else "interrupted"
    return seen.harness or "chaos stopped watching because of a fault of its own, and did not say which"


def _unreached_note(case: Case, seen: Observation, broken: tuple[Broken, ...]) -> str:
    """Broken promises stand here and not in the verdict: without its fault the run says nothing about this case."""
    never = ", ".join(format_fault(fault) for fault in unfired(case, seen))
    otherwise = "".join(f"; {one.promise}: {one.because}" for one in broken)
    return f"{never} never fired; otherwise the run went as {what_happened(case, seen)}{otherwise}"


def _baseline_note(seen: Observation, outcome: Outcome) -> str:
    """No promise forbids a launcher to refuse a bad configuration, with a cause and a status. But then there is nothing
    to inject into: the baseline fails by its outcome alone, and the note says so."""
    return f"with no fault it must start, and it ended as {outcome}: {_ended(seen)}"


def _ended(seen: Observation) -> str:
    match seen.ending:
        case StillRunning(after_s):
            return f"still running after {seconds(after_s)}"
        case Killed(name):
            return f"{name} after {seconds(seen.elapsed_s)}"
        case ended:
            return f"exit {ended.status} after {seconds(seen.elapsed_s)}"
