"""What the target writes, kept within bounds. Holds bytes; judges and masks nothing."""

from __future__ import annotations

HEAD_BYTES, TAIL_BYTES = 64 * 1024, 256 * 1024
"""The beginning tells how it was started, the end why it ended; a flood in between is counted."""


class Output:
    """The target's output: its beginning and its end, however much it writes in between."""

    def __init__(self) -> None:
        self.head = b""
        self.tail = b""
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = HEAD_BYTES - len(self.head)
        self.head += data[:room]
        self.tail = (self.tail + data[room if room > 0 else 0:])[-TAIL_BYTES:] if len(data) > room else self.tail

    def since(self, mark: int) -> bytes:
        count = self.total - mark
        return (self.head + self.tail)[-count:] if count else b""

    def cut_from(self, mark: int) -> bytes:
        """Take away and return what was written since ``mark``."""
        late = self.since(mark)
        from_tail = min(len(late), len(self.tail))
        self.tail = self.tail[:len(self.tail) - from_tail]
        self.head = self.head[:len(self.head) - (len(late) - from_tail)]
        self.total = mark
        return late

    def text(self) -> str:
        lost = self.total - len(self.head) - len(self.tail)
        middle = f"\n... {lost} bytes left out ...\n".encode() if lost > 0 else b""
        return (self.head + middle + self.tail).decode("utf-8", "replace")
