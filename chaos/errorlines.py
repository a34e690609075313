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
_OF_A_PROGRAM = re.compile(
    r"^[^\s:]+: (?:line )?\d+: \S|^panic: |\[(?:emerg|alert|crit|error)\] "
    r"|^[\w./+-]+: (?:.*: )?(?:cannot|can't|could not|unable|failed|no such|not found|permission denied|no space|too many"
    r"|resource temporarily|address already|connection refused|input/output|i/o)\b", re.IGNORECASE)
"""How programs that are not Python complain: ``./run.sh: 3: Cannot fork``, ``mkdir: cannot …``, ``nginx: [emerg] …``."""
_RAISED = re.compile(r"^(?:[\w<>]+\.)*[A-Z]\w*[a-z]\w*(?:: |:?$)")
"""The last line of a traceback, whatever the class is called and whatever level words its message holds."""


@functools.lru_cache(maxsize=8)
def error_lines(output: str) -> tuple[ErrorLine, ...]:
    """The lines of a log by which it says that something went wrong, in order.

    A line whose level is ERROR, CRITICAL or FATAL, one like ``prog: error: …`` (argparse), the last line of a
    traceback, and faulthandler's ``Timeout (``. Not the frames and source lines of a traceback, though oslo.log writes
    ERROR before each, and not a line of a lower level that quotes the word: oslo.config dumps a log format that holds
    ERROR at DEBUG.
    """
    found: list[ErrorLine] = []
    goes_on = False
    for kind, line, message in _read_lines(output):
        if kind in (Kind.STAMPED_ERROR, Kind.EXCEPTION):
            found.append(ErrorLine(line, message))
        elif kind is Kind.PLAIN and goes_on and line.strip():
            found[-1] = ErrorLine(found[-1].line, found[-1].message, f"{found[-1].more}\n{line}")
            continue
        goes_on = kind in (Kind.STAMPED_ERROR, Kind.EXCEPTION)
    return tuple(found)


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
    level = _LEVEL.search(line)
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
