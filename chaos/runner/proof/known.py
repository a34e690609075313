"""Claims about the source of libraries, each bound to the very file that was read: what a loop does, who starts workers.

The claim holds for a file with one of these digests and for no other. A new version is looked at by a person first.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

REACTS_TO_CHILDREN: Mapping[tuple[str, str], frozenset[str]] = {
    # oslo.service 4.8.0: ``while self.running: waitpid(0, WNOHANG) or sleep(0.01)``. It changes nothing without a zombie,
    # and ``running`` is changed by signals only.
    ("oslo_service/backend/_eventlet/service.py", "_respawn_children"): frozenset({
        "3657f515488f9a8cf8d77650686a4a690807dad19ec7dcc0db5752fba6e59ed2"}),
}
"""(end of the file's name, function that sleeps) to the files of which it is known that this loop only waits for children."""

WAITS_FOR_SIGNALS: Mapping[tuple[str, str], frozenset[str]] = {
    # cotyledon 2.2.0: select on the pipe of signal.set_wakeup_fd. Its workers inherit the other end and never write to it.
    ("cotyledon/_utils.py", "_wait_forever"): frozenset({
        "e15d227f200517121e85a49b62ecc739c65ff27dbd28366ee1523c65ebc3d798"}),
}
"""(end of the file's name, function that waits) to the files of which it is known that only a signal ends that wait."""

STARTS_WORKERS: Mapping[str, frozenset[str]] = {
    # cotyledon 2.2.0: ``ServiceManager.run`` starts the only thread that ever starts a worker, and then waits for ever.
    "cotyledon/_service_manager.py": frozenset({"fbc69e823232de654499b2b5409963637288a43cd46c09d5c09bcfc6420c8d15"}),
}
RUNS, ITS_SUPERVISOR = "run", "_child_supervisor_thread"

SLEEPS = (("eventlet/hubs/hub.py", "switch"), ("eventlet/greenthread.py", "sleep"))
"""The frames of ``eventlet.sleep``, innermost first."""


def frame(line: str) -> tuple[str, str]:
    """``/path/file.py:12 function`` to its file and its function."""
    place, _, function = line.rpartition(" ")
    return place.rpartition(":")[0], function


def line_is(line: str, tail: str, function: str) -> bool:
    path, name = frame(line)
    return path.endswith("/" + tail) and name == function


def only_waits_for_children(stack: tuple[str, ...]) -> bool:
    """Whether what this stack of a sleeping greenthread does next is known: to look for dead children, and sleep again."""
    if len(stack) <= len(SLEEPS) or any(not line_is(line, *one) for line, one in zip(stack, SLEEPS, strict=False)):
        return False
    path, function = frame(stack[len(SLEEPS)])
    return any(path.endswith(tail) and function == name and digest(path) in digests
               for (tail, name), digests in REACTS_TO_CHILDREN.items())


def only_waits_for_signals(stack: tuple[str, ...]) -> bool:
    """Whether what this thread waits for, in its innermost frame, is known to be a signal."""
    if not stack:
        return False
    path, function = frame(stack[0])
    return any(path.endswith(tail) and function == name and digest(path) in digests
               for (tail, name), digests in WAITS_FOR_SIGNALS.items())


def is_master(main: int, stacks: Mapping[int, tuple[str, ...]]) -> bool:
    """Whether the main thread of a master waits for signals, and for nothing else: not one that is on its way to its end,
    which is a call further in. Only of a master of which it is known who starts its workers."""
    stack = stacks.get(main, ())
    if len(stack) < 2 or not only_waits_for_signals(stack):
        return False
    path, function = frame(stack[1])
    return function == RUNS and any(path.endswith(tail) and digest(path) in digests
                                    for tail, digests in STARTS_WORKERS.items())


def has_lost_its_supervisor(main: int, stacks: Mapping[int, tuple[str, ...]]) -> bool:
    """Whether this is a master that waits for signals while the thread that starts its workers is gone."""
    functions = {frame(line)[1] for stack in stacks.values() for line in stack}
    return is_master(main, stacks) and ITS_SUPERVISOR not in functions


@functools.cache
def digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""
