"""A process that runs cases: a JSON request a line on its input, an answer a line on its output as soon as it is ready.

It gives each case to a supervisor that has no other, forks one where there is none, and is itself a sub-reaper above them:
should a supervisor die, what it watched falls to the host and is ended here. A supervisor gets its next case only when
nothing is left of the one before. The host keeps the zygotes from which warm cases are forked. When its input closes (the
caller is done, was interrupted, or was killed) it ends everything. A line of output is the request's folder, a tab, and
``idle``, ``busy`` or the answer: an observation or ``{"harness": why}``; ``held`` and an observation where its tree is kept
before the answer.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

from chaos.codec import from_data, json_of, make_writers, to_data
from chaos.model import Observation
from chaos.runner import ending, tree
from chaos.runner.launch import CannotStart
from chaos.runner.request import HELD, Request
from chaos.runner.supervise import supervise
from chaos.runner.zygote import Kept, NotWarm, Warden, WardenGone
from chaos.runner.zygotes import Coming, Zygotes

SPARE_S = 20.0
"""What a supervisor may take beyond all limits of its case (stacks, clean-up, a busy machine) before it counts as stuck."""
STOP_WITHIN_S = 6.0
MOST_CASES = 200
"""So many a supervisor runs, one after the other: then a fresh one is forked, whatever may have gathered in the old one."""
LOOK_EVERY_S = 1.0


class Closed(Exception):
    """The caller closed our input: end everything."""


def main() -> None:
    signal.signal(signal.SIGINT, _ignore)       # not SIG_IGN, which outlives an exec: no shell could ever trap it
    ending.become_subreaper()
    folder = sys.argv[1] if len(sys.argv) > 1 else ""
    host, is_left = Host(), False
    make_writers(Observation)
    gc.freeze()         # what a forked supervisor does not collect it need not copy
    try:
        while True:
            host.step()
    except (Closed, BrokenPipeError):
        is_left = True
    finally:
        host.close()
        if folder and is_left:      # the caller removes it too, where it was not killed
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Supervisor:
    """A process that runs one case at a time, the case that it has (``folder``; "": none), and what it has said of it."""

    pid: int
    asks: int
    hears: int
    cases: int = 0
    folder: str = ""
    until: float = 0.0
    longest_s: float = 0.0
    warden: Kept | None = None
    partial: bytes = b""

    def close_channels(self) -> None:
        os.close(self.asks)
        os.close(self.hears)


class Host:
    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ, self._read_requests)
        self.pending = b""
        self.zygotes = Zygotes()
        self.supervisors: dict[int, Supervisor] = {}
        """By the descriptor on which we hear them."""

    def step(self) -> None:
        """Wait for the caller, a supervisor or a zygote on its way, and do what it wants. Raises `Closed`."""
        for key, _ in self.selector.select(LOOK_EVERY_S):
            if self.selector.get_map().get(key.fd) is key:      # else it was let go, and its number may be another's
                key.data()
        now = time.monotonic()
        for coming in self.zygotes.late(now):
            self._step(coming, coming.give_up)
        for one in [one for one in self.supervisors.values() if one.folder and now > one.until]:
            self._finish(one, _broken(f"the supervisor (pid {one.pid}) was still busy after {one.longest_s:.0f} s"))

    def _read_requests(self) -> None:
        data = os.read(0, 65536)
        if not data:
            raise Closed
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self._start(line)

    def _start(self, line: bytes) -> None:
        request = from_data(Request, json.loads(line))
        coming = self.zygotes.coming(request)
        if coming is None:
            self._give(request, line)
            return
        coming.then.append(partial(self._give, request, line))
        if len(coming.then) == 1:
            self._listen(coming)

    def _listen(self, coming: Coming) -> None:
        """To a zygote that has just been begun; whoever waits for it goes on as soon as there is a result."""
        if coming.result is None:
            for fd in coming.hears:
                self.selector.register(fd, selectors.EVENT_READ, partial(self._step, coming, coming.hear))
            return
        self.zygotes.take(coming)
        for give in coming.then:
            give()

    def _step(self, coming: Coming, step: Callable[[], None]) -> None:
        before = coming.hears
        for fd in before:
            self.selector.unregister(fd)
        step()
        if before:      # else it has come to its end by what it said on its other channel
            self._listen(coming)

    def _give(self, request: Request, line: bytes) -> None:
        """To a supervisor that has no other, to run it."""
        how: dict[str, str | int]
        try:
            warden = self.zygotes.warden(request)
            how = warden.words()
        except NotWarm as reason:
            warden, how = None, {"cold_because": str(reason)}
        one = self._asked(json.dumps(how).encode() + b"\n" + line + b"\n")
        limits = request.limits
        one.cases += 1
        one.folder, one.warden, one.partial = request.folder, warden, b""
        one.longest_s = (limits.boot_s + limits.deadline_s + limits.grace_s + limits.orphan_s + SPARE_S
                         + request.hold_s + request.debug_s)
        one.until = time.monotonic() + one.longest_s

    def _asked(self, text: bytes) -> Supervisor:
        """One that had no case and was told of this one; who is on the way out cannot be told, and is let go."""
        for one in [one for one in self.supervisors.values() if not one.folder]:
            if _is_told(one, text):
                return one
            self._dismiss(one)
        one = self._forked()
        _is_told(one, text)     # else it is dead: the end of its answers says so
        return one

    def _forked(self) -> Supervisor:
        asked, asks = os.pipe2(os.O_CLOEXEC)
        hears, answers = os.pipe2(os.O_CLOEXEC)
        host = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(asks)      # or it would hold its own input open, and
            os.close(hears)     # write answers to nobody
            _be_supervisor(asked, answers, host, self)
        os.close(asked)
        os.close(answers)
        one = self.supervisors[hears] = Supervisor(pid, asks, hears)
        self.selector.register(hears, selectors.EVENT_READ, partial(self._hear, one))
        return one

    def _hear(self, one: Supervisor) -> None:
        data = os.read(one.hears, 1 << 20)
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
        in_order, folder, warden = not line.startswith(BROKEN), one.folder, one.warden
        one.folder, one.warden = "", None
        if not in_order or one.cases >= MOST_CASES:
            self._dismiss(one)
        if warden is not None:
            self.zygotes.give_back(warden, in_order=in_order)
        ending.end_all_below(self.zygotes.pids() | {other.pid for other in self.supervisors.values()})
        if folder:      # else it died while it had no case
            _answer(folder, line)

    def _dismiss(self, one: Supervisor) -> None:
        del self.supervisors[one.hears]
        self.selector.unregister(one.hears)
        one.close_channels()
        _end(one.pid)

    def close(self) -> None:
        for one in self.supervisors.values():
            one.close_channels()        # nobody listens to an answer any more
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGTERM)
        for one in self.supervisors.values():
            _end(one.pid)
        self.zygotes.close()
        ending.end_all_below()


def _is_told(one: Supervisor, text: bytes) -> bool:
    try:
        _write_all(one.asks, text)
    except BrokenPipeError:
        return False
    return True


def _answer(folder: str, line: bytes) -> None:
    _write_all(1, os.fsencode(folder) + b"\t" + line + b"\n")


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


BROKEN = b'{"harness": '


def _json(seen: Observation) -> bytes:
    return json_of(to_data(seen)).encode()


def _broken(why: str) -> bytes:
    return BROKEN + json.dumps(why).encode() + b"}"


def _be_supervisor(asked: int, answers: int, host_pid: int, host: Host) -> None:
    """The forked child: supervise, answer, wait for the next. SIGTERM ends the tree on the way out: from the host, or from
    the kernel when the host is gone. Nothing may leave it by an exception: the host's own end would run a second time, in
    here.
    """
    try:
        try:
            signal.signal(signal.SIGTERM, _leave)
            ending.die_with_parent(host_pid, signal.SIGTERM)
            host.selector.close()
            host.zygotes.close_channels()
            for other in host.supervisors.values():
                other.close_channels()
            nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            os.dup2(nothing, 0)
            os.close(nothing)
            os.dup2(2, 1)
            _serve(asked, answers)
        except OSError:
            pass                # the host is gone: nobody to answer
        finally:
            ending.leave_undisturbed()
    finally:
        os._exit(0)     # wherever it was told to leave: the tree was ended on the way here, what lies above is the host's


def _serve(asked: int, answers: int) -> None:
    """One case after the other, until there is no more to come, or something is left of one that cannot be ended."""
    with open(asked, "rb") as lines:
        while not lines.closed and (how := lines.readline()) and (line := lines.readline()):
            answer = _observed(from_data(Request, json.loads(line)), json.loads(how), answers)
            ending.leave_when_told()        # the end of a run did not want to be interrupted
            if next(tree.children(os.getpid()), None) is not None:
                lines.close()       # before the answer: whoever hears that may give the next, which is not for us
            _write_all(answers, answer + b"\n")


def _observed(request: Request, how: dict[str, Any], answers: int) -> bytes:
    """``how``: the words of its warden, or why it has none."""
    def tell_idle(idle: bool) -> None:
        _write_all(answers, b"idle\n" if idle else b"busy\n")

    def tell_held(seen: Observation) -> None:
        _write_all(answers, HELD + _json(seen) + b"\n")

    try:
        if "cold_because" in how:
            return _json(supervise(request, NotWarm(how["cold_because"]), tell_idle, tell_held))
        with Warden(**how) as warden:
            return _json(supervise(request, warden, tell_idle, tell_held))
    except CannotStart as error:
        return _broken(str(error))
    except WardenGone as error:
        return _broken(f"the process that held the case: {error}")
    except Exception:
        return _broken(traceback.format_exc())


def _ignore(number: int, frame: FrameType | None) -> None:
    """Nothing: whoever interrupts chaos interrupts the caller, which ends us."""


def _leave(number: int, frame: FrameType | None) -> None:
    ending.leave_undisturbed()
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
