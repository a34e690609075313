"""One case told in full, as plain text: verdict, why, timeline, processes, log, stacks, the command. Pure.

The same text serves a terminal, a failing pytest assertion and the HTML page, so it holds no colour and no markup, and
everything in it that a target wrote is cleaned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import assert_never

from chaos.caseid import format_case
from chaos.model import Ending, Exited, Firing, Judged, Killed, Observation, Process, StillRunning
from chaos.report.document import reproduce_line
from chaos.report.safetext import clean_lines, cleaned, clipped, one_line, wrapped, wrapped_all

WIDTH = 100
LOG_LINES = 20
STACK_LINES = 200
PROCESS_LINES = 24
TIMELINE_HEAD, TIMELINE_TAIL = 40, 20
LOG_LINE_LIMIT = 400
LOG_FILE = "--- its log file ---"
FIRINGS_TOLD = 3
"""A persistent fault in a retry loop fires thousands of times; after the third, only the last one says anything new."""

_LOUD = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b|^(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Failure|Exit|Interrupt)\b")


def explain(judged: Judged, *, suffix: str = "", width: int = WIDTH) -> str:
    """What happened in one case and why that is its verdict. ``suffix`` ends the reproduce line, as in a report.

    No line is wider than ``width`` cells, except one that holds an id.
    """
    return "\n".join([*story(judged, width=width), "", reproduce_line(judged.case, suffix)])


def story(judged: Judged, *, width: int = WIDTH) -> list[str]:
    """``explain`` without its last line, for a page that says the command at a place of its own."""
    seen = judged.seen
    parts = [
        _verdict_lines(judged, width),
        _section("timeline (seconds after exec)", timeline(seen), width, hang=12),
        _section("processes", process_tree(seen.processes, seen.leftovers), width, hang=8),
        _section("left behind", left_behind(seen), width, hang=4),
        _section(log_title(seen), log_excerpt(seen), width, hang=6),
        _section(*_proof(seen), width, hang=4),
        _section("not proven to hang: what could still have happened", _still_possible(seen), width, hang=4),
        _section("stacks", _middle_cut(clean_lines(seen.stacks), STACK_LINES, 0), width, hang=8),
    ]
    beside = [] if judged.beside is None else _beside(judged.beside, width)
    return [line for part in (*parts, beside) if part for line in ("", *part)][1:]


def _beside(seen: Observation, width: int) -> list[str]:
    """What a warm run of the same case showed: two runs that disagree are for a reader to compare, so both are shown."""
    title = f"a warm run of the same case: {ended(seen.ending, seen.elapsed_s)}"
    log = _section("its log, last lines", log_excerpt(seen), width, hang=6)
    return [*_section(title, timeline(seen), width, hang=12), *log]


def started_as(seen: Observation) -> list[str]:
    """Whether it was started warm or cold, and why cold, where that was asked of the runner."""
    return [one_line(f"started {seen.started_as}")] if seen.started_as else []


def _still_possible(seen: Observation) -> list[str]:
    return [one_line(line) for line in seen.still_possible]


def _proof(seen: Observation) -> tuple[str, list[str]]:
    """Why it cannot go on by itself, and what that stands on."""
    if seen.proof is None:
        return "", []
    return f"proof ({seen.proof.kind}), if {seen.proof.assumption}", clean_lines(seen.proof.text)


def _section(title: str, lines: Sequence[str], width: int, *, hang: int) -> list[str]:
    """A title and its lines, indented; nothing at all where there are none. ``hang``: the indent of a broken line."""
    if not lines:
        return []
    return [*wrapped(title, width), *wrapped_all(lines, width, first="  ", rest=" " * min(hang, width // 4))]


def _verdict_lines(judged: Judged, width: int) -> list[str]:
    verdict = judged.verdict
    line = f"{verdict.grade.value.upper()} {verdict.outcome}: {ended(judged.seen.ending, judged.seen.elapsed_s)}"
    broken = [one_line(f"{broken.promise}: {broken.because}") for broken in verdict.broken]
    notes = [one_line(text) for text in (verdict.note, judged.seen.harness) if text]
    told = wrapped_all([*broken, *notes, *started_as(judged.seen)], width, first="  ", rest="    ")
    return [*wrapped(line, width), format_case(judged.case), *told]


def ended(ending: Ending, elapsed_s: float) -> str:
    """How it ended, in words."""
    match ending:
        case Exited(status):
            return f"exit status {status} after {elapsed_s:.2f} s"
        case Killed(signal, by_chaos):
            return f"ended by {signal}{' from chaos' if by_chaos else ''} after {elapsed_s:.2f} s"
        case StillRunning(after_s):
            return f"still running after {after_s:.2f} s"
        case _:
            assert_never(ending)


# --- the timeline --------------------------------------------------------------------------------------------------


def timeline(seen: Observation) -> list[str]:
    """What happened, in order, as ``"    0.31  configured (parent, pid 12)"``; a long one loses its middle."""
    told = sorted([*_moments(seen)], key=lambda moment: moment[0])
    lines = [f"{at_s:8.2f}  {one_line(text)}" for at_s, text in told]
    return _middle_cut(lines, TIMELINE_HEAD, TIMELINE_TAIL)


def _moments(seen: Observation) -> Iterator[tuple[float, str]]:
    """Every moment worth telling. Where two have the same time, the order of this function is the order of causes."""
    for process in seen.processes:
        yield process.seen_s, f"process {process.pid} born{_as_role(process.role) or ': ' + _command(process)}"
    for milestone in seen.milestones:
        yield milestone.at_s, f"{milestone.name} ({milestone.role}, pid {milestone.pid})"
    yield from _firing_moments(seen.fired)
    for sign in seen.signs:
        if sign.seen_s is not None:
            yield sign.seen_s, f"ready by {sign.text}"
    for notice in seen.notices:
        yield notice.at_s, f"notice {notice.text}"
    if seen.served_s is not None:
        yield seen.served_s, "serving: every expected process has started and answers"
    for signal in seen.signals:
        yield signal.at_s, f"chaos sent {signal.signal} to {signal.pid}: {signal.why}"
    for process in seen.processes:
        if process.gone_s is not None:
            yield process.gone_s, f"process {process.pid} gone{_as_role(process.role)}"
    yield seen.elapsed_s, _end_moment(seen)


def _end_moment(seen: Observation) -> str:
    match seen.ending:
        case Exited() | Killed():
            return f"the launcher ended: {ended(seen.ending, seen.elapsed_s)}"
        case StillRunning():
            return f"chaos stopped watching ({seen.stopped_watching}): the launcher still runs"
        case _:
            assert_never(seen.ending)


def _firing_moments(fired: Iterable[Firing]) -> Iterator[tuple[float, str]]:
    """Each fault's first firings a process and its last, with the count: an endless retry is one fact."""
    ordered = sorted(fired, key=lambda f: (f.index, f.pid, f.at_s))
    for _, group in groupby(ordered, key=lambda f: (f.index, f.pid)):
        firings = list(group)
        for firing in firings[:FIRINGS_TOLD]:
            yield firing.at_s, f"FAULT {_firing(firing)}"
        if len(firings) > FIRINGS_TOLD:
            yield firings[-1].at_s, f"FAULT {_firing(firings[-1])}: {len(firings)} times in all"


