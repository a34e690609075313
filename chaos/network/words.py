"""What the proxy can be told: toxiproxy's words and ours, what each takes, and the moments at which one begins. Pure.

Times are in seconds and sizes in bytes, and the names say so: toxiproxy's milliseconds are not used.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pamqp.commands import INDEX_MAPPING

from chaos.errors import UsageError

NAMES: dict[int, str] = {index: str(vars(method)["name"]) for index, method in INDEX_MAPPING.items()}
"""Class and method, as one number, to the name."""
METHODS: frozenset[str] = frozenset(NAMES.values())
"""``Connection.Start``, ``Queue.Declare`` …: every method of AMQP 0-9-1."""


class Stream(enum.StrEnum):
    """Toxiproxy's names for the two directions of a connection."""

    UP = "upstream"
    """What the target sends."""
    DOWN = "downstream"
    """What the broker sends."""


class Acts(enum.Enum):
    """On what a word acts."""

    DATA = "the data of one stream, piece by piece"
    CONNECTION = "a connection as a whole"
    LISTENER = "the port, and with it whoever connects"


@dataclass(frozen=True, slots=True)
class Word:
    """``takes``: each argument with its default."""

    name: str
    acts: Acts
    doc: str
    takes: tuple[tuple[str, float], ...] = ()


WORDS: tuple[Word, ...] = (
    Word("latency", Acts.DATA, "every piece comes latency_s later, give or take jitter_s (from the seed); order is kept",
         (("latency_s", 1.0), ("jitter_s", 0.0))),
    Word("bandwidth", Acts.DATA, "no more than rate_kb_s kilobytes (1000 bytes) a second", (("rate_kb_s", 1.0),)),
    Word("slow_close", Acts.DATA, "the end of the connection is passed on delay_s later", (("delay_s", 1.0),)),
    Word("timeout", Acts.DATA, "data is dropped, and the connection closed after timeout_s (0: not before it is lifted)",
         (("timeout_s", 0.0),)),
    Word("slicer", Acts.DATA, "data is cut into pieces of average_bytes, give or take variation_bytes, delay_s apart",
         (("average_bytes", 64.0), ("variation_bytes", 0.0), ("delay_s", 0.0))),
    Word("limit_data", Acts.DATA, "the connection is closed after so many bytes more", (("bytes", 0.0),)),
    Word("blackhole", Acts.CONNECTION, "accepted, and never answered: both streams are held until it is lifted; of a new "
         "connection the broker does not hear before that"),
    Word("half_open", Acts.CONNECTION, "the broker's side is gone and the target is not told: what it sends is swallowed"),
    Word("reset_peer", Acts.CONNECTION, "reset (RST) on both sides after timeout_s", (("timeout_s", 0.0),)),
    Word("down", Acts.LISTENER, "every connection is closed (FIN), and new ones are refused until it is lifted"),
    Word("refuse", Acts.LISTENER, "new connections are refused until it is lifted; those that are there stay"),
)
BY_NAME = {word.name: word for word in WORDS}


