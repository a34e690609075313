"""What the agent says, as values: one line of its FIFO each. A line that is torn or unknown is passed over. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """``kind`` (start, hit, fired, mile, fork, stacks), when (``time.monotonic()``), by whom, and its fields."""

    kind: str
    at: float
    pid: int
    role: str
    fields: tuple[str, ...]


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def parse(line: str) -> Said | None:
    """One record; None where the line is not one."""
    kind, _, rest = line.partition("\t")
    words = [_unescaped(word) for word in rest.split("\t")]
    try:
        return Said(kind, float(words[0]), int(words[1]), words[2], tuple(words[3:]))
    except (IndexError, ValueError):
        return None
