"""Case ids: a case as one line that a shell, a pytest id and a report can carry, and back. Reads and runs nothing.

    <target>/<backend>/w<workers>[-<transport>]/<site>[@role][#hits]=<action>[:arg[:arg]][+<next fault>]

A part that holds anything else than the characters that its place allows is percent-encoded (UTF-8), so that an id
needs no quotes in a POSIX shell and every mark of the grammar means one thing. Reading goes from left to right and
stops at the first problem, which is therefore the leftmost; an id that is not understood never silently does nothing.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from chaos.model import Case, Fault, Hits

BACKENDS = ("eventlet", "threading", "-")
NO_FAULT = "none"

_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,-")
_IN_TARGET = _WORD | frozenset(":@+")
"""Between slashes nothing but the slash has a meaning."""
_IN_SITE = _WORD | frozenset(":")
"""Before the ``=`` a colon has no meaning, and discovered sites are called ``package.module:name``."""

_LISTED = 8
"""Up to so many names an error lists them all; beyond that the nearest ones say more."""

_ROLE = re.compile(r"parent|(?:worker|helper)(?:\.(?:0|[1-9][0-9]{0,8}))?")
_HITS = re.compile(r"([0-9]{1,9})(\.\.)?([0-9]{1,9})?")
_OPEN = re.compile(r"[,:]|^syscall\.[a-z]\w*$")
_WORKERS = re.compile(r"w([0-9]{1,6})")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


class CaseIdError(ValueError):
    """A text is not a case id: ``problem`` at ``column`` (from 0) of ``text``; ``suggestions``: what may be meant.

    Not for an id that is well formed and never fires: that is the outcome ``unreached``.
    """

    def __init__(self, text: str, column: int, problem: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(text, column, problem, suggestions)
        self.text = text
        self.column = column
        self.problem = problem
        self.suggestions = suggestions

    def __str__(self) -> str:
        return "; ".join([f"column {self.column} of case id {self.text!r}: {self.problem}", *self._hint()])

    def render(self) -> str:
        """The id, a caret under the column, the problem, and "did you mean …" where something is near."""
        visible = "".join(char if char.isprintable() else "?" for char in self.text)
        return "\n".join([visible, " " * self.column + "^", self.problem, *self._hint()])

    def _hint(self) -> list[str]:
        return [f"did you mean {' or '.join(self.suggestions)}?"] if self.suggestions else []


@functools.lru_cache(maxsize=1024)
def format_case(case: Case) -> str:
    """The canonical id of ``case``; ValueError for a case that has none (no target, 0 workers, an unknown role …).

    Every id is read back before it is handed out: an id that means another case than its own is worse than none. That is
    slow, and everybody who meets a case asks for its id, so the last ones are kept.
    """
    faults = "+".join(_fault_text(fault) for fault in case.faults) or NO_FAULT
    transport = "" if case.transport is None else "-" + _encoded(case.transport, _IN_TARGET)
    text = f"{_target_text(case.target)}/{case.backend}/w{case.workers}{transport}/{faults}"
    if parse_case(text) != case:
        raise ValueError(f"{case!r} has no case id: {text!r} would mean another case")
    return text


def format_fault(fault: Fault) -> str:
    """The part of an id that says ``fault``; ValueError for a fault that has none (no site, hits from 0, …)."""
    text = _fault_text(fault)
    if parse_fault(text) != fault:
        raise ValueError(f"{fault!r} has no text: {text!r} would mean another fault")
    return text


def parse_case(
    text: str,
    *,
    sites: Collection[str] = (),
    actions: Collection[str] = (),
) -> Case:
    """The case that ``text`` names; CaseIdError at the leftmost problem.

    ``sites``, ``actions``: the known names; an empty collection checks nothing. Any well-formed target is accepted, for
    whether one is called so can only be told where the case runs: by the entries there, PATH and the target's Python.
    """
    whole = _Part(text, 0, len(text))
    target_part, rest = whole.cut("/")
    target = _name(target_part, _IN_TARGET, "a target")
    backend_part, rest = _after_slash(whole, rest, "a backend").cut("/")
    backend = _read_backend(backend_part)
    size_part, rest = _after_slash(whole, rest, "w<workers>").cut("/")
    workers, transport = _read_size(size_part)
    faults = _read_faults(_after_slash(whole, rest, f"{NO_FAULT!r} or a fault"), sites, actions)
    return Case(target, backend, workers, faults, transport)


def parse_fault(text: str, *, sites: Collection[str] = (), actions: Collection[str] = ()) -> Fault:
    """The fault that ``text`` (``site[@role][#hits]=action[:arg…]``) names; CaseIdError at the leftmost problem."""
    return _read_fault(_Part(text, 0, len(text)), sites, actions)


# --- writing ---------------------------------------------------------------------------------------------------------


def _fault_text(fault: Fault) -> str:
    role = "" if fault.role is None else f"@{fault.role}"
    hits = "" if fault.hits == Hits() else f"#{fault.hits}"
    effect = ":".join(_encoded(word, _WORD) for word in (fault.action, *fault.args))
    return f"{_encoded(fault.site, _IN_SITE)}{role}{hits}={effect}"


def _target_text(target: str) -> str:
    """A target that begins with a dash would be read as an option by every command line: that dash is encoded too."""
    return "%2D" + _encoded(target[1:], _IN_TARGET) if target.startswith("-") else _encoded(target, _IN_TARGET)


def _encoded(text: str, allowed: frozenset[str]) -> str:
    return "".join(char if char in allowed else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    """surrogateescape: a path that is not UTF-8 keeps its bytes."""
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the id that still knows its place, so that every error can point at its column."""

    text: str
    start: int
    end: int

    @property
    def raw(self) -> str:
        return self.text[self.start : self.end]

    def cut(self, mark: str) -> tuple[_Part, _Part | None]:
        """What stands before the first ``mark`` and what stands after it; None: there is no such mark."""
        at = self.text.find(mark, self.start, self.end)
        if at < 0:
            return self, None
        return _Part(self.text, self.start, at), _Part(self.text, at + 1, self.end)

    def split(self, mark: str) -> Iterator[_Part]:
        rest: _Part | None = self
        while rest is not None:
            head, rest = rest.cut(mark)
            yield head

    def wrong(self, problem: str, suggestions: tuple[str, ...] = (), *, offset: int = 0) -> CaseIdError:
        return CaseIdError(self.text, self.start + offset, problem, suggestions)


def _after_slash(whole: _Part, rest: _Part | None, wanted: str) -> _Part:
    if rest is None:
        raise CaseIdError(whole.text, whole.end, f"the id ends here; '/' and {wanted} must follow")
    return rest


def _decoded(part: _Part, allowed: frozenset[str], noun: str) -> str:
    if allowed.issuperset(part.raw):
        return part.raw
    offset = 0
    while offset < len(part.raw):
        escape = _ESCAPE.match(part.raw, offset)
        if escape is None and part.raw[offset] not in allowed:
            raise part.wrong(_char_problem(part.raw[offset], noun), offset=offset)
        offset += 3 if escape else 1
    return unquote_to_bytes(part.raw).decode("utf-8", "surrogateescape")


def _char_problem(char: str, noun: str) -> str:
    if char == "%":
        return f"'%' in {noun} must be followed by two hexadecimal digits; the character itself is written %25"
    try:
        return f"{char!r} cannot stand in {noun}; write it {_escaped(char)}"
    except UnicodeEncodeError:
        return f"{char!r} cannot stand in {noun}, and half a character has no encoding"


def _name(part: _Part, allowed: frozenset[str], noun: str) -> str:
    if not part.raw:
        raise part.wrong(f"{noun} is missing here")
    return _decoded(part, allowed, noun)


def _nearest(name: str, known: Collection[str]) -> tuple[str, ...]:
    """The names that may be meant, nearest first, at most three; letter case does not count."""
    by_fold = {candidate.casefold(): candidate for candidate in sorted(known)}
    return tuple(by_fold[fold] for fold in difflib.get_close_matches(name.casefold(), by_fold))


def _require_known(part: _Part, name: str, known: Collection[str], noun: str) -> None:
    if known and name not in known:
        listed = ", ".join(sorted(known)) if len(known) <= _LISTED else f"the {len(known)} known ones"
        raise part.wrong(f"unknown {noun} {name!r}; it must be one of {listed}", _nearest(name, known))


def _read_backend(part: _Part) -> str:
    if part.raw not in BACKENDS:
        raise part.wrong(
            f"unknown backend {part.raw!r}; it must be eventlet, threading or - (a target that has neither)",
            _nearest(part.raw, BACKENDS),
        )
    return part.raw


def _read_size(part: _Part) -> tuple[int, str | None]:
    count_part, transport_part = part.cut("-")
    found = _WORKERS.fullmatch(count_part.raw)
    if found is None or int(found[1]) < 1:
        digits = re.sub(r"[^0-9]", "", count_part.raw).lstrip("0")[:6] or "1"
        raise part.wrong(f"{count_part.raw!r} is not w<workers> with at least 1 worker", (f"w{digits}",))
    if transport_part is None:
        return int(found[1]), None
    return int(found[1]), _name(transport_part, _IN_TARGET, "a transport")


def _read_faults(part: _Part, sites: Collection[str], actions: Collection[str]) -> tuple[Fault, ...]:
    if part.raw == NO_FAULT:
        return ()
    if not part.raw:
        raise part.wrong(f"{NO_FAULT!r} or a fault is missing here")
    if "=" not in part.raw and _nearest(part.raw, [NO_FAULT]):
        raise part.wrong(f"{part.raw!r} is neither {NO_FAULT!r} nor a fault (site=action)", (NO_FAULT,))
    return tuple(_read_fault(fault, sites, actions) for fault in part.split("+"))


def _read_fault(part: _Part, sites: Collection[str], actions: Collection[str]) -> Fault:
    place, effect = part.cut("=")
    named, hits_part = place.cut("#")
    site_part, role_part = named.cut("@")
    site = _name(site_part, _IN_SITE, "a site")
    if not _OPEN.search(site):      # a traced call, a callable of the target's, a call of the kernel: only a run can tell
        _require_known(site_part, site, sites, "site")
    role = None if role_part is None else _read_role(role_part)
    hits = Hits() if hits_part is None else _read_hits(hits_part)
    if effect is None:
        raise part.wrong(f"the fault {part.raw!r} has no '=<action>'", offset=len(part.raw))
    action, *args = _read_effect(effect, actions)
    return Fault(site, action, tuple(args), role, hits)


def _read_role(part: _Part) -> str:
    if not _ROLE.fullmatch(part.raw):
        near = re.sub(r"^(worker|helper)[^0-9]?([0-9]+)$", r"\1.\2", part.raw)
        suggestions = (near,) if _ROLE.fullmatch(near) else _nearest(part.raw, ["parent", "worker", "helper"])
        raise part.wrong(
            f"unknown role {part.raw!r}; it must be parent, worker, worker.<n>, helper or helper.<n>", suggestions
        )
    return part.raw


def _read_hits(part: _Part) -> Hits:
    number_part, role_part = part.cut("@")
    if role_part is not None:
        swapped = f"@{role_part.raw}#{number_part.raw}"
        raise part.wrong(f"{part.raw!r} is not a count of hits; the role stands before the hits", (swapped,))
    found = _HITS.fullmatch(part.raw)
    if found is None or (found[3] and not found[2]) or int(found[1]) < 1:
        raise part.wrong(f"{part.raw!r} is not a count of hits; it must be n, n..m or n.. with n from 1")
    first = int(found[1])
    last = int(found[3]) if found[3] else None if found[2] else first
    if last is not None and last < first:
        raise part.wrong(f"the hits {part.raw!r} end before they begin", (f"#{last}..{first}",) if last else ())
    return Hits(first, last)


def _read_effect(part: _Part, actions: Collection[str]) -> Iterator[str]:
    """The action, then its arguments. ``raise:`` has one empty argument, ``raise`` has none: both are cases."""
    action_part, *arg_parts = part.split(":")
    action = _name(action_part, _WORD, "an action")
    _require_known(action_part, action, actions, "action")
    yield action
    for arg_part in arg_parts:
        yield _decoded(arg_part, _WORD, "an argument")
