"""Two sets of verdicts side by side, as text: what is new, fixed, still failing, changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chaos.caseid import format_case
from chaos.judge import pair_key
from chaos.model import Grade, Judged, Verdict


def compared(old: Iterable[Judged], new: Iterable[Judged]) -> str:
    """New, fixed and still failing cases and changed outcomes, each with its case ids; then a line of counts."""
    before = {format_case(one.case): one.verdict for one in old}
    after = {format_case(one.case): one.verdict for one in new}
    both = sorted(set(before) & set(after))
    failing = [key for key, verdict in sorted(after.items()) if verdict.grade is Grade.FAIL]
    fails_before = {key for key, verdict in before.items() if verdict.grade is Grade.FAIL}
    groups = {
        "new": [key for key in failing if key not in fails_before],
        "fixed": [key for key in both if key in fails_before and after[key].grade is Grade.PASS],
        "still failing": [key for key in failing if key in fails_before],
        "changed outcome": [key for key in both if before[key].outcome != after[key].outcome],
        "only in the old report": sorted(set(before) - set(after)),
        "only in the new report": sorted(set(after) - set(before)),
    }
    lines = []
    for name, keys in groups.items():
        lines += [f"{name}: {len(keys)}"] if keys else []
        lines += [f"  {key}{_change(key, name, before, after)}" for key in keys]
    return "\n".join([*lines, ", ".join(f"{len(keys)} {name}" for name, keys in groups.items())])


def _change(key: str, group: str, before: Mapping[str, Verdict], after: Mapping[str, Verdict]) -> str:
    if group.startswith("only"):
        return ""
    was, now = (getattr(table.get(key), "outcome", "not run") for table in (before, after))
    return f"  {now}" if was == now else f"  {was} -> {now}"


def backends_against_each_other(cases: Sequence[Judged]) -> str:
    """Every case that ran on both backends with different outcomes, worst first; then a line of counts."""
    halves: dict[object, dict[str, Judged]] = {}
    for one in cases:
        halves.setdefault(pair_key(one.case), {})[one.case.backend] = one
    pairs = [(half["eventlet"], half["threading"]) for half in halves.values() if {"eventlet", "threading"} <= set(half)]
    differ = [(left, right) for left, right in pairs if left.verdict.outcome != right.verdict.outcome]
    differ.sort(key=lambda pair: -sum(one.verdict.grade is Grade.FAIL for one in pair))
    lines = [f"{format_case(left.case)}\n  eventlet: {left.verdict.outcome} ({left.verdict.grade}); "
             f"threading: {right.verdict.outcome} ({right.verdict.grade})" for left, right in differ]
    return "\n".join([*lines, f"{len(pairs)} cases ran on both backends, {len(differ)} with different outcomes"])
