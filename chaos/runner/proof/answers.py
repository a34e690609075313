"""What a process said about itself when it was asked: its alarm, its stacks, the timers of its eventlet hub. Pure.

It answers in a signal handler of its main thread. The counters that it read on entry tell whether that thread was on a
processor since a snapshot: when they are those of the snapshot, what it saw is what stood there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from chaos.runner.proof.values import Source, Standing, Waker

HUB_FILES = tuple(f"eventlet/hubs/{name}.py" for name in ("poll", "epolls", "selects"))
CLOCKS_AGREE_S = 0.001
RESUMES = "switch"
"""The only callback that lets a greenthread go on where it is: a time limit throws into it instead."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of a hub that was not called yet; ``calls``: the name of what it calls, ``switch`` for one that resumes a
    greenthread; ``stack``: of that greenthread, innermost first."""

    at_s: float
    calls: str
    stack: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hub:
    """An eventlet hub that runs in the thread ``ident``. ``vacuous``: when it wakes with no timer due it changes nothing."""

    ident: int
    vacuous: bool
    timers: tuple[Timer, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """``switches``: of the main thread on entry; ``alarm_s``: seconds until SIGALRM, None for no alarm; ``stacks``: by
    thread ident, innermost first; ``green``: stacks of greenthreads that wait for a descriptor or a timer, by what."""

    pid: int
    entered_s: float
    switches: int
    main: int
    alarm_s: float | None
    stacks: Mapping[int, tuple[str, ...]]
    hubs: tuple[Hub, ...]
    green: tuple[tuple[str, tuple[str, ...]], ...]


def parse(pid: int, text: str) -> Answer | None:
    """A whole answer; None for one that is torn or of another kind."""
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        return None
    blocks: list[tuple[list[str], list[str]]] = []
    for line in lines[:-1]:
        if line.startswith("  ") and blocks:
            blocks[-1][1].append(line.strip())
        else:
            blocks.append((line.split("\t"), []))
    try:
        return _answer(pid, blocks)
    except (KeyError, IndexError, ValueError):
        return None


def _answer(pid: int, blocks: list[tuple[list[str], list[str]]]) -> Answer:
    one = {words[0]: words[1:] for words, _ in blocks}
    left_s = float(one["alarm"][0])
    stacks = {int(words[1]): tuple(stack) for words, stack in blocks if words[0] == "thread"}
    hubs: list[Hub] = []
    green: list[tuple[str, tuple[str, ...]]] = []
    for words, stack in blocks:
        if words[0] == "hub":
            closed, stopping, off_s = int(words[2]), int(words[3]), float(words[4])
            hubs.append(Hub(int(words[1]), not closed and not stopping and abs(off_s) < CLOCKS_AGREE_S, ()))
        elif words[0] == "timer":
            hubs[-1] = replace(hubs[-1], timers=(*hubs[-1].timers, Timer(float(words[1]), words[2], tuple(stack))))
            green.append(("a timer", tuple(stack)))
        elif words[0] in ("listener", "suspended"):
            green.append((" ".join(words[1:]), tuple(stack)))
    entered = one["entered"]
    return Answer(pid, float(entered[0]), int(entered[1]) + int(entered[2]), int(one["main"][0]),
                  left_s or None, stacks, tuple(hubs), tuple(green))


def hub_of(answer: Answer, ident: int) -> Hub | None:
    """The hub that waits in that thread: its innermost frame is the hub's own wait."""
    stack = answer.stacks.get(ident, ())
    if not stack or not stack[0].rpartition(":")[0].endswith(HUB_FILES):
        return None
    return next((hub for hub in answer.hubs if hub.ident == ident), None)


def with_hub(standing: Standing, hub: Hub, only_for_children: Callable[[tuple[str, ...]], bool],
             children: frozenset[int]) -> Standing:
    """A thread in which a hub waits: the limit of its wait is vacuous, its timers are what may happen. Those of a loop
    that does nothing but look for dead children (``only_for_children``, by its stack) are a wait for children."""
    if not hub.vacuous:
        return standing
    others = tuple(source for source in standing.sources if source.waker is not Waker.LIMIT)
    timers = []
    for timer in hub.timers:
        where = inner(timer.stack)
        if timer.calls == RESUMES and only_for_children(timer.stack):
            timers.append(Source(Waker.CHILD, standing.pid, standing.tid, f"the end of a child, looked for by {where}",
                                 pids=children))
        else:
            timers.append(Source(Waker.TIME, standing.pid, standing.tid, f"an eventlet timer resumes {where}", timer.at_s))
    return replace(standing, sources=others + tuple(timers))


def inner(stack: tuple[str, ...]) -> str:
    """The innermost frame that is not eventlet's own, or the innermost."""
    for frame in stack:
        if "/eventlet/" not in frame and "/_chaos_" not in frame:
            return frame
    return stack[0] if stack else "a callback"
