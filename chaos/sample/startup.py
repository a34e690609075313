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
import faulthandler
import logging
import math
import multiprocessing.util
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType, TracebackType
from typing import Any, NoReturn

from chaos.sample import concurrency, logs, processes
from chaos.sample.concurrency import ConfigError
from chaos.sample.exits import STOPPED_EARLY, Failure, OutOfTime, in_one_line, status_of
from chaos.sample.redaction import Redactor
from chaos.sample.reporting import (
    CheckedService,
    ReportingService,
    error_in_hand,
    fail_with_any_thread,
    fail_worker,
    hold_sighup,
    report_last_words,
    show_stacks_on_request,
)
from chaos.sample.reports import HELD, Inbox, Lifeline, Report, Word

LOG = logging.getLogger(__name__)

SignalHandler = Callable[[int, FrameType | None], object]

WATCH_LATER_S = 0.3
"""How much later than a worker's own deadline the watch's is; the timer in C is later by as much again."""

SETTLE_S = 0.2
"""What fails at once when all serve, in wait() for instance, was never up."""

RESPAWN_EXTRA_S = 6.0
"""cotyledon naps five seconds before it replaces workers that died in quick succession."""

STOP_S = 4.0
REST_S = 0.01
LOOK_S = 0.2
LAST_WORDS_S = 0.2
LOG_S = 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that reported its birth, or the parent if it serves itself. No pidfd: the parent, or gone already."""

    number: int
    pid: int
    pidfd: int | None
    ready: bool = False
    leaving: bool = False

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
        """Not one that is told to stop in the very moment: of its two threads, the one that says so may come first."""
        return self._changed(pid, lambda worker: replace(worker, ready=not worker.leaving))

    def with_leaving(self, pid: int) -> "Roll":
        return self._changed(pid, lambda worker: replace(worker, ready=False, leaving=True))

    def _changed(self, pid: int, change: Callable[[Worker], Worker]) -> "Roll":
        return replace(self, workers=tuple(change(worker) if worker.pid == pid else worker for worker in self.workers))

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
        self._ending = threading.Lock()
        self._launcher_waits = False
        self._launcher_ended = False
        self._announced = False
        self._stopping = False
        self._stop_failure: Failure | None = None
        # oslo.service and cotyledon send READY=1 when the launcher's wait() begins, before start() has run: they must
        # not find the socket. This watch sends it when all serve.
        self._notify_socket = os.environ.pop("NOTIFY_SOCKET", "")
        inbox, reports = os.pipe()
        life, self._life = os.pipe()
        self._inbox = Inbox(inbox)
        self._lifeline = Lifeline(self._pid, reports, life)
        self._serve_by = -math.inf
        self._settled = math.inf
        self._until: float | None = None
        self._thread = threading.Thread(target=self._run, name="startup-watch", daemon=True)

    def __enter__(self) -> "Watch":
        try:
            show_stacks_on_request()
            fail_with_any_thread(self.fail)
            os.register_at_fork(after_in_child=self._after_fork)
            multiprocessing.util.register_after_fork(self._lifeline, report_last_words)
            with self.signals_held():  # the thread must not take what the main thread holds back later
                self._thread.start()
        except BaseException as error:  # __exit__ does not see what is raised here
            self.fail("launcher", error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self.fail("launcher", error)

    def begin(self) -> None:
        """From now on the start has its deadline: what it needs of others is there."""
        self._serve_by = time.monotonic() + self._deadline_s
        processes.end_after(self._deadline_s + 2 * WATCH_LATER_S)
        self._until = self._serve_by + WATCH_LATER_S

    def reporting(self, inner: CheckedService) -> ReportingService:
        """Return the service as the launcher must run it."""
        return ReportingService(inner, self._lifeline, self.fail, self._serve_by, self._deadline_s)

    @contextlib.contextmanager
    def signals_held(self) -> Iterator[None]:
        """Hold signals back while the launcher is made: it installs handlers of its own, which tell nobody else.

        A stop must not be missed: by it alone the end of the launcher's wait() is known to be asked for.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    def listen_for_stop(self, launcher: Any) -> None:
        """Learn of SIGTERM beside the launcher's own handlers; from then on the stop has a deadline."""
        if hasattr(launcher, "handle_signal"):  # eventlet's launchers install theirs anew in every wait()
            launcher.handle_signal = self._listening(launcher.handle_signal)
            # The one that forks hears a stop, and replaces the dead, only while its loop comes round.
            forks = hasattr(launcher, "_wait_child")
            if forks:
                launcher._wait_child = self._resting_while_it_stops(launcher._wait_child)
            self._tell_after_first(launcher, "_wait_child" if forks else "handle_signal")
        else:  # cotyledon's has installed them, and starts no worker before it waits
            self._launcher_waits = True
        launcher.stop = self._only_when_told(launcher.stop)
        self._stand_beside()

    def status(self, waited: object) -> int:
        """Return the exit status for what the launcher's wait() gave; 0 only for a stop after a start that worked."""
        if not self._stopping or not (waited is None or isinstance(waited, int)):
            told = "" if self._stopping else ", and nobody told it to stop"
            self.fail("launcher", RuntimeError(f"wait() ended with status {waited!r}{told}{logs.last_error()}"))
        self._lifeline.tell(Word.ENDED)  # the watch ends when it has heard what the workers said before
        self._thread.join()
        if self._stop_failure is not None:
            return self._stop_failure.status
        if not self._announced:
            LOG.warning("stopped before it was ready")
            return waited or STOPPED_EARLY
        return waited or os.EX_OK

    def fail(self, where: str, error: BaseException) -> NoReturn:
        """End this process for an error, in the way of its role: a worker reports, the parent gives up."""
        if os.getpid() != self._pid:
            fail_worker(self._lifeline, where, error)
        if not isinstance(error, ConfigError | OutOfTime):  # which need no traceback
            LOG.error("%s failed", where, exc_info=error)
        self._give_up(Failure(where, status_of(error), in_one_line(error)))

    def _listening(self, install: Callable[[], None]) -> Callable[[], None]:
        def handle_signal() -> None:
            with self.signals_held():  # a SIGHUP in between would have the service reset, now and then
                install()
                self._stand_beside()

        return handle_signal

    def _tell_after_first(self, launcher: Any, name: str) -> None:
        """Tell the watch that the launcher waits, once its method has returned for the first time."""
        method = getattr(launcher, name)

        def telling() -> Any:
            setattr(launcher, name, method)
            answer = method()
            self._lifeline.tell(Word.WAITING)
            return answer

        setattr(launcher, name, telling)

    def _resting_while_it_stops(self, wait_child: Callable[[], object]) -> Callable[[], object]:
        """oslo.service's stop() asks for its workers over and over without a rest: a processor is busy, and no other
        greenthread of the parent runs, for as long as the slowest worker takes."""

        def resting() -> object:
            gone = wait_child()
            if self._stopping and not gone:
                time.sleep(REST_S)
            return gone

        return resting

    def _only_when_told(self, stop_launcher: Callable[[], None]) -> Callable[[], None]:
        """oslo.service's threading launcher answers an error in its wait() by sending SIGTERM to itself and waiting for
        ever, before it has said what the error was."""

        def stop() -> None:
            error = error_in_hand()
            if error is not None and not self._stopping:
                self.fail("launcher", error)
            stop_launcher()

        return stop

    def _stand_beside(self) -> None:
        """SIGINT keeps its default: the launchers' handlers would end at once too, but with a status of 1."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        before = signal.getsignal(signal.SIGTERM)
        if callable(before):
            signal.signal(signal.SIGTERM, self._beside(before))

    def _beside(self, before: SignalHandler) -> SignalHandler:
        def on_signal(number: int, frame: FrameType | None) -> None:
            if os.getpid() == self._pid and not self._stopping:
                self._stopping = True
                processes.end_after(STOP_S + WATCH_LATER_S)
                self._lifeline.tell(Word.STOPPING)
            before(number, frame)

        return on_signal

    def _after_fork(self) -> None:
        """The first thing in a forked worker. Nothing raised here would be heard of: os.fork() only prints it."""
        if os.getppid() != self._pid:
            return
        try:
            os.close(self._life)
            hold_sighup()
            self._lifeline.born()  # before anything that can block: it ties this process to its parent
            concurrency.leave_parents_hub()
            logs.renew_locks()
        except BaseException as error:  # not by the log: its locks are the parent's still, and so may the hub be
            self._lifeline.fail(Failure("fork", status_of(error), f"fork: {in_one_line(error)}"))

    def _run(self) -> None:
        while not self._launcher_ended:
            self._wait()
            if os.getpid() != self._pid:  # under eventlet a forked worker inherits this greenthread
                return
            self._hear_all()
            ends = self._ends()
            self._hear_all()  # again: a worker says why before it ends
            for pid, end in ends:
                self._mourn(pid, end)
            self._check()

    def _wait(self) -> None:
        """Wait for news. What select returns is not believed: eventlet's may say that a descriptor is ready that was so
        before. Nor is it relied on before all serve: the hub of a forked worker takes its parent's descriptors away."""
        pidfds = [worker.pidfd for worker in self._roll.workers if worker.pidfd is not None]
        look_at = None if self._until is None else next_look(self._until, self._settled, self._stopping)
        before_s = None if self._announced else LOOK_S
        left_s = before_s if look_at is None else max(0.0, look_at - time.monotonic())
        select.select([self._inbox.descriptor, *pidfds], [], [], left_s)

    def _ends(self) -> tuple[tuple[int, str], ...]:
        children = (worker for worker in self._roll.workers if worker.pid != self._pid)
        ends = ((worker.pid, processes.how_it_ended(worker.pidfd)) for worker in children)
        return tuple((pid, end) for pid, end in ends if end)

    def _hear_all(self) -> None:
        for report in self._inbox.read():
            self._hear(report)

    def _is_up(self) -> bool:
        """Whether all serve, and have done so for a moment."""
        if not (self._launcher_waits and self._roll.is_complete()):
            self._settled = math.inf
        elif self._settled == math.inf:
            self._settled = time.monotonic() + SETTLE_S
        return time.monotonic() >= self._settled

    def _hear(self, report: Report) -> None:
        match report.word:
            case Word.BORN:
                self._roll = self._roll.with_born(report.pid, _pidfd(report.pid))
            case Word.READY:
                self._welcome(report.pid)
            case Word.FAILED:
                self._hear_failure(report)
            case Word.LEAVING:
                self._hear_of_leaving(report.pid)
            case Word.WAITING:
                self._launcher_waits = True
            case Word.STOPPING:
                self._until = time.monotonic() + STOP_S
            case Word.ENDED:
                self._launcher_ended = True

    def _welcome(self, pid: int) -> None:
        if pid == self._pid and self._roll.find(pid) is None:  # the parent itself serves: it was not forked
            self._roll = self._roll.with_born(pid, None)
        self._roll = self._roll.with_ready(pid)
        LOG.info("%s serves", self._roll.find(pid))

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

    def _hear_of_leaving(self, pid: int) -> None:
        """A worker that was told to stop may take a second to end: READY=1 must not go out meanwhile."""
        if not self._announced:
            self._roll = self._roll.with_leaving(pid)

    def _mourn(self, pid: int, end: str) -> None:
        """A worker that dies before it serves ends the start, also when the launcher has replaced it already."""
        worker = self._roll.find(pid)
        assert worker is not None, f"{pid} {end}, and was no worker"
        if worker.pidfd is not None:
            os.close(worker.pidfd)
        self._roll = self._roll.without(worker)
        if self._stopping:
            return
        if not worker.ready or not self._announced:
            self._give_up(Failure(str(worker), os.EX_SOFTWARE, f"{end} during the start{logs.last_error()}"))
        LOG.error("%s %s; the launcher has to replace it", worker, end)
        self._until = time.monotonic() + self._deadline_s + RESPAWN_EXTRA_S

    def _check(self) -> None:
        late = self._until is not None and time.monotonic() >= self._until
        if self._stopping:
            if late and not self._launcher_ended:
                self._give_up_late(f"the stop did not end within {STOP_S} s")
        elif self._until is not None and self._is_up():
            self._until = None
            self._announce()
        elif late:
            waits = "" if self._launcher_waits else "the launcher's wait() was not reached; "
            unready = f"workers that do not serve: {self._roll.missing()}"
            self._give_up_late(f"not up in time: {waits}{unready}{logs.last_error()}")

    def _give_up_late(self, reason: str) -> NoReturn:
        processes.end_after(LAST_WORDS_S + LOG_S)
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
        LOG.info("ready: %d workers serve", self._roll.wanted)
        _notify(self._notify_socket, b"READY=1")
        self._announced = True
        if not self._stopping:  # else it is the timer of the stop by now
            faulthandler.cancel_dump_traceback_later()

    def _give_up(self, failure: Failure) -> NoReturn:
        """End this process, and every worker with it: by os._exit, for the main thread may be stalled for ever."""
        if not self._ending.acquire(blocking=False):
            _stand_aside()
        processes.end_after(LOG_S)
        what = "stop" if self._stopping else "service" if self._announced else "start"
        try:
            LOG.critical("%s failed: %s: %s", what, failure.where, self._redact(failure.reason))
            sys.stderr.flush()
        finally:
            os._exit(failure.status)


def next_look(until: float, settled: float, stopping: bool) -> float:
    """Return when, on the monotonic clock, there is something to decide without news. Once it stops, whether all serve
    is decided no more: a moment that is past would keep the watch, and so a processor, busy for as long as the stop takes.
    """
    return until if stopping else min(until, settled)


def _stand_aside() -> NoReturn:
    """Another thread is ending the process."""
    while True:
        time.sleep(1)


def _pidfd(pid: int) -> int | None:
    """None for a process that is gone, and that the launcher has reaped."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _notify(address: str, message: bytes) -> None:
    """Tell systemd, if it waits. When nobody is there, nobody waits; any other error ends the start."""
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.settimeout(1)
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.sendall(message)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        LOG.error("nobody was told of %s at %s: %s", message, address, error)
