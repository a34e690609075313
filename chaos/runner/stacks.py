"""Where everything stands: the stacks of every Python of the tree, asked for by signal, and from C where that is blocked."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chaos.runner import tree
from chaos.runner.output import Output

PROBE_SIGNAL, STACKS_SIGNAL, DUMP_SIGNAL = 61, 62, 63   # see inside/_chaos_agent.py
WITHIN_S = 1.5
SILENT_S = 0.15
"""A dump that has not grown for so long is whole."""


def ask(pids: Sequence[int], number: int) -> None:
    """Send ``number`` to each that has a handler for it: one that has none would die of it."""
    for pid in pids:
        if tree.catches(pid, number):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def wait_for_files(paths: Sequence[Path], within_s: float, pump: Callable[[], object]) -> list[Path]:
    """Those of ``paths`` that exist, once all do or time is up. ``pump`` blocks a moment and handles what arrives."""
    until = time.monotonic() + within_s
    while True:
        there = [path for path in paths if path.exists()]
        if len(there) == len(paths) or time.monotonic() > until:
            return there
        pump()


def collect(folder: Path, pids: Sequence[int], roles: Mapping[int, str], output: Output,
            pump: Callable[[], object]) -> str:
    """The stacks of ``pids`` as text, a paragraph a process."""
    pids = [pid for pid in pids if tree.catches(pid, STACKS_SIGNAL)]
    ask(pids, STACKS_SIGNAL)
    files = {folder / f"stacks.{pid}": pid for pid in pids}
    parts, silent = [], dict(files)
    for path in wait_for_files(list(files), WITHIN_S, pump):
        pid = silent.pop(path)
        text = path.read_text(encoding="utf-8", errors="replace")
        parts.append(f"process {pid} ({roles.get(pid) or 'other'}):\n{text}")
    for pid in silent.values():
        if tree.catches(pid, DUMP_SIGNAL):
            parts.append(f"process {pid} ({roles.get(pid) or 'other'}), from C, its interpreter is blocked:\n"
                         + _dump(pid, output, pump))
    return "\n".join(parts)


def _dump(pid: int, output: Output, pump: Callable[[], object]) -> str:
    """faulthandler writes to the target's standard error: what comes from here on is not its log. It does so in pieces, and
    does not say which is the last."""
    mark = size = output.total
    ask([pid], DUMP_SIGNAL)
    now = grown = time.monotonic()
    until = now + WITHIN_S / 3
    while now < until and (size == mark or now < grown + SILENT_S):
        pump()
        now = time.monotonic()
        if output.total != size:
            size, grown = output.total, now
    return output.cut_from(mark).decode("utf-8", "replace")
