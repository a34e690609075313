"""A line of /proc/TID/syscall, and the memory that it points into, become what a thread waits for."""

from __future__ import annotations

import struct

import pytest

from chaos.runner.proof.syscalls import decode
from chaos.runner.proof.values import Limit, Wait, Watch

CLOCKS = {0: -1000.0, 1: 0.0}
"""CLOCK_REALTIME is 1000 s ahead of CLOCK_MONOTONIC."""
HERE = 0x1000


def seen(number: int, *args: int, memory: bytes = b"", at: int = HERE) -> Wait:
    def read(address: int, length: int) -> bytes:
        found = memory[address - at:address - at + length]
        if address < at or len(found) < length:
            raise OSError("not there")
        return found
    padded = [*args, *[0] * (6 - len(args))]
    line = " ".join([str(number), *(hex(arg % (1 << 64)) for arg in padded), "0x7ffd0000", "0x7f0000"])
    return decode(line, read, CLOCKS)


def timespec(seconds: float) -> bytes:
    return struct.pack("<qq", int(seconds), round(seconds % 1 * 1e9))


@pytest.mark.parametrize("line", ["running", "", "-1 0x7ffd 0x7f00"])
def test_a_thread_that_runs_or_is_in_no_call_is_unknown(line: str) -> None:
    assert decode(line, lambda address, length: b"", CLOCKS).unknown


def test_a_call_that_is_in_no_table_is_unknown_and_never_a_wait_without_end() -> None:
    assert seen(42, 3).unknown       # connect
    assert seen(219).unknown         # restart_syscall
    assert seen(9999).unknown


def test_a_blocking_read_and_write_wait_for_their_descriptor_and_may_have_a_limit_of_the_socket() -> None:
    assert seen(0, 7) == Wait("read", (Watch(7, "read"),), on_socket="receive")
    assert seen(1, 7) == Wait("write", (Watch(7, "write"),), on_socket="send")
    assert seen(45, 7).on_socket == "receive"
    assert seen(288, 7).watches == (Watch(7, "read"),)


def test_poll_waits_for_each_descriptor_that_is_not_negative() -> None:
    fds = struct.pack("<ihhihhihhihh", 3, 1, 0, 4, 4, 0, -1, 1, 0, 5, 0, 0)
    wait = seen(7, HERE, 4, -1, memory=fds)
    assert wait.watches == (Watch(3, "read"), Watch(4, "write"), Watch(5, "end"))
    assert wait.limit is None
    assert seen(7, HERE, 4, 1500, memory=fds).limit == Limit(for_s=1.5)
    assert seen(7, 0, 0, 0).limit == Limit(for_s=0.0)


def test_poll_whose_array_cannot_be_read_is_unknown() -> None:
    assert seen(7, HERE, 2, -1).unknown


def test_ppoll_and_select_have_no_limit_when_their_pointer_is_null() -> None:
    assert seen(271, 0, 0, 0).limit is None
    assert seen(271, 0, 0, HERE, memory=timespec(2.5)).limit == Limit(for_s=2.5)
    assert seen(270, 0, 0, 0, 0, 0).limit is None
    assert seen(270, 0, 0, 0, 0, HERE, memory=timespec(0.25)).limit == Limit(for_s=0.25)
    assert seen(23, 0, 0, 0, 0, HERE, memory=struct.pack("<qq", 1, 500_000)).limit == Limit(for_s=1.5)


def test_select_waits_for_the_bits_of_its_three_sets() -> None:
    sets = (1 << 3 | 1 << 65).to_bytes(16, "little") + (1 << 3).to_bytes(16, "little") + (1 << 9).to_bytes(16, "little")
    wait = seen(270, 66, HERE, HERE + 16, HERE + 32, 0, memory=sets)
    assert wait.watches == (Watch(3, "both"), Watch(9, "read"), Watch(65, "read"))


def test_epoll_waits_for_its_own_descriptor_and_minus_one_is_no_limit() -> None:
    assert seen(232, 5, HERE, 64, 0xFFFFFFFF) == Wait("epoll_wait", (Watch(5, "read"),))
    assert seen(281, 5, HERE, 64, 60000).limit == Limit(for_s=60.0)
    assert seen(441, 5, HERE, 64, 0).limit is None


def test_a_futex_has_a_limit_relative_or_at_a_moment_by_its_operation_and_clock() -> None:
    private, realtime = 128, 256
    assert seen(202, 0x5000, private, 2, 0) == Wait("futex", futex=0x5000, private=True)
    assert seen(202, 0x5000, 0, 2, 0).private is False
    assert seen(202, 0x5000, private, 2, HERE, memory=timespec(3)).limit == Limit(for_s=3.0)
    assert seen(202, 0x5000, 9 | private, 0, HERE, memory=timespec(3)).limit == Limit(at_s=3.0)
    assert seen(202, 0x5000, 9 | private | realtime, 0, HERE, memory=timespec(1003)).limit == Limit(at_s=3.0)
    assert seen(202, 0x5000, 6 | private, 0, HERE, memory=timespec(1003)).limit == Limit(at_s=3.0)
    assert seen(202, 0x5000, 12).unknown


def test_a_sleep_ends_at_a_moment_or_so_long_after_it_began() -> None:
    assert seen(230, 1, 1, HERE, memory=timespec(12)).limit == Limit(at_s=12.0)
    assert seen(230, 1, 0, HERE, memory=timespec(12)).limit == Limit(for_s=12.0)
    assert seen(35, HERE, memory=timespec(12)).limit == Limit(for_s=12.0)
    assert seen(230, 3, 1, HERE, memory=timespec(12)).unknown     # a clock that is not known


def test_waits_for_children_signals_and_locks_of_files_are_told_apart() -> None:
    assert seen(61, -1).children
    assert seen(247).children
    assert seen(34) == Wait("pause")
    assert seen(73, 4, 2).lock_fd == 4
    assert seen(72, 4, 7).lock_fd == 4
    assert seen(72, 4, 5).unknown    # F_GETLK does not wait
