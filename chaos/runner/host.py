"""A process that runs cases one after the other: a JSON request a line on its input, a JSON answer a line on its output.

It forks one supervisor a case and is itself a sub-reaper above it: should a supervisor die, what it watched falls to the
host and is ended here. When its input closes (the caller is done, was interrupted, or was killed) it ends everything.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
import traceback
from types import FrameType

from chaos.codec import from_data, to_data
from chaos.runner import tree
from chaos.runner.request import Request
from chaos.runner.supervise import CannotStart, become_subreaper, supervise

SPARE_S = 20.0
"""What a supervisor may take beyond all limits of its case (stacks, clean-up, a busy machine) before it counts as stuck."""
STOP_WITHIN_S = 6.0
PR_SET_PDEATHSIG = 1


class Closed(Exception):
    """The caller closed our input: end everything."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    become_subreaper()
    folder = sys.argv[1] if len(sys.argv) > 1 else ""
    pending = b""
    try:
        while True:
            while b"\n" not in pending:
                pending += _more()
            line, _, pending = pending.partition(b"\n")
            answer = run_one(from_data(Request, json.loads(line)))
            _write_all(1, answer + b"\n")
    except (Closed, BrokenPipeError):
        pass
    finally:
        end_all_below()
        if folder:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _more() -> bytes:
    data = os.read(0, 65536)
    if not data:
        raise Closed
    return data


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def run_one(request: Request) -> bytes:
    """One case in a supervisor of its own. The answer is its observation, or ``{"harness": why}``."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    host = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_supervisor(request, writer, host)
    os.close(writer)
    try:
        return _answer_of(pid, reader, _longest_s(request))
    finally:
        os.close(reader)
        _end(pid)
        end_all_below()


def _longest_s(request: Request) -> float:
    limits = request.limits
    return limits.boot_s + limits.deadline_s + limits.grace_s + limits.orphan_s + SPARE_S


def _answer_of(pid: int, reader: int, longest_s: float) -> bytes:
    until = time.monotonic() + longest_s
    answer = b""
    while time.monotonic() < until:
        ready, _, _ = select.select([0, reader], [], [], 1.0)
        if 0 in ready:
            _more()     # nobody asks twice at once: this can only be the end of our input
        if reader in ready:
            data = os.read(reader, 1 << 20)
            if not data:
                return answer[:-1] if answer.endswith(b"\n") else _broken(f"the supervisor (pid {pid}) died without a word")
            answer += data
    return _broken(f"the supervisor (pid {pid}) was still busy after {longest_s:.0f} s")


def _broken(why: str) -> bytes:
    return json.dumps({"harness": why}).encode()


def _be_supervisor(request: Request, writer: int, host: int) -> None:
    """The forked child: supervise, answer, leave. SIGTERM ends the tree on the way out: from the host, or from the kernel
    when the host is gone.
    """
    signal.signal(signal.SIGTERM, _leave)
    _die_with_parent(host, signal.SIGTERM)
    os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
    os.dup2(2, 1)
    try:
        _write_all(writer, _answered(request) + b"\n")
    except OSError:
        pass                # the host is gone: nobody to answer
    finally:
        os._exit(0)         # also when told to leave: the tree was ended on the way here, what lies above is the host's


def _answered(request: Request) -> bytes:
    try:
        return json.dumps(to_data(supervise(request))).encode()
    except CannotStart as error:
        return _broken(str(error))
    except Exception:
        return _broken(traceback.format_exc())


def _die_with_parent(parent_pid: int, number: signal.Signals) -> None:
    """This process gets signal ``number`` when its parent dies, or now if it has died already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), number)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(1)


def _end(pid: int) -> None:
    """Ask the supervisor to end its tree; if it does not in time, it is killed and its tree falls to us."""
    until = time.monotonic() + STOP_WITHIN_S
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    while time.monotonic() < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def end_all_below() -> None:
    """Kill and reap whatever is below this process. Bounded."""
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        below = tree.descendants(os.getpid())
        if not below:
            return
        for one in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.001)


if __name__ == "__main__":
    main()
