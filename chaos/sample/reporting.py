"""The worker's side of a start: run a service and report how that goes; must not know what the service does."""

import contextlib
import faulthandler
import logging
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from oslo_service import service

from chaos.sample import concurrency, logs, processes
from chaos.sample.exits import Failure, in_one_line, status_of
from chaos.sample.reports import Lifeline, Word

LOG = logging.getLogger(__name__)

WORKER_STOP_S = 3.0


class CheckedService(Protocol):
    """What a service must offer beside oslo.service's three methods."""

    conf: Any

    def start(self) -> None: ...

    def check_serving(self, timeout_s: float) -> None: ...

    def stop(self) -> None: ...

    def wait(self) -> None: ...


class Guard(Protocol):
    """Who is told of a failure and of a stop: the parent's watch, or in a spawned worker a `WorkerGuard`."""

    def fail(self, where: str, error: BaseException) -> NoReturn: ...

    def stopping(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WorkerGuard:
    """The guard in a worker process."""

    lifeline: Lifeline

    def fail(self, where: str, error: BaseException) -> NoReturn:
        LOG.error("%s failed", where, exc_info=error)
        self.lifeline.fail(Failure(where, status_of(error), f"{where}: {in_one_line(error)}"))

    def stopping(self) -> None:
        processes.end_after(WORKER_STOP_S)


class NotServing(TimeoutError):
    """The deadline passed before the service answered a call. Not for a call that was answered by an error."""


class ReportingService(service.ServiceBase):  # type: ignore[misc]  # oslo.service is not typed
    """Passes everything on to a service, and tells the parent when it serves or why it does not.

    No exception leaves it for the launcher. oslo.service swallows what wait() raises (eventlet, one worker), prints
    what start() raises past the log (threading), hangs when stop() raises (eventlet), and respawns for ever in most
    other cases.
    """

    def __init__(
        self, inner: CheckedService, guard: Guard, lifeline: Lifeline, serve_by: float, deadline_s: float
    ) -> None:
        self._inner = inner
        self._guard = guard
        self._lifeline = lifeline
        self._serve_by = serve_by
        self._deadline_s = deadline_s
        self._started = False
        self._waiting = False
        self._stopping = False

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (_in_spawned_worker, (self._inner, self._lifeline, self._serve_by, self._deadline_s))
        return concurrency.call_prepared, (concurrency.Backend.THREADING.value, pickle.dumps(parts))

    def start(self) -> None:
        """Start the service, have it answer a call, and report that it serves."""
        left_s = self._serve_by - time.monotonic()
        timeout_s = left_s if left_s > 0 else self._deadline_s  # a worker that replaces another has its own time
        with self._failing("start"), self._deadline(timeout_s):
            self._inner.start()
            self._inner.check_serving(timeout_s)
        self._started = True
        self._tell_when_up()

    def stop(self) -> None:
        """Stop the service, within a time that the kernel keeps if need be."""
        self._stopping = True
        self._guard.stopping()
        with self._failing("stop"):
            self._inner.stop()

    def wait(self) -> None:
        """Wait for the service as oslo.service does it: before start() under eventlet, after it under threading."""
        self._waiting = True
        self._tell_when_up()
        with self._failing("wait"):
            self._inner.wait()

    def reset(self) -> None:
        """SIGHUP: nothing of this service changes while it runs."""

    def _tell_when_up(self) -> None:
        """A service that serves while its main thread is stuck before wait() hears no signal: it is not up."""
        if self._started and self._waiting:
            self._lifeline.tell(Word.READY)

    @contextlib.contextmanager
    def _failing(self, where: str) -> Iterator[None]:
        try:
            yield
        except service.SignalExit:  # how eventlet's launcher tells its main greenthread of a SIGHUP
            raise
        except BaseException as error:
            if type(error).__name__ == "GreenletExit" or (self._stopping and where != "stop"):
                raise  # killed because the service stops
            self._guard.fail(where, error)

    @contextlib.contextmanager
    def _deadline(self, timeout_s: float) -> Iterator[None]:
        """Fail when the block has not ended in time: a stalled thread cannot, so another one does it."""
        ended = threading.Event()

        def expire() -> None:
            if not ended.wait(timeout_s) and not self._stopping:
                processes.show_stacks()
                self._guard.fail("start", NotServing(f"not serving after {timeout_s:.1f} s{logs.last_error()}"))

        threading.Thread(target=expire, name="startup-deadline", daemon=True).start()
        try:
            yield
        finally:
            ended.set()


def fail_with_any_thread(guard: Guard) -> None:
    """Make the end of any thread by an exception the end of the process, with its cause.

    threading prints a traceback and goes on without the thread: cotyledon's parent then waits for ever for a supervisor
    that died of a failed fork. SystemExit, which threading ignores, counts too.
    """

    def on_exception(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        guard.fail(f"thread {name}", args.exc_value or args.exc_type())

    threading.excepthook = on_exception


def show_stacks_on_request() -> None:
    """SIGUSR1 shows the stacks of every thread, even when the process is frozen: the handler is C and needs no GIL."""
    faulthandler.register(signal.SIGUSR1, file=processes.STDERR, all_threads=True)


def _in_spawned_worker(
    inner: CheckedService, lifeline: Lifeline, serve_by: float, deadline_s: float
) -> ReportingService:
    """Do in a fresh interpreter what a forked worker inherits, and return the service to run."""
    lifeline.born()
    logs.set_up(inner.conf)
    guard = WorkerGuard(lifeline)
    fail_with_any_thread(guard)
    show_stacks_on_request()
    LOG.debug("spawned worker %d", os.getpid())
    return ReportingService(inner, guard, lifeline, serve_by, deadline_s)
