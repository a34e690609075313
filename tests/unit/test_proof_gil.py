"""The interpreter's lock is recognised by what it holds, and by nothing else. Literal memory."""

from __future__ import annotations

import struct

import pytest

from chaos.runner.proof.gil import is_as_before, lock_at
from chaos.runner.proof.values import Lock

LOCK, STATE, PTHREAD = 0x10000, 0x20000, 0x7F0000000040
FUTEX = LOCK + 32 + 40
"""Behind the lock lies its condition, and the waiters wait 40 bytes into that."""


class Image:
    """Memory that holds a lock, the thread state that has it, and the pthread that this names."""

    def __init__(self, *, interval: int = 5000, state: int = STATE, locked: int = 1, switches: int = 9,
                 tid: int = 77) -> None:
        self.parts = {LOCK: struct.pack("<QQi4xQ", interval, state, locked, switches) + bytes(48),
                      STATE: struct.pack("<QQQQ", 0, 0x30008, 1 << 60, PTHREAD) + bytes(480),
                      PTHREAD: bytes(720) + struct.pack("<i", tid)}

    def __call__(self, address: int, length: int) -> bytes:
        for begin, data in self.parts.items():
            if begin <= address and address + length <= begin + len(data):
                return data[address - begin:address - begin + length]
        raise OSError(f"nothing at {address:#x}")


def test_a_lock_that_is_taken_names_the_thread_that_has_it() -> None:
    assert lock_at(FUTEX, Image(), {77, 78}) == Lock(LOCK, STATE, 77, 9)


@pytest.mark.parametrize("image", [
    Image(locked=0), Image(interval=0), Image(interval=1 << 40), Image(state=0), Image(state=STATE + 4), Image(tid=5),
], ids=["free", "no interval", "absurd interval", "nobody has it", "not a thread state", "a thread of another process"])
def test_what_is_not_quite_such_a_lock_is_none(image: Image) -> None:
    assert lock_at(FUTEX, image, {77, 78}) is None


def test_a_wait_for_anything_else_is_none() -> None:
    assert lock_at(FUTEX + 256, Image(), {77}) is None
    assert lock_at(PTHREAD, Image(), {77}) is None
    assert lock_at(0, Image(), {77}) is None


def test_a_lock_that_was_let_go_or_changed_hands_is_not_as_before() -> None:
    lock = Lock(LOCK, STATE, 77, 9)
    assert is_as_before(lock, Image())
    assert not is_as_before(lock, Image(locked=0))
    assert not is_as_before(lock, Image(switches=10))
    assert not is_as_before(lock, Image(state=0x40000))
