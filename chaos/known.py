"""Known findings: a checked-in file of what may fail for now, and what a run says about each line of it. Pure.

A line is a loan, not a mute button: it has a reason, a link and a day on which it ends; and once what it excuses does not
fail any more, it is the line that fails the job. It never changes a verdict: a known failure stays ``fail`` in every report.
"""

from __future__ import annotations

import datetime
import difflib
import enum
import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from typing import Any, Protocol

from chaos.errors import UsageError
from chaos.model import Grade, Outcome
from chaos.promises import PROMISES, SAME_ON_BOTH_BACKENDS

PROMISE_NAMES = (*(name for name, *_ in PROMISES), SAME_ON_BOTH_BACKENDS)


class Ran(Protocol):
    """What is asked of a case that ran: a ``Line`` of a report."""

    @property
    def case_id(self) -> str: ...
    @property
    def grade(self) -> Grade: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def promises(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file. ``case``: an id, or a glob over ids. ``outcome``, ``promise``: how it fails; "" any way."""

    case: str
    reason: str
    link: str
    expires: datetime.date
    outcome: str = ""
    promise: str = ""

    @property
    def is_glob(self) -> bool:
        return any(mark in self.case for mark in "*?[")

    def names(self, case_id: str) -> bool:
        return bool(_pattern(self.case).fullmatch(case_id)) if self.is_glob else self.case == case_id

    def says(self, ran: Ran) -> bool:
        """Whether ``ran``, which it names, fails in the way that is known."""
        return (ran.grade is Grade.FAIL and self.outcome in ("", ran.outcome)
                and (not self.promise or self.promise in ran.promises))

    @property
    def told(self) -> str:
        """``known until 2027-03-01: REASON (LINK)``."""
        return f"known until {self.expires}: {self.reason} ({self.link})"


@functools.lru_cache(maxsize=512)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))


@dataclass(frozen=True, slots=True)
class Known:
    """The lines of ``path``, read on the day ``today``. None at all excuses nothing."""

    path: str = ""
    entries: tuple[Entry, ...] = ()
    today: datetime.date = datetime.date.min

    def excuse(self, ran: Ran) -> Entry | None:
        """The line that excuses the failure of ``ran``, if any: one that has not expired."""
        if ran.grade is not Grade.FAIL or not self.entries:
            return None
        return next((one for one in self.entries
                     if not self.has_expired(one) and one.names(ran.case_id) and one.says(ran)), None)

    def has_expired(self, entry: Entry) -> bool:
        return entry.expires < self.today


NOTHING_KNOWN = Known()


class State(enum.StrEnum):
    """What a run said about a line."""

    HOLDS = "still fails"
    GONE = "fails no longer"
    EXPIRED = "has expired"
    NOT_RUN = "was not run"
    NO_CASE = "names no case"
    OPEN = "could not be told"


@dataclass(frozen=True, slots=True)
class Settled:
    """A line and what became of it. ``cases``: the ids that it names and that ran; ``told``: a sentence for a person."""

    entry: Entry
    state: State
    cases: tuple[str, ...] = ()
    told: str = ""

    @property
    def fails_the_job(self) -> bool:
        return self.state in (State.GONE, State.EXPIRED)


def settled(known: Known, lines: Iterable[Ran], *, whole: bool) -> tuple[Settled, ...]:
    """What this run says about each line. ``whole``: every case of the plan ran, so that a glob of which nothing fails is
    known to excuse nothing, and a line of which no case ran to name none; of a part nobody knows that, and only a line that
    names one case is decided."""
    by_id = {line.case_id: line for line in lines} if known.entries else {}
    starts = {tuple(case_id.split("/")[:_OF_A_START]) for case_id in by_id} if whole else set()
    return tuple(_settled(known, entry, ran, whole) if (ran := _named(entry, by_id)) else _without_cases(known, entry, starts)
                 for entry in known.entries)


_OF_A_START = 3
"""Parts of an id that say how a target is started: its name, the backend, the workers and the transport."""


def _is_about(entry: Entry, starts: Iterable[tuple[str, ...]], parts: int) -> bool:
    """Whether the first ``parts`` of what it names fit one of the ``starts``; a glob that leaves them out fits any."""
    wanted = entry.case.split("/")
    if len(wanted) <= _OF_A_START:
        return any(starts)
    return any(all(map(fnmatchcase, start[:parts], wanted[:parts])) for start in starts)


def _without_cases(known: Known, entry: Entry, starts: Iterable[tuple[str, ...]]) -> Settled:
    """Of a line of which no case ran: it has expired all the same where the whole of its target was swept, and names nothing
    where what it names was started and has no such case."""
    if known.has_expired(entry) and _is_about(entry, starts, 1):
        return _expired(known, entry, ())
    if _is_about(entry, starts, _OF_A_START):
        return Settled(entry, State.NO_CASE, (), f"{known.path}: {entry.case}: names no case of this sweep; where no other "
                       "--profile has it, remove the line")
    return Settled(entry, State.NOT_RUN, (), f"{known.path}: {entry.case}: none of its cases was run")


def _expired(known: Known, entry: Entry, cases: tuple[str, ...]) -> Settled:
    return Settled(entry, State.EXPIRED, cases, f"{known.path}: {entry.case}: expired on {entry.expires}, today is "
                   f"{known.today}; repair it and remove the line, or give it another date with a reason")


def _named(entry: Entry, by_id: Mapping[str, Ran]) -> tuple[Ran, ...]:
    if not entry.is_glob:
        return (by_id[entry.case],) if entry.case in by_id else ()
    return tuple(ran for case_id, ran in by_id.items() if entry.names(case_id))


def _settled(known: Known, entry: Entry, ran: tuple[Ran, ...], whole: bool) -> Settled:
    cases = tuple(one.case_id for one in ran)
    where = f"{known.path}: {entry.case}"
    if known.has_expired(entry):
        return _expired(known, entry, cases)
    if any(map(entry.says, ran)):
        return Settled(entry, State.HOLDS, cases, entry.told)
    if all(one.grade in (Grade.PASS, Grade.FAIL) for one in ran) and (whole or not entry.is_glob):
        return Settled(entry, State.GONE, cases, f"{where}: {_instead(entry, ran)}; remove the line")
    return Settled(entry, State.OPEN, cases, f"{where}: nothing that ran fails as it says, and not every case was decided")


def _instead(entry: Entry, ran: tuple[Ran, ...]) -> str:
    how = entry.outcome or entry.promise
    failing = next((one for one in ran if one.grade is Grade.FAIL), None)
    if failing is not None:
        return f"fails no longer with {how}, but with {failing.outcome}, which is another finding"
    count = "it passes" if len(ran) == 1 else f"all {len(ran)} of its cases pass"
    return f"fails no longer: {count}"


# --- reading -----------------------------------------------------------------------------------------------------------

KEYS = {"case": "a case id, or a glob over ids", "reason": "why it is not repaired yet", "link": "where that is followed up",
        "expires": "a day such as 2027-03-01", "outcome": "an outcome such as hang-proven",
        "promise": "a promise such as status"}
NEEDED = ("case", "reason", "link", "expires")


def read_known(path: str, text: str, today: datetime.date, check: Callable[[str], str]) -> Known:
    """The known findings in ``text``. Raises UsageError with all problems of the file at once.

    ``check``: what is wrong with a case id that is no glob, or "".
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    problems = [f"unknown key {key!r}{_near(key, ['finding'])}; [[finding]] would be right"
                for key in data if key != "finding"]
    listed = data.get("finding", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        problems.append("'finding' is not a list of tables; [[finding]] (two brackets) would be right")
        listed = []
    for number, one in enumerate(listed, 1):
        problems += [f"finding {number}: {problem}" for problem in _problems(one, check)]
    problems += _twice(listed)
    if problems:
        raise UsageError(f"{path}: " + f"\n{path}: ".join(problems))
    return Known(path, tuple(Entry(**one) for one in listed), today)


def _problems(one: Mapping[str, Any], check: Callable[[str], str]) -> Iterable[str]:
    yield from (f"unknown key {key!r}{_near(key, KEYS)}" for key in one if key not in KEYS)
    yield from (f"{key!r} is missing: {KEYS[key]}" for key in NEEDED if key not in one)
    for key, right in KEYS.items():
        value = one.get(key)
        if key == "expires":
            if value is not None and (not isinstance(value, datetime.date) or isinstance(value, datetime.datetime)):
                yield f"expires = {value!r}; {right}, without quotes, would be right"
        elif value is not None and (not isinstance(value, str) or not value.strip()):
            yield f"{key} = {value!r}; {right} would be right"
    yield from _unknown_word(one, "outcome", [outcome.value for outcome in Outcome])
    yield from _unknown_word(one, "promise", PROMISE_NAMES)
    if isinstance(one.get("case"), str) and (wrong := check(one["case"])):
        yield wrong


def _unknown_word(one: Mapping[str, Any], key: str, known: Iterable[str]) -> Iterable[str]:
    value, known = one.get(key), list(known)
    if isinstance(value, str) and value.strip() and value not in known:
        yield f"{key} = {value!r}{_near(value, known) or '; ' + KEYS[key] + ' would be right'}"


def _twice(listed: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    seen: dict[tuple[object, ...], int] = {}
    for number, one in enumerate(listed, 1):
        key = (one.get("case"), one.get("outcome"), one.get("promise"))
        first = seen.setdefault(tuple(map(str, key)), number)
        if first != number:
            yield f"finding {number}: the same as finding {first}; one of them would be right"


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
