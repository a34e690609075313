"""Which lines of a log say that something went wrong: read as an operator reads them, not as a grep does. Pure."""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """One error line: the ``line`` as it stands, the ``message`` in it, and the ``more`` that an exception's text of
    several lines goes on with (not itself an error line: words in it are not words about the cause)."""

    line: str
    message: str
    more: str = ""


class Kind(enum.Enum):
    HEADER = enum.auto()
    FRAME = enum.auto()
    STAMPED_ERROR = enum.auto()
    EXCEPTION = enum.auto()
    OTHER_LEVEL = enum.auto()
    PLAIN = enum.auto()


_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_OSLO = re.compile(
    r"^\d{4}-\d\d-\d\d[ T]\S+ (?:\d+ )?(?P<level>[A-Z]{4,8}) (?P<logger>\S+)(?P<context> \[[^\]]*\])? ?(?P<body>.*)$"
)
_LEVEL = re.compile(
    r"\b(?:TRACE|DEBUG|INFO|NOTICE|AUDIT|WARN|WARNING|(?P<error>ERROR|CRITICAL|FATAL))\b|\b(?P<word>error|fatal)(?=:)"
)
_LEVEL_FIRST = re.compile(r"^\W*[A-Z]{4,8}:[\w.]+:")
_HEADER = re.compile(r"^\s*(?:\+ Exception Group )?Traceback \(most recent call last\):\s*$")
_GROUP_MARGIN = re.compile(r"^\s+\| ?")
_GROUP_RULER = re.compile(r"^\s*\+[-+]+(?: (?:\d+|\.\.\.) -+)?\s*$")
_BETWEEN = re.compile(r"^(?:The above exception was the direct cause|During handling of the above exception)")
_SOME_ERROR = re.compile(
    r"^(?:[\w<>]+\.)*[A-Z]\w*(?:Error|Exception|Failure|Exit|Interrupt|Timeout)(?::|$)|^Timeout \(|^Fatal Python error:"
)
_ERRNO = (r"(?:no such file or directory|permission denied|operation not permitted|connection refused|connection timed out"
          r"|connection reset by peer|address (?:already )?in use|cannot assign requested address|network is unreachable"
          r"|no route to host|no such host|no space left on device|too many open files|read-only file system|file too large"
          r"|cannot allocate memory|resource temporarily unavailable|input/output error|i/o timeout|exec format error"
          r"|not a directory|is a directory|device or resource busy|disk quota exceeded|broken pipe)")
_OF_A_PROGRAM = re.compile(
    r"^[^\s:]+: (?:line )?\d+: \S|^panic: |\[(?:emerg|alert|crit|error)\] "
    r"|^[\w./+-]+: (?:.*: )?(?:cannot|can't|could not|unable|failed|no such|not found|permission denied|no space|too many"
    r"|resource temporarily|address already|connection refused|input/output|i/o)\b"
    r"|^(?:[\d/:.,TZ+-]{4,40} ){0,3}(?:cannot|can't|could not|couldn't|unable to|failed to)\b"
    r"|^(?:uncaught |fatal )?(?:error|exception): |\bfatal error, |^exception in thread |^caused by: |\bpanicked at "
    rf"|: \(?(?:\d+: )?{_ERRNO}(?: \(os error \d+\))?[.)\"']*$", re.IGNORECASE)
"""How programs that are not Python complain: ``./run.sh: 3: Cannot fork``, ``mkdir: cannot …``, ``nginx: [emerg] …``,
``cannot open the database``, Go's ``listen tcp :80: bind: address already in use``, Java's ``Exception in thread "main" …``,
Rust's ``thread 'main' panicked at …``, ``Fatal error, can't open …``."""
_STRUCTURED = re.compile(
    r"(?:(?:^|\s)(?:level|lvl|severity)=\"?|\"(?:level|lvl|severity|log\.level)\" ?: ?\"?)"
    r"(?:(?P<error>err(?:or)?|eror|crit(?:ical)?|fatal|d?panic|alert|emerg(?:ency)?|[56]0)|[a-z]+|\d+)\b", re.IGNORECASE)
"""The level of a line of keys and values, or of JSON: ``level=error``, ``"severity": "ERROR"``, ``"level":50``."""
_KLOG = re.compile(r"^(?:(?P<error>[EF])|[IWD])\d{4} \d\d:\d\d:\d\d\.\d+ ")
_RAISED = re.compile(r"^(?:[\w<>]+\.)*[A-Z]\w*[a-z]\w*(?:: |:?$)")
"""The last line of a traceback, whatever the class is called and whatever level words its message holds."""


