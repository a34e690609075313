"""The sample while its broker is away: how long it waits, what it says, and that it can be stopped. Needs no RabbitMQ."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PASSWORD = "Hq7-s3cr3t"


@pytest.mark.parametrize("scheme", ["rabbit", "kombu+amqp"])
def test_a_wait_for_a_broker_that_refuses_has_a_bound_and_says_for_what_and_how_long_still(scheme: str) -> None:
    arguments = ("--broker-wait", "2", "--startup-deadline", "0.5")
    with _port() as (_, address), _scheduler(address, *arguments, scheme=scheme) as scheduler:
        said, _ = scheduler.communicate(timeout=60)
    assert scheduler.returncode == os.EX_TEMPFAIL, said
    assert f"waiting for the broker at {address}, 1.0 s still; last error logged: Connection failed" in said
    (last,) = [line for line in said.splitlines() if " CRITICAL " in line]
    assert f"no broker at {address} let us in within 2 s; last error logged: Connection failed" in last
    assert PASSWORD not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("backend", ["eventlet", "threading"])
def test_a_stop_ends_the_wait_for_a_broker_that_never_answers_at_once(backend: str) -> None:
    with _port() as (mute, address):
        mute.listen()
        with _scheduler(address, "--broker-wait", "30", "--backend", backend, "--workers", "2") as scheduler:
            assert scheduler.stdout is not None
            assert any(f"waiting for the broker at {address}" in line for line in scheduler.stdout)
            scheduler.send_signal(signal.SIGTERM)
            assert scheduler.wait(timeout=10) == -signal.SIGTERM
            assert not scheduler.stdout.read()


@contextmanager
def _port() -> Iterator[tuple[socket.socket, str]]:
    """One that is ours and refuses, until somebody listens to it."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        yield port, f"127.0.0.1:{port.getsockname()[1]}"


@contextmanager
def _scheduler(address: str, *arguments: str, scheme: str = "rabbit") -> Iterator[subprocess.Popen[str]]:
    url = f"{scheme}://scheduler:{PASSWORD}@{address}/"
    command = [sys.executable, "-m", "chaos.sample.launcher", "--transport-url", url, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as scheduler:
        try:
            yield scheduler
        finally:
            scheduler.kill()
