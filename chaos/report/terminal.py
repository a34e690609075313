"""Tells a person how a sweep goes: a live display on a terminal, plain lines elsewhere. It starts no thread.

rich can refresh by itself, from a thread; but chaos forks, and a fork that meets another thread's lock is the kind of
defect that chaos looks for in others. So the display moves when an event comes, or when the sweep calls ``tick``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self, TextIO, assert_never

from rich.console import Console
from rich.live import Live
from rich.text import Text

from chaos.caseid import format_case
from chaos.events import (
    CaseFinished,
    CaseRejudged,
    CaseStarted,
    Event,
    Planned,
    SweepFinished,
    SweepStarted,
    VariantReady,
)
from chaos.model import Grade, Variant
from chaos.report.closing import STYLES, case_lines, closing, counted
from chaos.report.explain import ended
from chaos.report.results import Gathering, Line, Results, sites_found, why
from chaos.report.safetext import one_line, wrapped

PLAIN_EVERY_S = 5.0
PLAIN_EVERY_SHARE = 0.1
PLAIN_NOT_BEFORE_S = 1.0
"""A quick sweep would otherwise say ten lines in a second."""

LIVE_EVERY_S = 0.1
ALONE_EACH_S = 2
"""How often a second the display is drawn by a thread of rich, while nothing happens that would have it drawn."""
RUNNING_SHOWN = 4
BAR_WIDTH = 60


class Progress:
    """What the sweep has done so far, by id; ``begun_s`` and ``now_s`` are readings of one clock."""

    def __init__(self, begun_s: float, planned: int) -> None:
        self.begun_s = begun_s
        self.planned = planned
        self.bad: set[str] = set()
        self.grades: Mapping[Grade, int] = dict.fromkeys(Grade, 0)
        self.running: dict[str, float] = {}

    def start(self, case_id: str, now_s: float) -> None:
        self.running[case_id] = now_s

    def finish(self, line: Line, grades: Mapping[Grade, int]) -> bool:
        """Note a verdict, also a second one, after which there are so many of each. True: it is bad, and was not told."""
        self.running.pop(line.case_id, None)
        self.grades = grades
        if line.grade not in (Grade.FAIL, Grade.UNKNOWN) or line.case_id in self.bad:
            return False
        self.bad.add(line.case_id)
        return True

    @property
    def done(self) -> int:
        return sum(self.grades.values())

    @property
    def share(self) -> float:
        return self.done / self.planned if self.planned else 1.0

    def counts(self) -> str:
        return counted(self.grades.items())

    def line(self, now_s: float) -> str:
        """``61/212 (28 %): 57 pass, 3 fail, 1 unreached, 0 unknown, 3.4/s, 44 s left``."""
        return f"{self.done}/{self.planned} ({self.share:.0%}): {self.counts()}{self._pace(now_s)}"

    def _pace(self, now_s: float) -> str:
        """Nothing before three cases have ended: a first guess is wrong by more than it helps."""
        passed_s = now_s - self.begun_s
        if self.done < 3 or passed_s <= 0:
            return ""
        rate = self.done / passed_s
        left_s = (self.planned - self.done) / rate
        return f", {rate:.1f}/s, {_duration(left_s)} left"

    def running_texts(self, now_s: float) -> list[str]:
        """What runs now, the longest-running first: that is the one that somebody wonders about."""
        longest = sorted(self.running.items(), key=lambda item: (item[1], item[0]))
        shown = [f"{case_id} {now_s - since_s:.0f} s" for case_id, since_s in longest[:RUNNING_SHOWN]]
        more = len(longest) - RUNNING_SHOWN
        return [*shown, *([f"and {more} more"] if more > 0 else [])]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _nothing(results: Results) -> Sequence[str]:
    return ()


class Terminal:
    """The consumer for a person. ``suffix`` ends every command; ``notes`` makes lines of the results, which come
    before the summary.

    On a terminal that can move its cursor (not ``TERM=dumb``) it shows a display; elsewhere a line every few seconds or
    every 10 %, without control characters. ``told``: where somebody else gathers the same events, and feeds it before this;
    None: it gathers by itself. Bad cases are told at once in both. NO_COLOR is respected.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        told: Gathering | None = None,
        suffix: str = "",
        notes: Callable[[Results], Sequence[str]] = _nothing,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        width: int | None = None,
    ) -> None:
        self._console = console_for(stream, environ, width)
        self._suffix = suffix
        self._notes = notes
        self._clock = clock
        self._feeds = told is None
        self._told = Gathering() if told is None else told
        self._progress = Progress(clock(), 0)
        self._told_s, self._told_share = clock(), 0.0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_live()

    def feed(self, event: Event) -> None:
        if self._feeds:
            self._told.feed(event)
        match event:
            case SweepStarted():
                self._say(_opening(event, self._console.width))
            case VariantReady(variant):
                self._say(_variant_lines(variant, self._console.width))
            case Planned(case_ids):
                self._plan(len(case_ids))
            case CaseStarted(case_id):
                self._progress.start(case_id, self._clock())
                self.tick()
            case CaseFinished(judged):
                self._finish(format_case(judged.case))
            case CaseRejudged(case):
                self._finish(format_case(case))
            case SweepFinished():
                self._close()
            case _:
                assert_never(event)

    def tick(self) -> None:
        """Show how time passes, if it is time to; cheap, so that a sweep can call it whenever it wakes up."""
        now_s = self._clock()
        if self._live is not None and now_s - self._told_s >= LIVE_EVERY_S:
            self._told_s = now_s
            self._live.refresh()
        elif self._live is None and self._progress.planned and self._plain_is_due(now_s):
            self._told_s, self._told_share = now_s, self._progress.share
            self._say(Text(line) for line in wrapped(self._progress.line(now_s), self._console.width, rest="  "))

    def _plan(self, planned: int) -> None:
        """A thorough sweep plans twice: the second faults of those that failed, behind what it has done already."""
        grows = self._progress.planned > 0
        if grows:
            self._progress.planned = planned
        else:
            self._progress = Progress(self._clock(), planned)
        self._say([Text(f"{planned} case{'' if planned == 1 else 's'}")])
        if planned and not grows and _can_move_cursor(self._console):
            self._live = Live(
                get_renderable=lambda: self._display(self._clock()),
                console=self._console,
                refresh_per_second=ALONE_EACH_S,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _finish(self, case_id: str) -> None:
        line = self._told.line(case_id)
        if line is not None and self._progress.finish(line, self._told.grades):
            self._say(case_lines(line, self._console.width))
        self.tick()

    def _close(self) -> None:
        self._end_live()
        results = self._told.results()
        if results is not None:
            self._say(closing(results, width=self._console.width, suffix=self._suffix, notes=self._notes(results)))

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _plain_is_due(self, now_s: float) -> bool:
        waited_s = now_s - self._told_s
        grown = self._progress.share - self._told_share >= PLAIN_EVERY_SHARE
        return waited_s >= PLAIN_EVERY_S or (grown and waited_s >= PLAIN_NOT_BEFORE_S)

    def _display(self, now_s: float) -> Text:
        """The bar, the counts and what runs now; folded to the width, since a display must know its own height."""
        width = self._console.width
        running = [line for text in self._progress.running_texts(now_s) for line in _folded(text, width)]
        room = max(1, self._console.height - 6)
        lines = [_bar(self._progress.share, min(width, BAR_WIDTH)), *wrapped(self._progress.line(now_s), width)]
        return Text("\n".join([*lines, *running[:room]]))

    def _say(self, lines: Iterable[Text]) -> None:
        """Lasting lines. Soft-wrapped: a line that is too long holds an id, and an id must come out of a copy whole."""
        for line in lines:
            self._console.print(_encodable(line, self._console.encoding), soft_wrap=True)


class _Console(Console):
    """rich ends the process when the reader of its output has gone; only the command line does that, and cleans up."""

    def on_broken_pipe(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # drawn while nothing happened: who prints next learns of it
        raise  # noqa: PLE0704  # rich calls this where it has caught the error


def console_for(stream: TextIO, environ: Mapping[str, str], width: int | None = None) -> Console:
    """A console that adds nothing of its own (no markup, no highlighting), nor any control character off a terminal.

    ``FORCE_COLOR`` is not asked: a log file full of escape sequences is what a plain stream is promised not to be.
    """
    is_terminal = stream.isatty()
    return _Console(
        file=stream,
        width=width,
        force_terminal=is_terminal,
        color_system="auto" if is_terminal else None,
        no_color=bool(environ.get("NO_COLOR")),
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ=environ,
    )


def _can_move_cursor(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


def _encodable(line: Text, encoding: str) -> Text:
    """``line``, or a spelled-out copy where the stream's encoding lacks a character: a report must not die of a log."""
    try:
        line.plain.encode(encoding)
    except UnicodeEncodeError:
        return Text(line.plain.encode(encoding, "backslashreplace").decode(encoding), line.style)
    return line


def _bar(share: float, width: int) -> str:
    """How far it is, in ASCII: understandable without colour, and in any encoding."""
    room = max(1, width - 2)
    return f"[{'=' * int(share * room):{room}}]"


def _folded(text: str, width: int) -> list[str]:
    """``text`` in pieces of ``width``; only for the display, which goes away: no id is copied from there."""
    return [text[start : start + width] for start in range(0, len(text), width)]


def _opening(event: SweepStarted, width: int) -> list[Text]:
    versions = "".join(f", {name} {version}" for name, version in event.versions)
    told = f"sweep of {event.target}: profile {event.profile}, seed {event.seed}, {event.jobs} at a time{versions}"
    return [Text(line) for line in wrapped(one_line(told), width, rest="  ")]


def _variant_lines(variant: Variant, width: int) -> list[Text]:
    """How a start without any fault went: the yardstick of everything that follows."""
    baseline, verdict = variant.baseline, variant.baseline.verdict
    ready_s = baseline.seen.served_s
    sites = f"{len(sites_found([variant]))} sites"
    told = (
        f"serving after {ready_s:.2f} s, {sites}"
        if ready_s is not None
        else ended(baseline.seen.ending, baseline.seen.elapsed_s)
    )
    reason = "" if verdict.grade is Grade.PASS else f"; {why(baseline)}"
    line = f"baseline {format_case(baseline.case)} {verdict.grade}: {told}{reason}"
    return [Text(piece, STYLES[verdict.grade]) for piece in wrapped(line, width, rest="  ")]
