"""The sample from outside, started as an operator does: what its stop costs the machine, what its titles show."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from resource import struct_rusage

import psutil

ALL_OF_A_STOP_S = 0.4
"""Of processor time: the stops below take more than a second of the clock, and must not take one of a processor."""


def test_a_stop_that_takes_a_second_keeps_no_processor_busy(tmp_path: Path) -> None:
    with _scheduler(tmp_path, "threading", "1") as scheduler:  # a stop of cotyledon takes a second
        before_s = _processor_time_s(scheduler.pid)
        status, usage = _told_to_stop(scheduler)
    assert status == 0
    assert usage.ru_utime + usage.ru_stime - before_s < ALL_OF_A_STOP_S


def test_a_worker_that_does_not_stop_keeps_no_processor_busy(tmp_path: Path) -> None:
    with _scheduler(tmp_path, "eventlet", "2") as scheduler:
        frozen = psutil.Process(scheduler.pid).children()
        for worker in frozen:
            worker.suspend()
        try:
            before_s = _processor_time_s(scheduler.pid)
            status, usage = _told_to_stop(scheduler)
        finally:
            for worker in frozen:
                with suppress(psutil.NoSuchProcess):  # it ends with its parent, frozen or not, a little earlier or later
                    worker.kill()
    assert status == os.EX_TEMPFAIL
    assert len(frozen) == 2
    assert usage.ru_utime + usage.ru_stime - before_s < ALL_OF_A_STOP_S


def test_a_password_on_the_command_line_does_not_stay_there(tmp_path: Path) -> None:
    with _scheduler(tmp_path, "threading", "1", "fake://nova:Hq7-s3cr3t@broker/") as scheduler:
        there = [psutil.Process(scheduler.pid), *psutil.Process(scheduler.pid).children()]
        titles = [" ".join(process.cmdline()) for process in there]
        assert _told_to_stop(scheduler)[0] == 0
    assert len(titles) == 2
    assert "--transport-url" in titles[0]
    assert not [title for title in titles if "s3cr3t" in title]


@contextmanager
def _scheduler(
    folder: Path, backend: str, workers: str, transport: str = "fake:/"
) -> Iterator[subprocess.Popen[bytes]]:
    """One that has announced READY=1; killed where the block fails."""
    arguments = ["--backend", backend, "--workers", workers, "--transport-url", transport]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(folder / "notify"))
        notify.settimeout(30)
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "chaos.sample.launcher", *arguments],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert notify.recv(100) == b"READY=1"
            yield scheduler
        finally:
            if scheduler.poll() is None:
                scheduler.kill()
                scheduler.wait()


def _told_to_stop(scheduler: subprocess.Popen[bytes]) -> tuple[int, struct_rusage]:
    """Its status, and what it has used in its life, the workers that it reaped included."""
    scheduler.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(scheduler.pid, 0)
    scheduler.returncode = os.waitstatus_to_exitcode(status)
    return scheduler.returncode, usage


def _processor_time_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