def _firing(firing: Firing) -> str:
    token = f", {firing.token}" if firing.token else ""
    return f"{firing.action} at {firing.site}, hit {firing.number} ({firing.role}, pid {firing.pid}){token}"


def _as_role(role: str) -> str:
    return f" as {role}" if role else ""


def _command(process: Process) -> str:
    return one_line(process.command) or "(no command line)"


def _middle_cut(lines: list[str], head: int, last: int) -> list[str]:
    left_out = len(lines) - head - last
    if left_out <= 1:
        return lines
    return [*lines[:head], f"… {left_out} more lines …", *lines[len(lines) - last :]]


# --- processes and what they left ----------------------------------------------------------------------------------


def process_tree(processes: Sequence[Process], leftovers: Sequence[Process] = ()) -> list[str]:
    """The target's processes, children below their parent, in the order in which they were seen."""
    ordered = sorted(processes, key=lambda process: process.seen_s)
    left = frozenset(process.pid for process in leftovers)
    lines = [
        "  " * (len(path) - 1) + _process_line(ordered[path[-1]], ordered[path[-1]].pid in left)
        for path in sorted(_paths(ordered))
    ]
    return _middle_cut(lines, PROCESS_LINES, 4)


def _paths(ordered: Sequence[Process]) -> list[tuple[int, ...]]:
    """For each process the indexes from its oldest known ancestor to itself; sorted, they are the tree, top first.

    A parent is looked for among the earlier ones only, the latest first: a pid that was used twice makes no circle.
    """
    paths: list[tuple[int, ...]] = []
    for index, process in enumerate(ordered):
        parents = (i for i in range(index - 1, -1, -1) if ordered[i].pid == process.parent_pid)
        parent = next(parents, None)
        paths.append((index,) if parent is None else (*paths[parent], index))
    return paths


