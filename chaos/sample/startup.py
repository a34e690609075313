"""The parent's watch over a start, and over the workers after it; must not know what the service does.

Every worker tells the parent over a pipe that it was born, that it serves, or why it failed. The watch gives the
start up when one fails or dies, or when the deadline passes; ends every process; says in one CRITICAL line what
failed, where and why; and exits with a telling status. READY=1 goes out when every worker serves. Afterwards it sees
that a dead worker is replaced.

Three deadlines stand behind each other, each for what the one before cannot see: a worker's own (it can name its
cause and show its greenthreads), the watch's (for a worker that is frozen), and a timer in C (for a parent that is
frozen itself).
"""

import contextlib
import logging
import multiprocessing.util
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType, TracebackType
from typing import NoReturn

from chaos.sample import logs, processes
from chaos.sample.errors import ConfigError
from chaos.sample.exits import STOPPED_EARLY, Failure, in_one_line, status_of
from chaos.sample.redaction import Redactor
from chaos.sample.reporting import (
    CheckedService,
    ReportingService,
    WorkerGuard,
    fail_with_any_thread,
    show_stacks_on_request,
)
from chaos.sample.reports import Inbox, Lifeline, Report, Word

LOG = logging.getLogger(__name__)

SignalHandler = Callable[[int, FrameType | None], object]

WATCH_LATER_S = 0.3
"""How much later than a worker's own deadline the watch's is; the timer in C is later by as much again."""

RESPAWN_EXTRA_S = 6.0
"""cotyledon naps five seconds before it replaces workers that died in quick succession."""

SETTLE_S = 0.1
"""How long every worker has to go on serving before READY=1: oslo.service calls wait() after start(), and it may
raise."""

SPARE_DEATHS = 4
DEATHS_WITHIN_S = 60.0
"""Workers that die after the start are replaced, but not for ever: one death for each, and some to spare, in a
minute."""