@functools.lru_cache(maxsize=8)
def error_lines(output: str) -> tuple[ErrorLine, ...]:
    """The lines of a log by which it says that something went wrong, in order.

    A line whose level is ERROR, CRITICAL or FATAL, one like ``prog: error: …`` (argparse), the last line of a
    traceback, faulthandler's ``Timeout (``, and what other languages and their loggers write. Not the frames and source
    lines of a traceback, though oslo.log writes ERROR before each, and not a line of a lower level that quotes the word:
    oslo.config dumps a log format that holds ERROR at DEBUG.
    """
    found: list[tuple[str, str, list[str]]] = []
    goes_on = False
    for kind, line, message in _read_lines(output):
        if kind in (Kind.STAMPED_ERROR, Kind.EXCEPTION):
            found.append((line, message, []))
        elif kind is Kind.PLAIN and goes_on and line.strip():
            found[-1][2].append(f"\n{line}")
            continue
        goes_on = kind in (Kind.STAMPED_ERROR, Kind.EXCEPTION)
    return tuple(ErrorLine(line, message, "".join(more)) for line, message, more in found)


def _read_lines(output: str) -> Iterator[tuple[Kind, str, str]]:
    """Each line with its kind and message. A log line of another process may stand within a traceback on stderr."""
    inside = False
    for line in _ANSI.sub("", output).splitlines():
        kind, message = read_line(line, inside)
        yield kind, line, message
        inside = kind is Kind.HEADER or (inside and kind not in (Kind.EXCEPTION, Kind.PLAIN))


def read_line(line: str, inside: bool) -> tuple[Kind, str]:
    stamped = _OSLO.match(line)
    if stamped:
        return _read_oslo(stamped)
    text = _GROUP_MARGIN.sub("", line)
    if _HEADER.match(text):
        return Kind.HEADER, ""
    if inside and (not text.strip() or text[0].isspace() or _GROUP_RULER.match(line)):
        return Kind.FRAME, ""
    if _SOME_ERROR.match(text) or (inside and _RAISED.match(text)):
        return Kind.EXCEPTION, text
    level, marked = _LEVEL.search(line), _STRUCTURED.search(line) or _KLOG.match(line)
    if marked and not (level and level.start() < marked.start()):
        return (Kind.STAMPED_ERROR, text) if marked["error"] else (Kind.OTHER_LEVEL, "")
    if level:
        is_error = level["error"] or level["word"]
        return (Kind.STAMPED_ERROR, _LEVEL_FIRST.sub("", line)) if is_error else (Kind.OTHER_LEVEL, "")
    if inside:
        return Kind.EXCEPTION, text
    return (Kind.STAMPED_ERROR, text) if _OF_A_PROGRAM.search(text) else (Kind.PLAIN, "")


def _read_oslo(stamped: re.Match[str]) -> tuple[Kind, str]:
    """oslo.log repeats stamp, level and logger before each line of a traceback, but the ``[context]`` only before a
    message: that is how a message that looks like a frame is told from a frame."""
    if stamped["level"] not in ("ERROR", "CRITICAL", "FATAL"):
        return Kind.OTHER_LEVEL, ""
    if stamped["context"]:
        return Kind.STAMPED_ERROR, stamped["body"]
    body = _GROUP_MARGIN.sub("", stamped["body"])
    between = not body.strip() or body[0].isspace() or _BETWEEN.match(body) or _GROUP_RULER.match(stamped["body"])
    return (Kind.OTHER_LEVEL, "") if between or _HEADER.match(body) else (Kind.STAMPED_ERROR, body)


# --- what a program says that no rule above can read ----------------------------------------------------------------

_VARIES = re.compile(r"/[\w.+@/-]*|\b[0-9a-fA-F]{8,}\b|\d+")
_MOST_SAID = 200
"""Different lines of a good start that are kept: beyond those nobody can say that a line is new."""


def said_lines(output: str) -> tuple[str, ...]:
    """The different lines of ``output`` without what varies in them: numbers, paths, ids."""
    lines = (_VARIES.sub("0", line.strip())[:160] for line in _ANSI.sub("", output).splitlines() if line.strip())
    return tuple(dict.fromkeys(lines))[:_MOST_SAID]


def last_lines(output: str, most: int) -> list[str]:
    """The last ``most`` lines that are not empty."""
    return [line for line in _ANSI.sub("", output).splitlines() if line.strip()][-most:]
