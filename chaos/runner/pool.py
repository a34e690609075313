"""Hosts, one a job, and the requests that they run: answers stream back in the order in which they are ready."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from chaos.codec import from_data, to_data
from chaos.model import Expectation, Observation, StillRunning
from chaos.runner.request import Request

CLOSE_WITHIN_S = 15.0
PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
HOST = "import sys; sys.path.insert(0, sys.argv.pop(1)); from chaos.runner.host import main; main()"
"""Not ``-m`` with PYTHONPATH: the target inherits the host's environment, and chaos's own packages must not be in it."""


class Host:
    """One host process and the request that it is busy with."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", HOST, PACKAGE_ROOT, folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, start_new_session=True)
        self.request: Request | None = None
        self.partial = b""

    def ask(self, request: Request) -> None:
        assert self.process.stdin is not None
        self.request = request
        with contextlib.suppress(BrokenPipeError):      # it is dead: the end of its output says so
            self.process.stdin.write(json.dumps(to_data(request)).encode() + b"\n")
            self.process.stdin.flush()

    def answer(self) -> Observation | None:
        """What has arrived so far; None: not whole yet."""
        assert self.process.stdout is not None and self.request is not None
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        self.partial += data
        if data and not self.partial.endswith(b"\n"):
            return None
        text, self.partial = self.partial, b""
        if not data:                # it closed its output, so it is dying, and must not be asked again
            self.process.kill()
            self.process.wait()
            text = json.dumps({"harness": "the host process died"}).encode()
        return _observation(self.request, text)

    def close(self) -> None:
        """Close its input: it ends whatever it runs and goes. Killed when it does not go."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def wait(self) -> None:
        try:
            self.process.wait(CLOSE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def _observation(request: Request, text: bytes) -> Observation:
    data = json.loads(text)
    if "harness" in data and "ending" not in data:
        expected = request.expected or Expectation(request.case.workers)
        return Observation(ending=StillRunning(0.0), elapsed_s=0.0, limits=request.limits, expected=expected,
                           stopped_watching="broken", harness=data["harness"])
    return from_data(Observation, data)


class Pool:
    """Up to ``jobs`` cases at a time, each in a folder of its own. Leaving ends every process that was started."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs
        self.hosts: list[Host] = []
        self.folder = ""
        self.count = 0

    def __enter__(self) -> Pool:
        self.folder = tempfile.mkdtemp(prefix="chaos-")
        Path(self.folder).chmod(0o755)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for host in self.hosts:
            host.close()
        for host in self.hosts:
            host.wait()
        self.hosts.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Observation | None]]:
        """Run them all. Yields (request, None) when one starts and (request, observation) when it is finished."""
        waiting = iter(requests)
        with selectors.DefaultSelector() as selector:
            busy = 0
            for host in self._idle():
                request = self._start(host, waiting)
                if request is None:
                    break
                busy += 1
                selector.register(_out(host), selectors.EVENT_READ, host)
                yield request, None
            while busy:
                for key, _ in selector.select():
                    host = key.data
                    finished, observation = host.request, host.answer()
                    if observation is None:
                        continue
                    selector.unregister(_out(host))
                    busy -= 1
                    yield finished, observation
                    host = self._healthy(host)
                    request = self._start(host, waiting)
                    if request is not None:
                        busy += 1
                        selector.register(_out(host), selectors.EVENT_READ, host)
                        yield request, None

    def run_one(self, request: Request) -> Observation:
        return next(seen for _, seen in self.run([request]) if seen is not None)

    def _idle(self) -> Iterator[Host]:
        for index in range(self.jobs):
            if index == len(self.hosts):
                self.hosts.append(Host(self.folder))
            yield self._healthy(self.hosts[index])

    def _healthy(self, host: Host) -> Host:
        if host.process.poll() is None:
            return host
        host.close()
        host.wait()
        fresh = Host(self.folder)
        self.hosts[self.hosts.index(host)] = fresh
        return fresh

    def _start(self, host: Host, waiting: Iterator[Request]) -> Request | None:
        request = next(waiting, None)
        if request is None:
            return None
        self.count += 1
        request = dataclasses.replace(request, folder=os.path.join(self.folder, str(self.count)))
        host.ask(request)
        return request


def _out(host: Host) -> int:
    assert host.process.stdout is not None
    return host.process.stdout.fileno()