STOP_S = 4.0
LAST_WORDS_S = 0.2
REAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that reported its birth. A service without worker processes is its own worker, and has no pidfd."""

    number: int
    pid: int
    pidfd: int | None
    ready: bool = False

    def __str__(self) -> str:
        return f"worker {self.number} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Roll:
    """The workers that live, as far as is known."""

    wanted: int
    workers: tuple[Worker, ...] = ()

    def is_complete(self) -> bool:
        return sum(worker.ready for worker in self.workers) >= self.wanted

    def find(self, pid: int) -> Worker | None:
        return next((worker for worker in self.workers if worker.pid == pid), None)

    def with_born(self, pid: int, pidfd: int | None) -> "Roll":
        number = min(set(range(len(self.workers) + 1)) - {worker.number for worker in self.workers})
        return replace(self, workers=(*self.workers, Worker(number, pid, pidfd)))

    def with_ready(self, pid: int) -> "Roll":
        return replace(self, workers=tuple(replace(w, ready=True) if w.pid == pid else w for w in self.workers))

    def without(self, gone: Worker) -> "Roll":
        return replace(self, workers=tuple(worker for worker in self.workers if worker != gone))

    def missing(self) -> str:
        late = [str(worker) for worker in self.workers if not worker.ready]
        unborn = self.wanted - len(self.workers)
        return ", ".join(late + ([f"{unborn} never started"] if unborn > 0 else [])) or "none"


class Watch:
    """Watches one start from `with` on. A failure inside the block, too, ends the process with its cause and status."""

    def __init__(self, *, workers: int, deadline_s: float, redact: Redactor) -> None:
        self._pid = os.getpid()
        self._roll = Roll(workers)
        self._deadline_s = deadline_s
        self._redact = redact
        self._backstop = processes.Backstop()
        self._ending = threading.Lock()
        self._announced = False
        self._deaths: tuple[float, ...] = ()
        self._stopping = False
        self._stop_failure: Failure | None = None
        # oslo.service and cotyledon send READY=1 when the launcher's wait() begins, before start() has run. They get a
        # socket of ours, which tells this watch that the launcher waits; systemd's gets READY=1 when all serve.
        self._notify_socket = os.environ.get("NOTIFY_SOCKET", "")
        self._launcher_waits = False
        self._launcher_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._launcher_socket.bind("")  # the kernel gives it a free abstract address
        os.environ["NOTIFY_SOCKET"] = "@" + os.fsdecode(self._launcher_socket.getsockname()[1:])
        inbox, reports = os.pipe()
        life, self._life = os.pipe()
        self._inbox = Inbox(inbox)
        self._lifeline = Lifeline(self._pid, reports, life)
        self._serve_by = time.monotonic() + deadline_s
        self._until: float | None = self._serve_by + WATCH_LATER_S

    def __enter__(self) -> "Watch":
        self._backstop.end_after(self._deadline_s + 2 * WATCH_LATER_S)
        show_stacks_on_request()
        fail_with_any_thread(self)
        os.register_at_fork(after_in_child=self._after_fork)
        multiprocessing.util.register_after_fork(self, Watch._report_last_words)
        try:
            threading.Thread(target=self._run, name="startup-watch", daemon=True).start()
        except BaseException as error:  # __exit__ does not see what is raised here
            self.fail("launcher", error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self.fail("launcher", error)

    def reporting(self, inner: CheckedService) -> ReportingService:
        """Return the service as the launcher must run it."""
        return ReportingService(inner, self, self._lifeline, self._serve_by, self._deadline_s)

    def listen_for_stop(self) -> None:
        """Learn of SIGTERM and SIGINT beside the launcher's handlers; from then on the stop has a deadline.

        Called after launch(), when cotyledon has installed its own (its parent tells nobody else that it stops), and
        again when all is up, for eventlet's launchers install theirs in wait().
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, self._beside(before))

    def status(self, waited: object) -> int:
        """Return the exit status for what the launcher's wait() gave; 0 only for a stop after a start that worked."""
        if self._ending.locked():
            _stand_aside()
        if not self._stopping or not (waited is None or isinstance(waited, int)):
            told = "" if self._stopping else ", and nobody told it to stop"
            self.fail("launcher", RuntimeError(f"wait() returned {waited!r}{told}{logs.last_error()}"))
        if self._stop_failure is not None:
            return self._stop_failure.status
        if not self._announced:
            LOG.warning("stopped before it was ready")
            return waited or STOPPED_EARLY
        return waited or os.EX_OK

    def fail(self, where: str, error: BaseException) -> NoReturn:
        """End this process for an error, in the way of its role: a worker reports, the parent gives up."""
        if os.getpid() != self._pid:
            WorkerGuard(self._lifeline).fail(where, error)
        if not isinstance(error, ConfigError):  # which needs no traceback
            LOG.error("%s failed", where, exc_info=error)
        self._give_up(Failure(where, status_of(error), in_one_line(error)))

    def stopping(self) -> None:
        """A stop was asked for: what ends from now on may end, but it has to."""
        if os.getpid() != self._pid:
            WorkerGuard(self._lifeline).stopping()
        elif not self._stopping:
            self._stopping = True
            self._backstop.end_after(STOP_S + WATCH_LATER_S)
            self._lifeline.tell(Word.STOPPING)

    def _beside(self, before: SignalHandler) -> SignalHandler:
        def on_signal(number: int, frame: FrameType | None) -> None:
            if os.getpid() == self._pid:
                self.stopping()
            before(number, frame)

        return on_signal

    def _after_fork(self) -> None:
        """The first thing in a forked worker. Nothing raised here would be heard of: os.fork() only prints it."""
        if os.getppid() != self._pid:
            return
        try:
            os.close(self._life)
            logs.renew_locks()
            self._lifeline.born()
        except BaseException as error:
            self.fail("fork", error)

    def _report_last_words(self) -> None:
        """Report what ends a child of multiprocessing before our service runs: it would only print a traceback."""

        def last_words() -> None:
            error = sys.exc_info()[1]  # finalizers run while the exception is on its way
            if error is not None and os.getppid() == self._pid:
                self._lifeline.tell(Word.FAILED, Failure("process", status_of(error), in_one_line(error)))

        multiprocessing.util.Finalize(None, last_words, exitpriority=0)

    def _run(self) -> None:
        while True:
            self._wait()
            self._hear_launcher()
            ended = self._ended()
            for report in self._inbox.read():  # after looking for deaths: a worker says why before it ends
                self._hear(report)
            for pid in ended:
                self._mourn(pid)
            self._check()

    def _wait(self) -> None:
        pidfds = [worker.pidfd for worker in self._roll.workers if worker.pidfd is not None]
        left_s = None if self._until is None else max(0.0, self._until - time.monotonic())
        launcher = [] if self._launcher_waits else [self._launcher_socket.fileno()]
        select.select([self._inbox.descriptor, *launcher, *pidfds], [], [], left_s)

    def _hear_launcher(self) -> None:
        if not self._launcher_waits and select.select([self._launcher_socket.fileno()], [], [], 0)[0]:
            self._launcher_waits = True
            self._settle()

    def _settle(self) -> None:
        if self._is_up() and not self._stopping:
            self._until = time.monotonic() + SETTLE_S

    def _is_up(self) -> bool:
        return self._launcher_waits and self._roll.is_complete()

    def _hear(self, report: Report) -> None:
        match report.word:
            case Word.BORN:
                self._roll = self._roll.with_born(report.pid, _pidfd(report.pid))
            case Word.READY:
                self._welcome(report.pid)
            case Word.FAILED:
                self._hear_failure(report)
            case Word.STOPPING:
                self._until = time.monotonic() + STOP_S

    def _welcome(self, pid: int) -> None:
        if self._roll.find(pid) is None:  # the parent itself serves: it was not forked
            self._roll = self._roll.with_born(pid, None)
        self._roll = self._roll.with_ready(pid)
        LOG.info("%s serves", self._roll.find(pid))
        self._settle()

    def _hear_failure(self, report: Report) -> None:
        worker = self._roll.find(report.pid)
        failure = Failure(str(worker or "a worker"), report.status, report.reason)
        if self._stopping:
            self._stop_failure = failure
            LOG.critical("stop failed: %s: %s", failure.where, failure.reason)
        elif worker is None or not worker.ready or not self._announced:
            self._give_up(failure)
        else:
            LOG.error("%s failed while it served: %s", worker, report.reason)

    def _ended(self) -> tuple[int, ...]:
        pidfds = [worker.pidfd for worker in self._roll.workers if worker.pidfd is not None]
        readable = select.select(pidfds, [], [], 0)[0] if pidfds else []
        return tuple(worker.pid for worker in self._roll.workers if worker.pidfd in readable)

    def _mourn(self, pid: int) -> None:
        worker = self._roll.find(pid)
        assert worker is not None and worker.pidfd is not None, f"no pidfd told of the end of {pid}"
        end = processes.how_it_ended(worker.pidfd)
        os.close(worker.pidfd)
        self._roll = self._roll.without(worker)
        if self._stopping:
            return
        if not worker.ready or not self._announced:
            self._give_up(Failure(str(worker), os.EX_SOFTWARE, f"{end} during the start{logs.last_error()}"))
        now = time.monotonic()
        self._deaths = (*(death for death in self._deaths if now - death < DEATHS_WITHIN_S), now)
        if len(self._deaths) > self._roll.wanted + SPARE_DEATHS:
            self._give_up(Failure(str(worker), os.EX_SOFTWARE, f"{end}, one of too many"))
        LOG.error("%s %s; the launcher has to replace it", worker, end)
        self._until = now + self._deadline_s + RESPAWN_EXTRA_S

    def _check(self) -> None:
        if self._until is None or time.monotonic() < self._until:
            return
        if self._is_up() and not self._stopping:
            self._until = None
            self._announce()
            return
        if self._stopping:
            self._give_up_late(f"the stop did not end within {STOP_S} s")
        waits = "" if self._launcher_waits else "the launcher's wait() was not reached; "
        late = f"workers that do not serve: {self._roll.missing()}"
        self._give_up_late(f"not up in time: {waits}{late}{logs.last_error()}")

    def _give_up_late(self, reason: str) -> NoReturn:
        processes.show_stacks()
        for worker in self._roll.workers:
            if not worker.ready and worker.pidfd is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGUSR1)  # frozen, or it would have given up by itself: its stacks
        time.sleep(LAST_WORDS_S)
        self._give_up(Failure("launcher", os.EX_TEMPFAIL, reason))

    def _announce(self) -> None:
        if self._announced:
            LOG.info("at full strength again: %d workers serve", self._roll.wanted)
            return
        self._backstop.end_never()
        self._announced = True
        with contextlib.suppress(ValueError):  # not the main thread: the backend is threading, and it listens already
            self.listen_for_stop()
        LOG.info("ready: %d workers serve", self._roll.wanted)
        _notify(self._notify_socket, b"READY=1")

    def _give_up(self, failure: Failure) -> NoReturn:
        """End every process of the tree, then this one: by os._exit, for the main thread may be stalled for ever."""
        if not self._ending.acquire(blocking=False):
            _stand_aside()
        self._backstop.end_after(2 * REAP_S + STOP_S)
        try:
            self._end_tree(failure)
            sys.stderr.flush()
        finally:
            os._exit(failure.status)

    def _end_tree(self, failure: Failure) -> None:
        """The CRITICAL line comes last: nobody is left to write after it."""
        if self._announced:
            processes.ask_children_to_end(REAP_S)
        left = processes.end_children(REAP_S)
        what = "stop" if self._stopping else "service" if self._announced else "start"
        more = f"; processes left: {left}" if left else ""
        LOG.critical("%s failed: %s: %s%s", what, failure.where, self._redact(failure.reason), more)


def _stand_aside() -> NoReturn:
    """Another thread is ending the process."""
    while True:
        time.sleep(1)


def _pidfd(pid: int) -> int | None:
    """None for a process that is gone and reaped; its replacement reports, or the deadline passes."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _notify(address: str, message: bytes) -> None:
    """Tell systemd, if it waits. A socket that is gone is logged: it must not end a service that serves."""
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.settimeout(1)
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.sendall(message)
    except OSError as error:
        LOG.error("systemd was not told of %s at %s: %s", message, address, error)
