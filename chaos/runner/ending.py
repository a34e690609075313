"""The end of everything below this process: killed and reaped, whatever it did to hide. For host, supervisor and broker."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Container

from chaos.runner import tree

KILL_WITHIN_S = 5.0
PR_SET_CHILD_SUBREAPER = 36
PR_SET_PDEATHSIG = 1


def become_subreaper() -> None:
    """Orphans of the tree below become children of this process, however they hide (setsid, double fork, renamed)."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def die_with_parent(parent_pid: int, number: signal.Signals) -> None:
    """This process gets signal ``number`` when its parent dies, or now if it has died already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), number)


def leave_undisturbed() -> None:
    """SIGTERM waits from now on: whoever was told to leave does so, however often it is told.

    Held back, not ignored: Python complains, on the standard error that is the caller's, of a signal that arrives while
    SIG_IGN is being set ("ignored due to race condition").
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def leave_when_told() -> None:
    """SIGTERM counts again, also one that came meanwhile."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def end_all_below(spared: Container[int] = ()) -> None:
    """Kill and reap all that is below this process but ``spared`` and what is below those.

    Bounded: what the kernel does not let go of within ``KILL_WITHIN_S`` is left to it.
    """
    until = time.monotonic() + KILL_WITHIN_S
    while time.monotonic() < until:
        below = tree.descendants(os.getpid(), spared)
        if not below:
            return
        for one in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one.pid, signal.SIGKILL)
        reap(lambda pid: pid not in spared)
        time.sleep(0.0005)


def reap(wanted: Callable[[int], bool]) -> None:
    """Take the status of every dead child that is ``wanted``, so that it is no zombie any more."""
    for pid in tree.children(os.getpid()):
        if wanted(pid):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
