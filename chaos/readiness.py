"""How a launcher shows that it is ready, as texts: ``tcp: 127.0.0.1:{port}``, ``log: Listening at`` … Pure: asks nobody."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

MOST_PORT = 65535


class ReadinessError(ValueError):
    """A text is no sign of readiness: whoever wrote it must act. The message says what would be right."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sign: its ``kind``, ``what`` is looked at (a regular expression, a path, HOST:PORT, a URL, a command), and
    ``more``: the expression that a file's new lines are searched for, or the HTTP status."""

    kind: str
    what: str = ""
    more: str = ""


def wanted(text: str) -> Wanted:
    """The sign that ``text`` names. Raises ReadinessError; ``{port}`` and ``{folder}`` may stand in it unfilled."""
    kind, _, rest = text.partition(":")
    kind, rest = kind.strip(), rest.strip()
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(KINDS)} would be right"
        raise ReadinessError(f"{text!r}: unknown sign of readiness {kind!r}; {hint}")
    try:
        return KINDS[kind].read(kind, rest)
    except ValueError as error:
        raise ReadinessError(f"{text!r}: {error}; {KINDS[kind].example!r} would be right") from None


def without(texts: tuple[str, ...], kinds: Collection[str]) -> tuple[str, ...]:
    """The signs that a target can still show when its notify socket (``notify``) or its output (``log``) was taken away."""
    return tuple(text for text in texts if wanted(text).kind not in kinds)


def _nothing(kind: str, rest: str) -> Wanted:
    if rest:
        raise ValueError(f"{kind} takes nothing, not {rest!r}")
    return Wanted(kind)


def _pattern(kind: str, rest: str) -> Wanted:
    return Wanted(kind, _expression(rest))


def _file(kind: str, rest: str) -> Wanted:
    path, _, pattern = rest.partition(" ")
    _needs(path, "a path")
    return Wanted(kind, path, _expression(pattern.strip()) if pattern.strip() else "")


def _port(kind: str, rest: str) -> Wanted:
    host, _, port = rest.rpartition(":")
    if not host or not (port == "{port}" or (port.isdecimal() and 0 < int(port) <= MOST_PORT)):
        raise ValueError(f"{rest!r} is not HOST:PORT")
    return Wanted(kind, rest)


def _path(kind: str, rest: str) -> Wanted:
    _needs(rest, "a path")
    return Wanted(kind, rest)


def _url(kind: str, rest: str) -> Wanted:
    url, _, status = rest.partition(" ")
    status = status.strip() or "200"
    parts = urlsplit(url.replace("{port}", str(MOST_PORT)))     # the port of a run has five digits
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL that begins with http:// (for another kind, name a command)")
    if not _has_a_port(parts):
        raise ValueError(f"{url!r} holds no port from 1 to {MOST_PORT}")
    if not re.fullmatch(r"[1-5]\d\d", status):
        raise ValueError(f"{status!r} is not an HTTP status")
    return Wanted(kind, url, status)


def _has_a_port(parts: SplitResult) -> bool:
    """Or none at all, which stands for 80."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def _command(kind: str, rest: str) -> Wanted:
    _needs(shlex.split(rest), "a command")
    return Wanted(kind, rest)


def _expression(text: str) -> str:
    _needs(text, "a regular expression")
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


def _needs(what: object, noun: str) -> None:
    if not what:
        raise ValueError(f"{noun} is missing")


@dataclass(frozen=True, slots=True)
class Kind:
    """``read`` makes a sign of what stands behind the colon, ``example`` is a right one, ``doc`` says when it is seen."""

    read: Callable[[str, str], Wanted]
    example: str
    doc: str


KINDS: dict[str, Kind] = {
    "notify": Kind(_nothing, "notify", "it sends READY=1 to its notify socket"),
    "log": Kind(_pattern, "log: Listening at", "a line of its output matches the regular expression"),
    "file": Kind(_file, "file: {folder}/shop.log ready", "the file is new, or a new line of it matches"),
    "tcp": Kind(_port, "tcp: 127.0.0.1:{port}", "the port accepts a connection"),
    "unix": Kind(_path, "unix: {folder}/shop.sock", "the socket accepts a connection"),
    "http": Kind(_url, "http: http://127.0.0.1:{port}/ 200", "a GET is answered with the status"),
    "rpc": Kind(_nothing, "rpc", "every RPC server of it answers a call (oslo.messaging)"),
    "command": Kind(_command, "command: shopctl ping", "the command ends with status 0"),
}
