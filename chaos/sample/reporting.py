"""The worker's side of a start: run a service and report how that goes; must not know what the service does."""

import contextlib
import faulthandler
import functools
import logging
import multiprocessing.util
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol

from oslo_service import service

from chaos.sample import concurrency, logs, processes
from chaos.sample.exits import Failure, OutOfTime, in_one_line, status_of
from chaos.sample.reports import HELD, Lifeline, Word

LOG = logging.getLogger(__name__)


class CheckedService(Protocol):
    """What a service must offer beside oslo.service's three methods."""

    conf: Any

    def start(self) -> None: ...

    def check_serving(self) -> None: ...

    def stop(self) -> None: ...

    def wait(self) -> None: ...


Fail = Callable[[str, BaseException], NoReturn]
"""Ends this process for an error that happened somewhere: the parent's watch does, and in a worker `fail_worker`."""


def fail_worker(lifeline: Lifeline, where: str, error: BaseException) -> NoReturn:
    """End this worker for an error, and have the parent say so."""
    LOG.error("%s failed", where, exc_info=error)
    lifeline.fail(Failure(where, status_of(error), f"{where}: {in_one_line(error)}"))


class NotServing(OutOfTime):
    """The deadline passed before the service answered a call. Not for a call that was answered by an error."""


class ReportingService(service.ServiceBase):  # type: ignore[misc]  # oslo.service is not typed
    """Passes everything on to a service, and tells the parent when it serves or why it does not.

    No exception leaves it for the launcher. oslo.service swallows what wait() raises (eventlet, one worker), prints
    what start() raises past the log (threading), hangs when stop() raises (eventlet), and respawns for ever in most
    other cases.
    """

    def __init__(
        self, inner: CheckedService, lifeline: Lifeline, fail: Fail, serve_by: float, deadline_s: float
    ) -> None:
        self._inner = inner
        self._lifeline = lifeline
        self._fail = fail
        self._serve_by = serve_by
        self._deadline_s = deadline_s
        self._started = False
        self._waiting = False
        self._stopping = False

    def __reduce__(self) -> tuple[Any, ...]:
        inner = pickle.dumps((self._inner, self._serve_by, self._deadline_s))
        parts = pickle.dumps((_in_spawned_worker, (self._lifeline, inner)))
        return concurrency.call_prepared, (concurrency.Backend.THREADING.value, parts)

    def start(self) -> None:
        """Start the service, have it answer a call, and report that it serves."""
        with contextlib.suppress(ValueError):  # cotyledon starts services beside the main thread
            # eventlet's launcher would start the service again, in the middle of its start: two servers, one forgotten
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)  # its launch() forks; now they have handlers
        self._stopping = False
        left_s = self._serve_by - time.monotonic()
        timeout_s = left_s if left_s > 0 else self._deadline_s  # a worker that replaces another has its own time
        with self._failing("start"), self._deadline(timeout_s):
            self._inner.start()
            self._inner.check_serving()
        self._started = True
        self._tell_when_up()

    def stop(self) -> None:
        """Stop the service.

        oslo.service's eventlet launchers do that while they handle an error of start() or wait(), and then forget it.
        """
        error = error_in_hand()
        if error is not None and not self._stopping:
            self._fail("service", error)
        self._stopping = True
        self._lifeline.tell(Word.LEAVING)
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
        if self._started and self._waiting and not self._stopping:
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
            self._fail(where, error)

    @contextlib.contextmanager
    def _deadline(self, timeout_s: float) -> Iterator[None]:
        """Fail when the block has not ended in time: a stalled thread cannot, so another one does it."""
        ended = threading.Event()

        def expire() -> None:
            if not ended.wait(timeout_s) and not self._stopping:
                processes.show_stacks()
                self._fail("start", NotServing(f"not serving after {timeout_s:.1f} s{logs.last_error()}"))

        threading.Thread(target=expire, name="startup-deadline", daemon=True).start()
        try:
            yield
        finally:
            ended.set()


def error_in_hand() -> BaseException | None:
    """Return the error that is being handled. oslo.service raises SystemExit(1) in the place of what start() raised."""
    error = sys.exc_info()[1]
    return error.__context__ or error if isinstance(error, SystemExit) else error


def fail_with_any_thread(fail: Fail) -> None:
    """Make the end of any thread by an exception the end of the process, with its cause.

    threading prints a traceback and goes on without the thread: cotyledon's parent then waits for ever for a supervisor
    that died of a failed fork. SystemExit, which threading ignores, counts too.
    """

    def on_exception(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        fail(f"thread {name}", args.exc_value or args.exc_type())

    threading.excepthook = on_exception


def report_last_words(lifeline: Lifeline) -> None:
    """In a child of multiprocessing, report what ends it outside our service: it would only print a traceback."""

    def last_words() -> None:
        error = sys.exc_info()[1]  # finalizers run while the exception is on its way
        if error is not None:
            lifeline.tell(Word.FAILED, Failure("process", status_of(error), in_one_line(error)))

    multiprocessing.util.Finalize(None, last_words, exitpriority=0)


def show_stacks_on_request() -> None:
    """SIGUSR1 shows the stacks of every thread, even when the process is frozen: the handler is C and needs no GIL."""
    faulthandler.register(signal.SIGUSR1, file=processes.STDERR, all_threads=True)


def hold_sighup() -> None:
    """In a worker, until its start lets it go, which it does under eventlet alone: cotyledon would end the worker.

    oslo.service hands no reset() on to cotyledon, whose own answer to a SIGHUP is a SIGTERM. It starts the service beside
    the main thread, which alone may have the signal ignored; one that is held back by all threads does as little.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def _in_spawned_worker(lifeline: Lifeline, pickled: bytes) -> ReportingService:
    """Do in a fresh interpreter what a forked worker inherits, and return the service to run."""
    hold_sighup()
    lifeline.born()
    fail = functools.partial(fail_worker, lifeline)
    fail_with_any_thread(fail)
    show_stacks_on_request()
    report_last_words(lifeline)
    try:
        inner, serve_by, deadline_s = pickle.loads(pickled)
        logs.set_up(inner.conf)
    except BaseException as error:  # multiprocessing would print it, and cotyledon start the worker again
        fail("spawn", error)
    return ReportingService(inner, lifeline, fail, serve_by, deadline_s)
