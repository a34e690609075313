"""``chaos repro --hold`` and ``--pdb``: the case once more, kept for somebody who looks into it."""

from __future__ import annotations

import contextlib
import select
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chaos.commands.bridge import Bridge
from chaos.commands.shown import width
from chaos.model import Observation
from chaos.prepare import debugged
from chaos.report.safetext import one_line, wrapped
from chaos.runner.pool import Pool
from chaos.runner.request import Request

PTRACE_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
OPENS = ("A debugger opens in each process in which the fault is about to happen; chaos waits for {:g} s at most. c goes on, "
         "and so does q. The times that are shown below are not those of the case.")
LOOKS = (("py-spy", "py-spy dump --pid {pid}", "pip install py-spy"),
         ("gdb", "gdb -p {pid} -batch -ex 'thread apply all bt'", "a package of that name"))


@contextlib.contextmanager
def looked_into(options: Namespace, pool: Pool, request: Request) -> Iterator[Request]:
    """``request`` as the options want it: held at its end, with a debugger before its faults, or as it is."""
    if options.hold:
        request = replace(request, hold_s=options.hold_s)
    if not options.pdb:
        yield request
        return
    with Bridge(pool.folder, 0, 1) as bridge:
        print("\n".join(wrapped(OPENS.format(options.hold_s), width())), flush=True)
        yield debugged(request, options.hold_s)
    if not bridge.count:
        print("No debugger was opened: the fault was never about to happen.", end="\n\n")


def hold(pool: Pool, seen: Observation, hold_s: float) -> None:
    """Keep the tree until somebody presses Enter or Ctrl-C, standard input ends, the time is up, or it ends by itself."""
    until = time.monotonic() + hold_s
    try:
        for line in _how_to_look(seen, hold_s):     # a person may have read enough before its last line
            print(line)
        sys.stdout.flush()
        let_go = _wait(pool, until)
    except KeyboardInterrupt:
        let_go = True
    print("let go" if let_go else "its time is up" if time.monotonic() >= until else "the launcher has ended", end="")
    print("; all that is left of it is ended.")


def _wait(pool: Pool, until: float) -> bool:
    """Whether somebody let it go."""
    while pool.holds and (left_s := until - time.monotonic()) > 0:
        ready, _, _ = select.select([0, pool.hears()], [], [], left_s)
        if 0 in ready:
            return True
        if ready:
            pool.listen()
    return False


def say_nothing_to_hold(seen: Observation) -> None:
    print(f"There is nothing to hold: the launcher ended {seen.elapsed_s:.2f} s after exec.")


def _how_to_look(seen: Observation, hold_s: float) -> Iterator[str]:
    there = [process for process in seen.processes if process.gone_s is None]
    yield ""
    yield from wrapped(f"Held until Enter, Ctrl-C or the end of standard input, for {hold_s:g} s at most:", width())
    for process in there:
        line = f"  {process.role or 'process':<9} pid {process.pid}  {one_line(process.command)}"
        yield line[:width()]
    yield "Look into one of them from another terminal:"
    pid = there[0].pid if there else 0
    for name, command, source in LOOKS:
        yield f"  {command.format(pid=pid)}"
        if not shutil.which(name):
            yield f"    ({name} is not here: {source})"
    with contextlib.suppress(OSError):
        if PTRACE_SCOPE.read_text(encoding="ascii").strip() != "0":
            yield "  (this kernel lets only root attach to what is not its own child: sudo)"
