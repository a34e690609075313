"""A proof as lines that an operator understands: which process, which thread, what it waits for, where in its code. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from chaos.runner.proof.answers import Answer, inner
from chaos.runner.proof.decide import Scene, Verdict
from chaos.runner.proof.values import Kind, Source, Standing, Waker

MOST_THREADS = 12
FRAMES = 3


def text_of(scene: Scene, verdict: Verdict, roles: Mapping[int, str], answers: Mapping[int, Answer],
            until_s: float, ident_of: Mapping[int, int]) -> str:
    """One sentence of what is proven, then a line for each thread. ``ident_of``: thread id to Python's name of it."""
    dead = len(scene.members) - len(scene.living)
    who = [standing for standing in scene.standings if standing.pid in verdict.pids]
    lines = [_head(scene, verdict, until_s, roles)]
    for standing in who[:MOST_THREADS]:
        who_it_is = f"{name(standing.pid, roles)}, {_thread(standing)}"
        lines.append(f"  {who_it_is} {standing.text}{_place(standing, answers, ident_of)}")
    if len(who) > MOST_THREADS:
        lines.append(f"  and {len(who) - MOST_THREADS} more threads, which wait without a limit too")
    lines += [f"  until {source.text}: {_after(source, scene.at_s)}" for source in _times(scene, verdict)[:3]]
    if dead:
        lines.append(f"  {dead} process{'es' if dead > 1 else ''} of the tree ended and nobody took note of it")
    return "\n".join(lines)


def name(pid: int, roles: Mapping[int, str]) -> str:
    return f"{roles.get(pid) or 'process'} (pid {pid})"


def _head(scene: Scene, verdict: Verdict, until_s: float, roles: Mapping[int, str]) -> str:
    count = len(verdict.pids)
    whole = f"the only process, pid {min(verdict.pids)}," if count == 1 else f"any of the {count} processes"
    match verdict.kind:
        case Kind.TREE:
            return f"nothing can make {whole} go on: no thread runs, no time limit is pending, no one outside is waited for"
        case Kind.LATE:
            after = (verdict.not_before_s or 0.0) - scene.at_s
            left = until_s - scene.at_s
            return f"nothing can happen before {after:.1f} s from now, and the deadline is in {left:.1f} s"
        case Kind.STOPPED:
            return f"every thread of {whole} is stopped and needs SIGCONT"
        case Kind.PART:
            names = ", ".join(name(pid, roles) for pid in sorted(verdict.pids))
            others = ", ".join(name(pid, roles) for pid in sorted(scene.living - verdict.pids))
            if verdict.not_before_s is None:
                return f"{names} can never go on, whatever the others do ({others})"
            return f"{names} cannot go on before {verdict.not_before_s - scene.at_s:.1f} s from now, whatever {others} do"
        case _:
            return ""


def _thread(standing: Standing) -> str:
    return "its main thread" if standing.tid == standing.pid else f"thread {standing.tid}"


def _place(standing: Standing, answers: Mapping[int, Answer], ident_of: Mapping[int, int]) -> str:
    """Where in its code that is, and for an eventlet hub what its greenthreads wait for."""
    answer = answers.get(standing.pid)
    if answer is None:
        return ""
    stack = answer.stacks.get(ident_of.get(standing.tid, 0), ())
    if not stack:
        return ""
    place = ", at " + " < ".join(_from(stack)[:FRAMES])
    if any("eventlet/hubs/" in frame for frame in stack):
        green = [f"{what} at {' < '.join(_from(frames)[:FRAMES])}" for what, frames in answer.green if frames]
        return ", the eventlet hub" + ("; " + "; ".join(green[:4]) if green else "")
    return place


def _from(stack: tuple[str, ...]) -> tuple[str, ...]:
    """From the first frame that is not eventlet's."""
    first = inner(stack)
    return stack[stack.index(first):] if first in stack else stack


def _times(scene: Scene, verdict: Verdict) -> list[Source]:
    times = [source for source in scene.all_sources() if source.waker in (Waker.LIMIT, Waker.TIME, Waker.ALARM)
             and (source.pid in verdict.pids or source.waker is Waker.ALARM)]
    return sorted(times, key=lambda source: source.at_s or 0.0)


def _after(source: Source, now_s: float) -> str:
    return "at any moment" if source.at_s is None else f"not before {source.at_s - now_s:.1f} s from now"


def role_text(pid: int, missing: list[str], stack: tuple[str, ...]) -> str:
    """A parent that will never start a worker again."""
    return (f"parent (pid {pid}) has lost the thread that starts its workers: {', '.join(missing)} will never come\n"
            f"  its main thread waits for signals, at {' < '.join(stack[:FRAMES])}")