class Kind(enum.StrEnum):
    """How a moment is given. AT is BEFORE by another name: the frame is the first that meets the fault."""

    NOW = "now"
    BEFORE = "before"
    AT = "at"
    AFTER = "after"
    FRAMES = "frames"
    BYTES = "bytes"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a toxic begins on a connection. ``method``: for before, at and after, its ``number``-th time there (from 1).

    ``amount``: so many whole frames, or bytes, of the toxic's own stream have passed since the connection was accepted,
    or so many seconds since it was accepted, or since the toxic was armed if that came later.
    """

    kind: Kind = Kind.NOW
    method: str = ""
    number: int = 1
    amount: float = 0.0

    @property
    def comes_later(self) -> bool:
        """Whether a connection may end without having come to it."""
        return self.kind is not Kind.NOW

    def __str__(self) -> str:
        match self.kind:
            case Kind.NOW:
                return "now"
            case Kind.BEFORE | Kind.AT | Kind.AFTER:
                return f"{self.kind}:{self.method}" + (f"#{self.number}" if self.number > 1 else "")
            case _:
                return f"{self.kind}:{self.amount:g}"


def parse_moment(text: str) -> Moment:
    """``now``, ``before:Connection.Start``, ``at:Queue.Declare#2``, ``after:Connection.Tune``, ``frames:5``, ``bytes:64``,
    ``seconds:0.5``. Raises UsageError with the nearest name."""
    kind, _, rest = text.partition(":")
    if kind not in tuple(Kind) or (kind == "now") != (not rest):
        raise UsageError(f"{text!r} is no moment; now, before:Connection.Start, at:Queue.Declare#2, after:Connection.Tune, "
                         "frames:5, bytes:64 and seconds:0.5 are")
    if kind == Kind.NOW:
        return Moment()
    if kind in (Kind.BEFORE, Kind.AT, Kind.AFTER):
        method, _, number = rest.partition("#")
        if method not in METHODS:
            raise UsageError(f"{method!r} is no AMQP method{_nearest(method, METHODS)}")
        if not re.fullmatch(r"[1-9]\d{0,6}|", number) or rest.endswith("#"):
            raise UsageError(f"{text!r}: after # stands which time it is, from 1 on")
        return Moment(Kind(kind), method, int(number or 1))
    return Moment(Kind(kind), amount=_number(text, rest))


@dataclass(frozen=True, slots=True)
class Toxic:
    """One fault on the wire, armed under a ``name``.

    ``first``, ``last``: which connections of the port, by number from 1 in the order in which they were accepted, or where
    the moment is one of AMQP, in the order in which they came to it: a client that only looks whether the broker is there is
    no declaration. None: all from ``first`` on. ``lasts_s``: lifted by itself so long after it first fired; None: until
    somebody lifts it.
    """

    name: str
    word: Word
    args: Mapping[str, float] = field(default_factory=dict)
    stream: Stream = Stream.DOWN
    moment: Moment = Moment()
    first: int = 1
    last: int | None = None
    lasts_s: float | None = None
    seed: int = 0

    def meets(self, number: int) -> bool:
        return number >= self.first and (self.last is None or number <= self.last)

    def touches(self, stream: Stream) -> bool:
        """Whether pieces of this stream have to be shown to it."""
        return stream == self.stream or self.word.acts is Acts.CONNECTION


def toxic(name: str, word: str, args: Mapping[str, object] | None = None, *, stream: str = "downstream",
          moment: str = "now", first: int = 1, last: int | None = None, lasts_s: float | None = None,
          seed: int = 0) -> Toxic:
    """A toxic from text and numbers, checked. Raises UsageError with what would be right."""
    if word not in BY_NAME:
        raise UsageError(f"{word!r} is no word of the proxy{_nearest(word, BY_NAME)}; there are {', '.join(BY_NAME)}")
    if stream not in tuple(Stream):
        raise UsageError(f"{stream!r} is no stream; upstream (what the target sends) and downstream are")
    if first < 1 or (last is not None and last < first):
        raise UsageError(f"connections {first} to {last}: they count from 1, and the last is not before the first")
    return Toxic(name, BY_NAME[word], arguments(word, args or {}), Stream(stream), parse_moment(moment), first, last,
                 None if lasts_s is None else _number("lasts_s", lasts_s), seed)


def arguments(word: str, given: Mapping[str, object]) -> dict[str, float]:
    """All arguments of ``word``, those of ``given`` and the defaults for the others. Raises UsageError."""
    takes = dict(BY_NAME[word].takes)
    unknown = sorted(set(given) - set(takes))
    if unknown:
        raise UsageError(f"{word} takes {', '.join(takes) or 'nothing'}, not {', '.join(unknown)}")
    found = {name: _number(f"{word} {name}", given.get(name, default)) for name, default in takes.items()}
    if found.get("rate_kb_s") == 0 or found.get("average_bytes", 1.0) < 1:
        raise UsageError(f"{word}: {found} would never let anything through; blackhole says that")
    return found


def _number(what: str, given: object) -> float:
    try:
        number = float(str(given))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e12:
        raise UsageError(f"{what}: {given!r} is not a number of 0 or more")
    return number


def _nearest(word: str, known: Mapping[str, object] | frozenset[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
