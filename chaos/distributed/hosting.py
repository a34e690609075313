"""The worker's side of a sweep over a Dask cluster: one pool, whose host is a child process, for as long as it is needed.

A worker has threads, an event loop and other people's tasks: no fault may happen in it, and it never forks. All that is
started hangs on the host's standard input, which closes when the worker goes, however it goes.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from distributed import Queue, WorkerPlugin, get_worker

from chaos import __version__
from chaos.distributed.batch import ENDED, MISSING, REFUSED, SEEN, TAKEN, Batch, told, unpacked, with_ahead
from chaos.errors import MissingPart
from chaos.network.companion import CompanionBroke
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.transport import attached

IDLE_S = 20.0
"""A pool that nobody used for so long is ended: its caller may have been killed. The next batch makes another."""
Tell = Callable[[str, int, str], None]


class Hosting(WorkerPlugin):  # type: ignore[misc]
    """A sweep's pool in one worker. ``jobs`` 0: as many cases at a time as the worker has threads."""

    def __init__(self, run: str, jobs: int, transport: str | None) -> None:
        self.name, self.jobs, self.transport = run, jobs, transport

    def setup(self, worker: Any) -> None:
        self.jobs = self.jobs or worker.state.nthreads
        self.lock = threading.Lock()
        self.leaving = False
        self.stack = contextlib.ExitStack()
        self.pool: Pool | None = None
        self.paths: dict[str, str] = {}
        self.idle: threading.Timer | None = None

    def teardown(self, worker: Any) -> None:
        """Runs in the worker's event loop, so it does not wait for cases: the host that runs them is told to go."""
        self.leaving = True
        if not self.lock.acquire(blocking=False):       # a batch is under way; its thread ends the pool
            if self.pool is not None:
                self.pool.let_go()
            return
        try:
            self._end()
        finally:
            self.lock.release()

    def run(self, batch: Batch, tell: Tell, is_wanted: Callable[[], bool]) -> None:
        """Until it is finished, or nobody wants it any more: then nothing else is begun, and the pool ends at once."""
        with self.lock:
            self._stop_clock()
            try:
                self._run(self._opened(), batch, tell, is_wanted)
            finally:
                if self.leaving or not is_wanted():
                    self._end()
                else:
                    self._start_clock()

    def _run(self, pool: Pool, batch: Batch, tell: Tell, is_wanted: Callable[[], bool]) -> None:
        for digest, text in json.loads(batch.ahead).items():
            if digest not in self.paths:
                self.paths[digest] = pool.remember(text.split("\n")[:-1])
        places: defaultdict[str, list[int]] = defaultdict(list)     # a traced baseline is in a batch twice

        def taken() -> Iterator[Request]:
            """Said before the pool gets it: once a case has begun, the caller knows of it or the worker is alive."""
            for place, request in enumerate(unpacked(batch)):
                if self.leaving or not is_wanted():
                    return
                places[request.case_id].append(place)
                tell(TAKEN, place, "")
                yield with_ahead(request, self.paths)

        for request, seen in pool.run(taken()):
            if seen is not None:
                tell(SEEN, places[request.case_id].pop(0), told(seen))

    def _opened(self) -> Pool:
        """What fails to open leaves nothing behind: the next batch would start a second broker beside the first."""
        if self.pool is None:
            with contextlib.ExitStack() as opening:
                network = opening.enter_context(attached(self.transport))
                self.pool = opening.enter_context(Pool(self.jobs, network))
                self.stack = opening.pop_all()
        return self.pool

    def _end(self) -> None:
        self._stop_clock()
        self.pool, self.paths = None, {}
        self.stack.close()

    def _start_clock(self) -> None:
        self.idle = threading.Timer(IDLE_S, self._end_if_idle)
        self.idle.daemon = True
        self.idle.start()

    def _stop_clock(self) -> None:
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None

    def _end_if_idle(self) -> None:
        if self.lock.acquire(blocking=False):           # not: somebody came at the last moment
            try:
                self._end()
            finally:
                self.lock.release()


def run_batch(batch: Batch, run: str) -> None:
    """The task. Results go into a queue as they come; what hinders it from beginning is news too, not the failure of a task:
    the caller would give the same cases to the same worker again, without end."""
    worker: Any = get_worker()
    key = worker.get_current_task()
    news, ticket = Queue(batch.news), Queue(batch.ticket)
    begun = False

    def tell(word: str, place: int = 0, text: str = "") -> None:
        nonlocal begun
        begun = begun or word == TAKEN
        news.put((batch.number, word, place, text))

    def is_wanted() -> bool:
        """Dask cancels a task whose caller has gone, and cannot stop a thread: it has to look."""
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    try:
        if not ticket.get(batch=True):
            tell(REFUSED)
            return
        if batch.version != __version__:
            tell(MISSING, 0, f"lacks chaos {batch.version} (it has {__version__})")
            return
        try:
            worker.plugins[run].run(batch, tell, is_wanted)
        except MissingPart as missing:
            tell(MISSING, 0, f"lacks {missing}")
            return
        except (CompanionBroke, OSError) as error:      # no broker boots there, or the disk is full
            if begun:
                raise
            tell(MISSING, 0, f"cannot begin a case ({type(error).__name__}: {error})")
            return
        tell(ENDED)
    finally:
        ticket.close()
        news.close()
