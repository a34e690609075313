"""A Dask scheduler and its workers on this machine, on loopback, each a process of its own that is ended afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

WITHIN_S = 40.0


def until(what: str, is_so: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for something outside of this process."""
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.02)


@dataclass
class Dask:
    """``workers``: name to process. Their logs are files in ``folder``."""

    folder: Path
    scheduler: subprocess.Popen[bytes]
    address: str
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_worker(self, name: str, preload: str = "") -> None:
        """``preload``: what the worker runs before it serves."""
        words: tuple[str, ...] = ()
        if preload:
            path = self.folder / f"{name}_preload.py"
            path.write_text(preload)
            words = ("--preload", str(path))
        self.workers[name] = _started(self.folder, name, "worker", self.address, "--host", "127.0.0.1", "--name", name,
                                      "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory",
                                      str(self.folder), *words)

    def with_worker(self, name: str, preload: str = "") -> None:
        """The same, and wait until the scheduler has it: a busy machine takes long."""
        self.start_worker(name, preload)
        until(f"the worker {name}", lambda: "Registered to:" in (self.folder / f"{name}.log").read_text(errors="replace"))

    def below(self, name: str) -> list[psutil.Process]:
        """Every process that the worker started, and theirs."""
        try:
            return psutil.Process(self.workers[name].pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill(self, name: str) -> list[psutil.Process]:
        """SIGKILL to the worker alone. What was below it."""
        below = self.below(name)
        self.workers[name].kill()
        self.workers[name].wait()
        return below

    def kill_scheduler(self) -> None:
        self.scheduler.kill()
        self.scheduler.wait()

    def start_scheduler_anew(self) -> None:
        """Another at the same address, that knows nothing of what the first did."""
        self.scheduler = _scheduler(self.folder, self.address.rpartition(":")[2])

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))


def _started(folder: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "dask", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                env={**os.environ, "PYTHONWARNINGS": "ignore"})


@pytest.fixture
def bare_dask(tmp_path: Path) -> Iterator[Dask]:
    """A scheduler without workers; whatever was started below it is gone at the end."""
    folder = tmp_path / "dask"
    folder.mkdir()
    dask = Dask(folder, _scheduler(folder, "0"), "")
    try:
        until("the scheduler's address", lambda: _address(folder) != "")
        dask.address = _address(folder)
        yield dask
    finally:
        _end(dask)


def _scheduler(folder: Path, port: str) -> subprocess.Popen[bytes]:
    return _started(folder, "scheduler", "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")


def _address(folder: Path) -> str:
    found = re.search(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)", (folder / "scheduler.log").read_text(errors="replace"))
    return found[1] if found else ""


def _end(dask: Dask) -> None:
    below = [process for name in dask.workers for process in dask.below(name)]
    for process in (*dask.workers.values(), dask.scheduler):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    for process in (*dask.workers.values(), dask.scheduler):
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    all_gone(below)


def all_gone(processes: list[psutil.Process]) -> None:
    until(f"the end of {processes}", lambda: not [one for one in processes if _is_alive(one)])


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def dask(bare_dask: Dask) -> Dask:
    """With the workers ``left`` and ``right``."""
    for name in ("left", "right"):
        bare_dask.start_worker(name)
    return bare_dask
