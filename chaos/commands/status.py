"""The exit statuses, and which one a set of verdicts makes."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from chaos.model import Grade


class Status(enum.IntEnum):
    """Exit statuses; see docs/contract.md."""

    PASS = 0
    FAIL = 1
    INCONCLUSIVE = 2
    USAGE = 64
    UNAVAILABLE = 69
    DEFECT = 70
    INTERRUPTED = 130


def status_of(grades: Iterable[Grade]) -> Status:
    """The worst wins: a failure, then what could not be told."""
    found = set(grades)
    if Grade.FAIL in found:
        return Status.FAIL
    return Status.INCONCLUSIVE if found & {Grade.UNREACHED, Grade.UNKNOWN} else Status.PASS


WORST_FIRST = (Status.INTERRUPTED, Status.DEFECT, Status.USAGE, Status.UNAVAILABLE, Status.FAIL, Status.INCONCLUSIVE,
               Status.PASS)
"""First what makes the rest doubtful or leaves it unsaid: a night that did not run must not look like one with findings."""


def worst(statuses: Iterable[Status]) -> Status:
    """Of several parts' statuses the one that the whole ends with."""
    return min(statuses, key=WORST_FIRST.index, default=Status.PASS)
