"""The caller's side of a sweep over a Dask cluster: requests in, observations out, as from a pool on this machine.

It gives every worker one batch at a time, and remembers what each said. A worker that goes costs the cases that it had
begun and not finished: they are not run again, since one of them may be what ended it. See docs/decisions/0013.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Any

from distributed import Client, Future, Queue
from distributed.client import ClosedClientError

from chaos.distributed.batch import MISSING, REFUSED, SEEN, TAKEN, Said, heard, packed
from chaos.distributed.hosting import Hosting, run_batch
from chaos.errors import MissingPart, UsageError
from chaos.model import Observation
from chaos.runner.pool import broken
from chaos.runner.request import Request

CONNECT_S = 10.0
WORKERS_S = 10.0
"""How long it waits for a first worker."""
NONE_LEFT_S = 30.0
"""How long it waits for another one, once all are gone and cases are left."""
LOOK_S = 0.05
"""Between two looks into the queue. Waiting there would leave an error in the scheduler's log each time nothing came."""
COUNT_S = 1.0
"""Between two looks at which workers there are."""
MOST, LEAST = 40, 4
"""Cases a batch: 40 while there are plenty, fewer at the end, so that all workers finish together."""

Answer = tuple[Request, Observation | None]


@dataclass(slots=True)
class _Given:
    """A batch that a worker has, and what is still open of it: place to request; ``begun``: places."""

    worker: str
    open: dict[int, Request]
    future: Future
    ticket: Queue
    begun: set[int] = field(default_factory=set)


