"""The host and the requests that it runs: answers stream back in the order in which they are ready."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from chaos.codec import from_data, json_of, to_data
from chaos.model import Expectation, Observation, StillRunning
from chaos.runner.request import HELD, Network, Request

CLOSE_WITHIN_S = 15.0
MOST_WAITING = 8
"""So many cases a job may be under way when all but one of them only wait: each has two or three processes."""
PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
HOST = "import sys; sys.path.insert(0, sys.argv.pop(1)); from chaos.runner.host import main; main()"
"""Not ``-m`` with PYTHONPATH: the target inherits the host's environment, and chaos's own packages must not be in it."""


class Host:
    """The host process, and what it is busy with: folder to request."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", HOST, PACKAGE_ROOT, folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0, start_new_session=True)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.asks, self.hears = self.process.stdin, self.process.stdout
        os.set_blocking(self.asks.fileno(), False)
        self.asking = threading.Lock()
        """Nobody closes its input while another thread writes there."""
        self.requests: dict[str, Request] = {}
        self.idle: set[str] = set()
        self.lines: deque[bytes] = deque()
        """What it has said and nobody has looked at, and of the last line what there is."""
        self.partial = b""

    @property
    def busy(self) -> int:
        """How many cases use a processor."""
        return len(self.requests) - len(self.idle)

    def has_room_for(self, request: Request) -> bool:
        """One that must be alone waits for all others, and they for it."""
        return not self.requests or not (request.alone or any(one.alone for one in self.requests.values()))

    def ask(self, request: Request) -> None:
        self.requests[request.folder] = request
        with contextlib.suppress(BrokenPipeError, ValueError):  # it is dead, or told to go: the end of its output says so
            self._write(json_of(to_data(request)).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        """A host that wants to get rid of answers reads nothing meanwhile: who does not hear it waits for ever."""
        view = memoryview(data)
        poll = select.poll()
        poll.register(self.asks, select.POLLOUT)
        poll.register(self.hears, select.POLLIN)
        while view:
            with self.asking:
                written = self.asks.write(view)
            if written:         # else there is no room
                view = view[written:]
            elif self.hears.fileno() in dict(poll.poll()) and not self._hear():
                return

    def _hear(self) -> bool:
        """Wait for the host to say something; whether it will say more."""
        data = os.read(self.hears.fileno(), 1 << 20)
        *lines, self.partial = (self.partial + data).split(b"\n")
        self.lines.extend(lines)
        return bool(data)

    def answers(self) -> Iterator[tuple[Request, Observation]]:
        """What is finished by what the host has said, which may be nothing yet. Waits for it to say something."""
        if self.lines or self._hear():
            yield from self.told()
            return
        self.process.kill()         # it closed its output, so it is dying, and must not be asked again
        self.process.wait()
        lost, self.requests = self.requests, {}
        self.idle.clear()
        for request in lost.values():
            yield request, _observation(request, json.dumps({"harness": "the host process died"}).encode())

    def told(self) -> Iterator[tuple[Request, Observation]]:
        """What is finished by what was heard already."""
        while self.lines:
            name, _, text = self.lines.popleft().partition(b"\t")
            folder = os.fsdecode(name)
            if text == b"idle":
                self.idle.add(folder)
            elif text == b"busy":
                self.idle.discard(folder)
            else:
                self.idle.discard(folder)
                request = self.requests[folder] if text.startswith(HELD) else self.requests.pop(folder)
                yield request, _observation(request, text.removeprefix(HELD))

    def hang_up(self) -> None:
        """Close its input: it ends whatever it runs and goes."""
        with self.asking, contextlib.suppress(OSError):
            self.asks.close()

    def close(self) -> None:
        """Let it go, and wait for its end; killed when that does not come. Nobody hears it any more: it may wait for that."""
        self.hang_up()
        self.hears.close()
        try:
            self.process.wait(CLOSE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _observation(request: Request, text: bytes) -> Observation:
    data = json.loads(text)
    if "harness" in data and "ending" not in data:
        return broken(request, data["harness"])
    return from_data(Observation, data)


def broken(request: Request, why: str) -> Observation:
    """Of a run that chaos itself lost: nothing was seen, and ``why`` says what happened to it."""
    expected = request.expected or Expectation(request.case.workers)
    return Observation(ending=StillRunning(0.0), elapsed_s=0.0, limits=request.limits, expected=expected,
                       stopped_watching="broken", harness=why)


class Pool:
    """Up to ``jobs`` cases at a time that use a processor, and more that only wait; each in a folder of its own.

    ``network``: what the cases on a real transport use; theirs is whoever made it. Leaving ends every process that was
    started.
    """

    def __init__(self, jobs: int = 1, network: Network | None = None) -> None:
        self.jobs = jobs
        self.network = network
        self.host: Host | None = None
        self.folder = ""
        self.count = 0

    def __enter__(self) -> Pool:
        self.folder = tempfile.mkdtemp(prefix="chaos-")
        Path(self.folder).chmod(0o755)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.host is not None:
            self.host.close()
            self.host = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def let_go(self) -> None:
        """Tell the host to end whatever it runs and go; for a thread other than the one that is in ``run``."""
        host = self.host
        if host is not None:
            host.hang_up()

    def remember(self, ahead: Iterable[str]) -> str:
        """Keep what a target imports for the requests that may be started warm: the path to name in them."""
        text = "".join(f"{line}\n" for line in ahead).encode("utf-8", "surrogateescape")
        path = Path(self.folder) / f"ahead-{hashlib.sha256(text).hexdigest()[:12]}"
        path.write_bytes(text)
        return str(path)

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Observation | None]]:
        """Run them all. Yields (request, None) when one starts and (request, observation) when it is finished.

        ``requests`` may have more to give after it seemed exhausted, for as long as anything is under way: a case that has
        to be run again is put back there.
        """
        waiting = iter(requests)
        request: Request | None = None
        while True:
            host = self._healthy()
            while host.busy < self.jobs and len(host.requests) < self.jobs * MOST_WAITING:
                request = request or next(waiting, None)
                if request is None or not host.has_room_for(request):
                    break
                started, request = request, None
                yield self._start(host, started), None
            if not host.requests:
                return
            yield from host.answers()

    def run_one(self, request: Request) -> Observation:
        return next(seen for _, seen in self.run([request]) if seen is not None)

    @property
    def holds(self) -> bool:
        """Whether the tree of a request with ``hold_s``, of which the observation has come, is still kept: until it ends,
        its time is up, or this pool is left."""
        if self.host is None:
            return False
        for _ in self.host.told():      # the end may have come together with the observation: it is not heard again
            pass
        return bool(self.host.requests)

    def hears(self) -> int:
        """A descriptor that is readable when something happens to what is under way; `listen` reads it."""
        assert self.host is not None
        return self.host.hears.fileno()

    def listen(self) -> None:
        assert self.host is not None
        for _ in self.host.answers():
            pass

    def _healthy(self) -> Host:
        if self.host is not None and self.host.process.poll() is not None and not self.host.requests:
            self.host.close()
            self.host = None
        if self.host is None:
            self.host = Host(self.folder)
        return self.host

    def _start(self, host: Host, request: Request) -> Request:
        self.count += 1
        network = self.network if request.case.transport else None
        alone = request.alone or (network is not None and not network.broker)   # all cases share a user's virtual host
        request = dataclasses.replace(request, folder=os.path.join(self.folder, f"{self.count:07}"), network=network,
                                      alone=alone)
        host.ask(request)
        return request
