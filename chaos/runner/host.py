"""A process that runs cases: a JSON request a line on its input, an answer a line on its output as soon as it is ready.

It forks one supervisor a case and is itself a sub-reaper above them: should a supervisor die, what it watched falls to the
host and is ended here. It keeps the zygotes from which warm cases are forked. When its input closes (the caller is done,
was interrupted, or was killed) it ends everything. A line of output is the request's folder, a tab, and ``idle``, ``busy``
or the answer: an observation or ``{"harness": why}``; ``held`` and an observation where its tree is kept before the answer.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from types import FrameType

from chaos.codec import from_data, to_data
from chaos.model import Observation
from chaos.runner import ending
from chaos.runner.launch import CannotStart
from chaos.runner.request import HELD, Request
from chaos.runner.supervise import supervise
from chaos.runner.zygote import NotWarm, Warden, WardenGone, Zygotes

SPARE_S = 20.0
"""What a supervisor may take beyond all limits of its case (stacks, clean-up, a busy machine) before it counts as stuck."""
STOP_WITHIN_S = 6.0
LOOK_EVERY_S = 1.0


class Closed(Exception):
    """The caller closed our input: end everything."""


def main() -> None:
    signal.signal(signal.SIGINT, _ignore)       # not SIG_IGN, which outlives an exec: no shell could ever trap it
    ending.become_subreaper()
    folder = sys.argv[1] if len(sys.argv) > 1 else ""
    host = Host()
    gc.freeze()         # what a forked supervisor does not collect it need not copy
    try:
        while True:
            host.step()
    except (Closed, BrokenPipeError):
        pass
    finally:
        host.close()
        if folder:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


@dataclass(slots=True)
class Supervisor:
    """The process that runs one case, and what it has said so far."""

    pid: int
    reader: int
    folder: str
    until: float
    longest_s: float
    warden: Warden | None
    partial: bytes = b""


class Host:
    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ)
        self.pending = b""
        self.zygotes = Zygotes()
        self.supervisors: dict[int, Supervisor] = {}

    def step(self) -> None:
        """Wait for the caller or a supervisor, and do what it wants. Raises `Closed`."""
        for key, _ in self.selector.select(LOOK_EVERY_S):
            if key.fd == 0:
                self._read_requests()
            else:
                self._hear(self.supervisors[key.fd])
        now = time.monotonic()
        for one in [one for one in self.supervisors.values() if now > one.until]:
            self._finish(one, _broken(f"the supervisor (pid {one.pid}) was still busy after {one.longest_s:.0f} s"))

    def _read_requests(self) -> None:
        data = os.read(0, 65536)
        if not data:
            raise Closed
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self._start(from_data(Request, json.loads(line)))

    def _start(self, request: Request) -> None:
        warden: Warden | NotWarm
        try:
            warden = self.zygotes.warden(request)
        except NotWarm as reason:
            warden = reason
        reader, writer = os.pipe2(os.O_CLOEXEC)
        host = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_supervisor(request, warden, writer, host, self.zygotes)
        os.close(writer)
        limits = request.limits
        longest_s = (limits.boot_s + limits.deadline_s + limits.grace_s + limits.orphan_s + SPARE_S
                     + request.hold_s + request.debug_s)
        held = warden if isinstance(warden, Warden) else None
        one = Supervisor(pid, reader, request.folder, time.monotonic() + longest_s, longest_s, held)
        self.supervisors[reader] = one
        self.selector.register(reader, selectors.EVENT_READ)

    def _hear(self, one: Supervisor) -> None:
        data = os.read(one.reader, 1 << 20)
        *lines, one.partial = (one.partial + data).split(b"\n")
        for line in lines:
            if line in (b"idle", b"busy") or line.startswith(HELD):
                _answer(one.folder, line)
            else:
                self._finish(one, line)
                return
        if not data:
            self._finish(one, _broken(f"the supervisor (pid {one.pid}) died without a word"))

    def _finish(self, one: Supervisor, line: bytes) -> None:
        """Its tree is over before the answer goes out: whoever hears it may start the next."""
        del self.supervisors[one.reader]
        self.selector.unregister(one.reader)
        os.close(one.reader)
        _end(one.pid)
        if one.warden is not None:
            self.zygotes.give_back(one.warden, in_order=not line.startswith(BROKEN))
        ending.end_all_below(self.zygotes.pids() | {other.pid for other in self.supervisors.values()})
        _answer(one.folder, line)

    def close(self) -> None:
        for one in self.supervisors.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGTERM)
        for one in self.supervisors.values():
            _end(one.pid)
        self.zygotes.close()
        ending.end_all_below()


def _answer(folder: str, line: bytes) -> None:
    _write_all(1, os.fsencode(folder) + b"\t" + line + b"\n")


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


BROKEN = b'{"harness": '


def _broken(why: str) -> bytes:
    return BROKEN + json.dumps(why).encode() + b"}"


def _be_supervisor(request: Request, warden: Warden | NotWarm, writer: int, host: int, zygotes: Zygotes) -> None:
    """The forked child: supervise, answer, leave. SIGTERM ends the tree on the way out: from the host, or from the kernel
    when the host is gone. Nothing may leave it by an exception: the host's own end would run a second time, in here.
    """
    try:
        try:
            signal.signal(signal.SIGTERM, _leave)
            ending.die_with_parent(host, signal.SIGTERM)
            zygotes.keep_only(warden if isinstance(warden, Warden) else None)
            os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
            os.dup2(2, 1)
            _write_all(writer, _observed(request, warden, writer) + b"\n")
        except OSError:
            pass                # the host is gone: nobody to answer
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    finally:
        os._exit(0)     # wherever it was told to leave: the tree was ended on the way here, what lies above is the host's


def _observed(request: Request, warden: Warden | NotWarm, writer: int) -> bytes:
    def tell_idle(idle: bool) -> None:
        _write_all(writer, b"idle\n" if idle else b"busy\n")

    def tell_held(seen: Observation) -> None:
        _write_all(writer, HELD + json.dumps(to_data(seen)).encode() + b"\n")

    try:
        return json.dumps(to_data(supervise(request, warden, tell_idle, tell_held))).encode()
    except CannotStart as error:
        return _broken(str(error))
    except WardenGone as error:
        return _broken(f"the process that held the case: {error}")
    except Exception:
        return _broken(traceback.format_exc())


def _ignore(number: int, frame: FrameType | None) -> None:
    """Nothing: whoever interrupts chaos interrupts the caller, which ends us."""


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
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