class Cluster:
    """What ``Pool`` is on one machine. ``jobs`` 0: as many cases at a time, on each worker, as it has threads.

    Raises UsageError for what is no address, MissingPart for a scheduler that does not answer or has no worker.
    """

    def __init__(self, address: str, jobs: int = 0, transport: str | None = None) -> None:
        self.address, self.jobs, self.transport = address, jobs, transport
        self.run_name = f"chaos-{uuid.uuid4().hex[:12]}"
        self._remembered: dict[str, str] = {}
        self._given: dict[int, _Given] = {}
        self._names: dict[str, str] = {}
        self._workers: dict[str, int] = {}
        self._failed: set[str] = set()
        self._counted_s = 0.0
        self._count = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Cluster:
        try:
            self._client = self._stack.enter_context(_connected(self.address))
            self._client.wait_for_workers(1, timeout=WORKERS_S)
            self._client.register_plugin(Hosting(self.run_name, self.jobs, self.transport), name=self.run_name)
            self._stack.callback(self._leave)
            self._news = Queue(f"{self.run_name}-news", client=self._client)
        except TimeoutError:        # an OSError too, so it comes first
            self._stack.close()
            raise MissingPart(f"--scheduler {self.address}: it has no worker after {WORKERS_S:.0f} s; "
                              f"`dask worker {self.address}` starts one") from None
        except OSError as error:
            self._stack.close()
            raise self._gone() from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.close()

    def _leave(self) -> None:
        """Every worker ends the pool that it has for this sweep; one that does not answer does so when it is idle.

        A scheduler that is gone cannot be told, and one that was started anew knows of no plugin (ValueError).
        """
        with contextlib.suppress(OSError, ValueError, RuntimeError, ClosedClientError):
            self._client.cancel([given.future for given in self._given.values()], force=True)
            self._client.unregister_worker_plugin(self.run_name)
            self._news.close()

    def _gone(self) -> MissingPart:
        return MissingPart(f"--scheduler {self.address}: the scheduler is gone")

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Around whatever asks the scheduler. Raises MissingPart when that is gone: dask connects anew for some seconds, then
        raises OSError, or whatever a client that has closed itself meanwhile does. One that was started anew has no queue
        of this sweep (KeyError)."""
        try:
            yield
        except Exception as error:
            if isinstance(error, (OSError, KeyError)) or self._client.status != "running":
                raise self._gone() from error
            raise

    @property
    def places(self) -> int:
        """How many cases run at a time, as far as is known now."""
        self._look_for_workers()
        return sum(self.jobs or threads for threads in self._workers.values())

    def remember(self, ahead: Iterable[str]) -> str:
        """Keep what a target imports; the name to put into requests. The text goes with each batch that needs it."""
        text = "".join(f"{line}\n" for line in ahead)
        name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self._remembered[name] = text
        return name

    def run(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """As ``Pool.run``. ``requests`` may have more to give for as long as anything is under way."""
        more, pile = iter(requests), deque[Request]()
        alone_since: float | None = None
        while True:
            self._look_for_workers()
            self._give(more, pile)
            if not self._given and not pile:
                pile.extend(islice(more, MOST))     # while there is no worker, nothing is given, and there may be more
                if not pile:
                    return
            alone_since = None if self._workers else alone_since or time.monotonic()
            if alone_since and time.monotonic() - alone_since > NONE_LEFT_S:
                yield from self._nobody_left(pile)
                continue
            said = self._said()
            for number, word, place, text in said:
                yield from self._heard(number, word, place, text, pile)
            yield from self._lost(pile)
            if not said:
                time.sleep(LOOK_S)

    def run_one(self, request: Request) -> Observation:
        return next(seen for _, seen in self.run([request]) if seen is not None)

    def _look_for_workers(self) -> None:
        if time.monotonic() - self._counted_s >= COUNT_S:
            with self._asking():
                self._workers = dict(self._client.nthreads())
                if not self._workers.keys() <= self._names.keys():
                    self._names.update(_names(self._client))
            self._counted_s = time.monotonic()

    def _give(self, more: Iterator[Request], pile: deque[Request]) -> None:
        """A batch to each worker that has none."""
        busy = {given.worker for given in self._given.values()}
        idle = [worker for worker in self._workers if worker not in busy]
        if not idle:
            return
        pile.extend(islice(more, max(0, 2 * MOST * len(self._workers) - len(pile))))
        for worker in idle:
            size = min(MOST, max(LEAST, -(-len(pile) // (2 * len(self._workers)))), len(pile))
            if size:
                self._submit(worker, tuple(pile.popleft() for _ in range(size)))

    def _submit(self, worker: str, requests: tuple[Request, ...]) -> None:
        self._count += 1
        batch = packed(self._count, requests, self._remembered, self.run_name)
        with self._asking():
            ticket = Queue(batch.ticket, client=self._client)
            ticket.put(self._count)
            future = self._client.submit(run_batch, batch, self.run_name, key=f"{self.run_name}-{self._count}", retries=0,
                                         workers=[worker], allow_other_workers=False, pure=False)
        self._given[self._count] = _Given(worker, dict(enumerate(requests)), future, ticket)

    def _heard(self, number: int, word: str, place: int, text: str, pile: deque[Request]) -> Iterator[Answer]:
        given = self._given.get(number)
        if given is None:               # a worker that had been given up for lost; its cases are settled
            return
        if word == TAKEN:
            given.begun.add(place)
            self._failed.discard(given.worker)
            yield given.open[place], None
        elif word == SEEN:
            yield given.open.pop(place), heard(text)
        elif word == MISSING:
            raise MissingPart(f"worker {self._named(given.worker)}: {text}")
        elif word == REFUSED:
            yield from self._settle(number, "was lost", pile)
        else:
            yield from self._settle(number, "ended its batch without it", pile)

    def _lost(self, pile: deque[Request]) -> Iterator[Answer]:
        """Settle what is with workers that are gone, and with tasks that failed. What they said before is read first."""
        for number, given in list(self._given.items()):
            gone = given.worker not in self._workers
            if not gone and given.future.status not in ("error", "lost", "cancelled"):
                continue
            for other, word, place, text in self._said():
                yield from self._heard(other, word, place, text, pile)
            if number in self._given:
                if not gone:
                    self._note_failure(given)
                yield from self._settle(number, "was lost" if gone else _failure(given.future), pile)

    def _note_failure(self, given: _Given) -> None:
        """Of a task that failed before it began a case, the worker gets the same cases again; not a third time."""
        if given.future.status != "error" or given.begun:
            return
        if given.worker in self._failed:
            raise MissingPart(f"worker {self._named(given.worker)}: two tasks in a row {_failure(given.future)} before a "
                              "case was begun; its log says more")
        self._failed.add(given.worker)

    def _said(self) -> list[Said]:
        """All that is there by now."""
        with self._asking():
            return [(number, word, place, text) for number, word, place, text in self._news.get(batch=True)]

    def _settle(self, number: int, what: str, pile: deque[Request]) -> Iterator[Answer]:
        """What was not begun goes back in front of the others; what was is told, and not run again."""
        given = self._given.pop(number)
        with self._asking():
            self._client.cancel([given.future], force=True)
            given.ticket.close()
        pile.extendleft(reversed([one for place, one in given.open.items() if place not in given.begun]))
        for place in sorted(given.begun & given.open.keys()):
            yield given.open[place], broken(given.open[place], f"worker {self._named(given.worker)} {what} while this case "
                                            "was under way; a case that may have ended its worker is not run again")

    def _nobody_left(self, pile: deque[Request]) -> Iterator[Answer]:
        while pile:
            request = pile.popleft()
            yield request, None
            yield request, broken(request, f"--scheduler {self.address}: no worker is left")

    def _named(self, worker: str) -> str:
        name = self._names.get(worker, worker)
        return worker if name == worker else f"{name} ({worker})"


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except ValueError as error:
        raise UsageError(f"--scheduler {address}: {error}; an address such as tcp://127.0.0.1:8786 would be right") from None
    except OSError as error:        # TimeoutError is one
        raise MissingPart(f"--scheduler {address}: no Dask scheduler answers there ({error})") from None


def _names(client: Client) -> dict[str, str]:
    """Address to name of every worker."""
    known: dict[str, dict[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return {address: str(one["name"]) for address, one in known.items()}


def _failure(future: Future) -> str:
    error = future.exception() if future.status == "error" else None
    return f"failed ({type(error).__name__})" if error else f"lost its task ({future.status})"
