"""Warm starts are trusted as far as they are checked: which verdicts a cold run confirms, and what comes of that. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from chaos.caseid import format_case
from chaos.judge import judge
from chaos.model import Case, Grade, Judged, Observation, Outcome, Phase, Verdict, Warm

SHARE = 160
"""One passing case in so many is run cold as well: a cold start costs ten warm ones, so this is a sixteenth of a sweep."""
_SAME = {Outcome.HANG_PROVEN: Outcome.HANG_SUSPECTED, Outcome.DEGRADED: Outcome.HANG_SUSPECTED}
"""Words for one thing that happened, it stays and does not serve: which one it is depends on whether that could be proven."""


def is_warm(seen: Observation) -> bool:
    return seen.started_as == "warm"


def to_confirm(judged: Judged, seed: int) -> bool:
    """Whether a warm verdict needs a cold one: all but passes, and of those a share that ``seed`` chooses."""
    if not is_warm(judged.seen):
        return False
    return judged.verdict.grade is not Grade.PASS or _chosen(judged.case, seed)


def _chosen(case: Case, seed: int) -> bool:
    return int(hashlib.sha256(f"{seed}/{format_case(case)}".encode()).hexdigest()[:8], 16) % SHARE == 0


def confirmed(warm: Judged, cold: Judged) -> Judged:
    """What the two runs say together: the cold one's verdict where they agree; where they do not, nobody knows.

    A fault that a warm start did not reach was not tried by it: that is no disagreement.
    """
    if warm.verdict.outcome is Outcome.UNREACHED and cold.verdict.outcome is not Outcome.UNREACHED:
        return replace(cold, seen=replace(cold.seen, started_as="cold: a warm start does not reach its fault"))
    if _word(warm) == _word(cold) or cold.verdict.grade is Grade.UNKNOWN:
        return replace(cold, seen=replace(cold.seen, started_as="cold: it confirms a warm run"))
    note = (f"a warm and a cold run disagree: {warm.verdict.outcome} ({warm.verdict.grade}) warm, "
            f"{cold.verdict.outcome} ({cold.verdict.grade}) cold")
    return replace(cold, verdict=Verdict(cold.verdict.outcome, Grade.UNKNOWN, note=note), beside=warm.seen)


def judged_again(one: Judged) -> Judged:
    """What today's rules say of what was seen then; of a warm and a cold run that did not agree, what they say together."""
    cold = replace(one, verdict=judge(one.case, one.seen), beside=None)
    if one.beside is None:
        return cold
    return confirmed(Judged(one.case, one.beside, judge(one.case, one.beside)), cold)


def _word(judged: Judged) -> tuple[Outcome, Grade]:
    outcome = judged.verdict.outcome
    return _SAME.get(outcome, outcome), judged.verdict.grade


def warmth(cold: Judged, warm: Judged, ahead: str) -> Warm:
    """What is known after the good start of a variant was run cold and warm."""
    if not is_warm(warm.seen):
        return Warm(because=warm.seen.started_as.removeprefix("cold: "))
    if warm.verdict.grade is not Grade.PASS:
        why = warm.verdict.note or "; ".join(one.because for one in warm.verdict.broken)
        return Warm(because=f"a warm start does not come up as a cold one does: {why}")
    reached = [{(hit.site, hit.role) for hit in seen.hits if hit.phase is Phase.START} for seen in (cold.seen, warm.seen)]
    return Warm(ahead, unlike=tuple(sorted({site for site, _ in reached[0] ^ reached[1]})))
