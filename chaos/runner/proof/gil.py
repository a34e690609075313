"""Who holds the interpreter's lock, when a thread waits for it: that wait has a time limit and yet never ends by itself.

CPython's ``take_gil`` waits 5 ms at a time, again and again, until the lock is free. Where the lock lies differs from
version to version, so no offset into the interpreter is believed: what lies before the condition that the thread waits on
must be a lock that is taken, by a thread state that names a thread of this very process. Pure: memory is given.
"""

from __future__ import annotations

import struct
from collections.abc import Collection

from chaos.runner.proof.syscalls import Memory
from chaos.runner.proof.values import Lock

IN_CONDITION = (40, 44, 32, 36)
"""Where in a pthread_cond_t glibc's waiters wait, up to 2.40 and from 2.41 on."""
BEFORE_CONDITION = struct.Struct("<QQi4xQ")
"""interval in microseconds, last_holder, locked, switch_number: the same from 3.8 to 3.13."""
LONGEST_INTERVAL = 60_000_000
TID_IN_PTHREAD = 720
"""glibc, x86-64; what stands there is believed only where it is a thread of that process."""
THREAD_STATE = 512
"""Bytes of a thread state in which its thread is named."""


def is_as_before(lock: Lock, memory: Memory) -> bool:
    """Whether that lock is still taken and has not changed hands: its holder stood still, so nobody else ran Python."""
    try:
        _, state, locked, switches = BEFORE_CONDITION.unpack(memory(lock.address, BEFORE_CONDITION.size))
    except (OSError, struct.error):
        return False
    return (locked, switches, state) == (1, lock.switches, lock.state)


def lock_at(futex: int, memory: Memory, tids: Collection[int]) -> Lock | None:
    """The lock that a thread with a time limit on ``futex`` waits for; None when it is no such lock, or is free."""
    for inner in IN_CONDITION:
        address = futex - inner - BEFORE_CONDITION.size
        try:
            interval, state, locked, switches = BEFORE_CONDITION.unpack(memory(address, BEFORE_CONDITION.size))
            if locked != 1 or not 0 < interval <= LONGEST_INTERVAL or not state or state % 8:
                continue
            holder = _thread_of(memory(state, THREAD_STATE), memory, tids)
        except (OSError, struct.error, OverflowError):
            continue
        if holder is not None:
            return Lock(address, state, holder, switches)
    return None


def _thread_of(state: bytes, memory: Memory, tids: Collection[int]) -> int | None:
    """The thread that a thread state names: one of its words is the address of a pthread of this process."""
    found: set[int] = set()
    for (ident,) in struct.iter_unpack("<Q", state):
        found |= _named(ident, memory, tids)
    return found.pop() if len(found) == 1 else None


def _named(ident: int, memory: Memory, tids: Collection[int]) -> set[int]:
    if ident < 4096 or ident % 64 or ident >> 47:
        return set()
    try:
        tid = struct.unpack("<i", memory(ident + TID_IN_PTHREAD, 4))[0]
    except (OSError, struct.error, OverflowError):
        return set()
    return {tid} if tid in tids else set()