def _process_line(process: Process, is_left: bool) -> str:
    until = f"to {process.gone_s:.2f} s" if process.gone_s is not None else "until chaos ended it"
    mark = ", LEFT OVER" if is_left else ""
    role = f" {process.role}" if process.role else ""
    return f"{process.pid}{role}, {process.seen_s:.2f} {until}{mark}: {_command(process)}"


def left_behind(seen: Observation) -> list[str]:
    """What outlived the launcher or was not given back, a line each."""
    processes = [f"process {p.pid}{_as_role(p.role)}: {_command(p)}" for p in seen.leftovers]
    holdings = [one_line(f"{h.kind} {h.name}" + (f", held by {h.owner}" if h.owner else "")) for h in seen.holdings]
    leaks = [one_line(f"secret: {leak}") for leak in seen.leaks]
    return [*processes, *holdings, *leaks]


# --- the log -------------------------------------------------------------------------------------------------------


def whole_log(seen: Observation) -> str:
    """The output; behind it what stands in the log file, where the target has one."""
    if not seen.log:
        return seen.output
    return "".join(f"{text.rstrip()}\n" for text in (seen.output, LOG_FILE, seen.log) if text.strip())


def log_excerpt(seen: Observation, *, lines: int = LOG_LINES) -> list[str]:
    """The last ``lines`` lines of the log; ``>`` marks the cause, shown even if it all stands further up."""
    text = whole_log(seen)
    log = cleaned(text).rstrip().split("\n") if text.strip() else []
    marked = cause_lines(log, [firing.token for firing in seen.fired])
    start = max(0, len(log) - lines)
    early = [] if any(index >= start for index in marked) else marked[-1:]
    shown = [
        f"{'>' if index in marked else ' '} {clipped(log[index].rstrip(), limit=LOG_LINE_LIMIT)}"
        for index in (*early, *range(start, len(log)))
    ]
    return [*shown[: len(early)], *["  …"][: len(early)], *shown[len(early) :]]


def cause_lines(log: Sequence[str], tokens: Iterable[str]) -> list[int]:
    """The indexes of the lines that name an injected exception, by its token.

    Where nothing with a token fired (a stall, a kill, no fault at all), the last loud line is the best that a log has.
    Where one did and no line names it, no line is marked: a mark would claim a cause that the log does not tell.
    """
    wanted = {token for token in tokens if token}
    if wanted:
        return [index for index, line in enumerate(log) if any(token in line for token in wanted)]
    return [index for index, line in enumerate(log) if _LOUD.search(line)][-1:]


def log_title(seen: Observation) -> str:
    """What the excerpt shows, and whether the cause is in it; a token that no line names is a finding by itself."""
    tokens = sorted({firing.token for firing in seen.fired if firing.token})
    log = whole_log(seen)
    unnamed = [token for token in tokens if token not in log]
    marked = any(line.startswith(">") for line in log_excerpt(seen))
    told = [
        *(["> marks the cause"] if marked else []),
        *([f"no line names {', '.join(unnamed[:3])}"] if unnamed else []),
    ]
    return f"log, last lines: {'; '.join(told)}" if told else "log, last lines"
