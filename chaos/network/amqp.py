"""Where the frames of an AMQP 0-9-1 stream begin and end, and which methods they carry. Pure; it changes no byte.

A stream that is not AMQP (TLS, garbage) passes as it is, without marks, from where it stopped to make sense.
"""

from __future__ import annotations

from dataclasses import dataclass

from pamqp.constants import FRAME_BODY, FRAME_HEADER, FRAME_HEADER_SIZE, FRAME_HEARTBEAT, FRAME_METHOD
from pamqp.frame import frame_parts

from chaos.network.words import NAMES

OTHERS = {FRAME_HEADER: "header", FRAME_BODY: "body", FRAME_HEARTBEAT: "heartbeat"}
PROTOCOL_HEADER = b"AMQP"
PROTOCOL_HEADER_SIZE = 8
METHOD_SIZE = 4
"""Class and method, the first bytes of a method frame's payload."""
END_SIZE = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A frame begins or ends at ``offset`` of the bytes that were given back. ``name``: its method, or ``header``, ``body``,
    ``heartbeat``, ``protocol``."""

    offset: int
    name: str
    begins: bool


class Scanner:
    """Follows one stream. ``frames``: how many have passed whole, the protocol header not counted."""

    def __init__(self) -> None:
        self.frames = 0
        self.is_amqp = True
        self._held = b""
        self._left = 0
        self._name = ""
        self._at_start = True

    def feed(self, data: bytes) -> tuple[bytes, list[Mark]]:
        """What can be passed on now, and the marks in it. Up to eleven bytes are held back until a frame has a name."""
        ready = self._held + data if self._held else data
        self._held = b""
        marks: list[Mark] = []
        at = 0
        while self.is_amqp and at < len(ready):
            if not self._left and not self._begin(ready, at, marks):
                break
            step = min(self._left, len(ready) - at)
            at += step
            self._left -= step
            if not self._left:
                self.frames += self._name != "protocol"
                marks.append(Mark(at, self._name, False))
        if self.is_amqp and at < len(ready):
            ready, self._held = ready[:at], ready[at:]
        return ready, marks

    def rest(self) -> bytes:
        """What was held back when the stream ended."""
        held, self._held = self._held, b""
        return held

    def _begin(self, ready: bytes, at: int, marks: list[Mark]) -> bool:
        """Name the frame at ``at``; False when too little of it is there, or when it is none."""
        if self._at_start and ready[at:at + 4] == PROTOCOL_HEADER[:len(ready) - at]:
            if len(ready) - at < PROTOCOL_HEADER_SIZE:
                return False
            self._name, self._left = "protocol", PROTOCOL_HEADER_SIZE
        elif not self._begin_frame(ready, at):
            return False
        self._at_start = False
        marks.append(Mark(at, self._name, True))
        return True

    def _begin_frame(self, ready: bytes, at: int) -> bool:
        if ready[at] != FRAME_METHOD and ready[at] not in OTHERS:
            self.is_amqp = False
            return False
        kind, _, size = frame_parts(ready[at:at + FRAME_HEADER_SIZE])
        if size is None:
            return False
        self._name = OTHERS.get(kind, "")
        if kind == FRAME_METHOD:
            index = ready[at + FRAME_HEADER_SIZE:at + FRAME_HEADER_SIZE + METHOD_SIZE]
            if len(index) < METHOD_SIZE:
                return False
            self._name = NAMES.get(int.from_bytes(index, "big"), "method")
        self._left = FRAME_HEADER_SIZE + size + END_SIZE
        return True
