"""What can still happen in a tree of which nothing is proven: timers, peers outside, loops with their period, work. Pure.

Described, never judged: whether a retry ends, or a computation, cannot be told from the state of a process.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chaos.runner.proof.answers import Answer, inner
from chaos.runner.proof.values import Source, Standing, Waker
from chaos.runner.proof.words import name

MOST_LINES = 12
ROUNDS = 3
COMPUTES = 0.25
"""Of a processor: from here on a thread is said to compute. Not more, for on a busy machine it may get no more."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What a thread did lately. ``rounds_s``: when it woke after a rest, as far as the looks saw; ``cpu_share``: of one
    processor, and ``wakes_per_s``, over the last part of a second."""

    rounds_s: tuple[float, ...] = ()
    cpu_share: float = 0.0
    wakes_per_s: float = 0.0


def describe(standings: Sequence[Standing], of_processes: Sequence[Source], habits: Mapping[int, Habit],
             answers: Mapping[int, Answer], roles: Mapping[int, str], now_s: float) -> tuple[str, ...]:
    """A line for each thread or process that may go on by itself, the busiest first; one line if there is none."""
    rows: list[tuple[float, str]] = []
    for standing in standings:
        habit = habits.get(standing.tid, Habit())
        ways = [_way(source, now_s) for source in standing.sources if source.waker not in (Waker.MEMBER, Waker.CHILD)]
        if ways or habit.cpu_share >= COMPUTES:     # one that only waits for others was woken by being asked, or by them
            ways = [*_doing(habit), *dict.fromkeys(ways)]
            who = "its main thread" if standing.tid == standing.pid else f"thread {standing.tid}"
            line = f"{name(standing.pid, roles)}, {who}: {'; '.join(ways)}{_place(standing, answers)}"
            rows.append((habit.cpu_share + habit.wakes_per_s, line))
    rows += [(0.0, f"{name(one.pid, roles)}: {_way(one, now_s)}") for one in of_processes
             if one.waker is not Waker.CHILD and (one.waker is not Waker.ALARM or not rows)]
    rows.sort(key=lambda row: -row[0])
    lines = list(dict.fromkeys(line for _, line in rows))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} more"]
    return tuple(lines) or ("nothing that could be seen",)


def _doing(habit: Habit) -> list[str]:
    if habit.cpu_share >= COMPUTES:
        return [f"computes, {habit.cpu_share:.0%} of a processor"]
    if len(habit.rounds_s) > ROUNDS:
        steps = [after - before for before, after in zip(habit.rounds_s, habit.rounds_s[1:], strict=False)]
        return [f"goes round, {len(habit.rounds_s)} rounds seen lately, about every {statistics.median(steps):.2f} s"]
    if habit.wakes_per_s >= 2:
        return [f"wakes about {habit.wakes_per_s:.0f} times a second"]
    return []


def _way(source: Source, now_s: float) -> str:
    if source.waker not in (Waker.LIMIT, Waker.TIME, Waker.ALARM):
        return source.text if source.waker is Waker.UNKNOWN else f"waits for {source.text}"
    if source.at_s is None:
        return f"{source.text}, nobody knows when"
    return f"{source.text} in {max(0.0, source.at_s - now_s):.1f} s or later"


def _place(standing: Standing, answers: Mapping[int, Answer]) -> str:
    """Where the main thread is, or what the eventlet hub in it will resume."""
    answer = answers.get(standing.pid)
    if answer is None or standing.tid != standing.pid:
        return ""
    stack = answer.stacks.get(answer.main, ())
    if not any("eventlet/hubs/" in frame for frame in stack[:3]):
        return f", at {inner(stack)}" if stack else ""
    waiting = dict.fromkeys(f"{what} at {inner(frames)}" for what, frames in answer.green if frames)
    return ", the eventlet hub: " + "; ".join(list(waiting)[:4]) if waiting else ", the eventlet hub"

