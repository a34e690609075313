"""Text that a target wrote, made safe to show: on a terminal, in XML, in HTML. It never decides what a text means.

A log is hostile input. On a terminal an escape sequence can retitle the window, hide lines or answer for the user; a
carriage return rewrites what stands before it; a bidirectional control turns a line round. None of that is evidence, so
escape sequences go and every other control character is shown as ``\\x07``. All patterns are linear in the text and end
at a line's end: an unfinished sequence may cost its own introducer, never the rest of the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rich.cells import cell_len, chop_cells

LINE_LIMIT = 2000
"""Characters of one line that are shown. A start that logs a megabyte in one line has said enough by then."""

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erase
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC, up to their terminator
    r"|\x1b[ -/]+[0-~]|\x1b[0-~]"  # two-character escapes, charset choices
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one C1 character
)
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CASE_ID = re.compile(r"/(?:eventlet|threading|-)/w\d")


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cleaned(text: str) -> str:
    """``text`` without escape sequences, every other control character spelled out; only ``\\n`` is left of those.

    A tab becomes four spaces and a carriage return a line's end: what was written before it is evidence too.
    """
    plain = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return _CONTROL.sub(_spelled, plain)


def one_line(text: str) -> str:
    """``text`` cleaned and on one line, for a sentence or a heading."""
    return clipped(" ".join(cleaned(text).split()))


def for_xml(text: str) -> str:
    """``text`` with every character that XML 1.0 forbids spelled out (XML has no escape for them at all)."""
    return _NOT_XML.sub(_spelled, cleaned(text))


def for_markdown(text: str) -> str:
    """``text`` on one line of Markdown, every character that could be markup (or a mention) as its number."""
    plain = "".join(f"&#{ord(char)};" if char in "|<>&`*_[]\\!#~@" else char for char in cleaned(text))
    return " ".join(plain.split())


def clipped(line: str, *, limit: int = LINE_LIMIT) -> str:
    """``line``, cut when it is longer than ``limit`` characters, saying how long it was."""
    return line if len(line) <= limit else f"{line[:limit]} … ({len(line)} characters)"


def clean_lines(text: str) -> list[str]:
    """The lines of ``text``, safe to show, none longer than ``LINE_LIMIT`` and a note; no blank end."""
    return [clipped(line.rstrip()) for line in cleaned(text).rstrip().split("\n")] if text.strip() else []


def tail(text: str, *, lines: int, characters: int) -> str:
    """The last ``lines`` lines of ``text``, cleaned, in about ``characters``: what a reader looks at first."""
    kept: list[str] = []
    room = characters
    for line in reversed(clean_lines(_last_part(text, lines))):
        room -= len(line) + 1
        if len(kept) == lines or (kept and room < 0):
            break
        kept.append(line)
    return "\n".join(reversed(kept))


def _last_part(text: str, lines: int) -> str:
    """An end of ``text`` that surely holds its last ``lines`` clipped lines' starts: cleaning a whole log is slow."""
    return "\n".join(text.rstrip().rsplit("\n", lines)[-lines:])


def wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` cells: ``first`` opens the first one, ``rest`` the others.

    Spaces inside are kept (a stack's indentation says something). A word that fits no line is folded. A case
    id never is: it is there to be copied, so it gets a line of its own, which the terminal may break, but not we.
    """
    lines: list[str] = []
    current, fresh = first, True
    for word in text.split(" "):
        longer = current + word if fresh else f"{current} {word}"
        whole = _CASE_ID.search(word) or cell_len(rest + word) <= width
        if cell_len(longer) > width and whole and current.strip():
            lines.append(current)
            longer = rest + word
        elif cell_len(longer) > width and not whole:
            *full, longer = _folded(longer, width, rest)
            lines.extend(full)
        current, fresh = longer, False
    return [line.rstrip() for line in (*lines, current)]


def _folded(line: str, width: int, rest: str) -> list[str]:
    """``line`` in pieces that fit; at least one character a piece, however narrow the terminal."""
    first, *others = chop_cells(line, max(1, width)) or [""]
    room = max(1, width - cell_len(rest))
    return [first, *(rest + piece for piece in chop_cells("".join(others), room))]


def wrapped_all(texts: Iterable[str], width: int, *, first: str = "", rest: str = "") -> Iterator[str]:
    """Every line of ``texts``, wrapped."""
    for text in texts:
        yield from wrapped(text, width, first=first, rest=rest)
