"""``journal.ndjson``: every event, a line each, on the disk as it happens. It is what is left after a crash.

The file is enough to judge again and to go on: it holds the plan, and every finished case in full.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import chaos
from chaos.codec import from_data, json_of, to_data
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

_PIECE = 1 << 16
SCHEMA = 2
"""2: a second verdict no longer repeats what was seen."""

KINDS: Mapping[str, type[Event]] = {
    "sweep-started": SweepStarted,
    "variant-ready": VariantReady,
    "planned": Planned,
    "case-started": CaseStarted,
    "case-finished": CaseFinished,
    "case-rejudged": CaseRejudged,
    "sweep-finished": SweepFinished,
}
_NAMES = {cls: name for name, cls in KINDS.items()}


class Journal:
    """Appends each event to ``path`` at once. ``Journal(path)`` begins afresh, ``Journal.resumed(path)`` goes on.

    What was written can be read again by its place: the journal is also where a report finds the evidence of a case.
    Unbuffered: when ``feed`` returns, the line has left this process, and a crash of chaos cannot lose it. There is no
    ``fsync`` a line: a crash of the machine is not what a sweep goes on from, and a sync costs more than a warm case.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mode = "xb+"
        self._file: io.FileIO | None = None

    @classmethod
    def resumed(cls, path: Path) -> Self:
        """A journal that goes on behind the last whole line of ``path``; a torn one is cut off, its case runs again."""
        journal = cls(path)
        journal._mode = "ab+"
        return journal

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._mode == "xb+":
            self._path.unlink(missing_ok=True)      # not emptied: another sweep may still be reading from that file
        self._file = io.FileIO(self._path, self._mode)
        if _cut_torn_line(self._path, self._file) == 0:
            _append(self._file, {"schema": SCHEMA, "chaos": chaos.__version__})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def feed(self, event: Event) -> None:
        self.write(event)

    def write(self, event: Event) -> int:
        """As ``feed``; the place of its line, for ``read``."""
        return _append(self._open, event_data(event))

    def read(self, place: int) -> Event:
        """The event that ``write`` put there."""
        return _event(self._path, f"byte {place}", _line_at(self._open, place))

    def read_data(self, place: int) -> dict[str, Any]:
        """The same as data."""
        return _parsed(self._path, f"byte {place}", _line_at(self._open, place))

    @property
    def _open(self) -> io.FileIO:
        if self._file is None:
            raise RuntimeError(f"the journal {self._path} is not open; use it in a with statement")
        return self._file


def _append(file: io.FileIO, data: Mapping[str, Any]) -> int:
    """Write one whole line, or none; where it begins. What a full disk or a Ctrl-C left half done is cut off, and goes up."""
    start = file.seek(0, os.SEEK_END)
    rest = memoryview(json_of(data).encode() + b"\n")
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except BaseException:
        file.truncate(start)
        raise
    return start


def _line_at(file: io.FileIO, place: int) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        piece = os.pread(file.fileno(), _PIECE, place + len(found))
        if not piece:
            return found
        found += piece[: piece.find(b"\n") + 1 or _PIECE]
    return found


def _cut_torn_line(path: Path, file: io.FileIO) -> int:
    """Cut what stands behind the last newline, as ``read_journal`` ignores it; how many bytes are left."""
    whole = 0
    with path.open("rb") as reader:
        for line in reader:
            whole += len(line) if line.endswith(b"\n") else 0
    file.truncate(whole)
    return whole


def event_data(event: Event) -> dict[str, Any]:
    """An event as data: its ``kind``, then its fields."""
    return {"kind": _NAMES[type(event)], **to_data(event)}


def read_journal(path: Path) -> Iterator[Event]:
    """The events of ``path``, in order, read as they are asked for.

    A last line without its newline is torn, and is left out. Anything else that cannot be read is a ``ValueError`` with
    the line's number: a journal with a hole must not pass for a shorter sweep.
    """
    with path.open("rb") as file:
        _check_header(path, next(file, b""))
        for number, line in enumerate(file, start=2):
            if line.endswith(b"\n"):
                yield _event(path, f"line {number}", line)


def is_finished(path: Path) -> bool:
    """Whether the sweep that wrote the journal at ``path`` came to its end, were it by an interruption."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _PIECE))
        *whole, _ = file.read().split(b"\n")
    return bool(whole) and whole[-1].startswith(f'{{"kind": "{_NAMES[SweepFinished]}"'.encode())


def _check_header(path: Path, line: bytes) -> None:
    header = _parsed(path, "line 1", line) if line.endswith(b"\n") else {}
    if header.get("schema") != SCHEMA:
        found = f"schema {header['schema']!r}" if "schema" in header else "no schema in its first line"
        raise ValueError(f"{path} is not a journal that chaos {chaos.__version__} reads: {found}, wanted {SCHEMA}")


def _event(path: Path, where: str, line: bytes) -> Event:
    data = _parsed(path, where, line)
    kind = KINDS.get(str(data.get("kind")))
    if kind is None:
        raise ValueError(f"{path}, {where}: kind is {data.get('kind')!r}, not one of {', '.join(KINDS)}")
    try:
        return from_data(kind, data)
    except ValueError as error:
        raise ValueError(f"{path}, {where}: {error}") from error


def _parsed(path: Path, where: str, line: bytes) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path}, {where} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path}, {where} is not a JSON object but {type(data).__name__}")
    return data
