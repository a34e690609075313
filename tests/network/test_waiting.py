"""A broker that is away while a target starts: what the sample does about it, and what is found of the naive launcher."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaos.fixtures import Launcher
from chaos.model import Exited, Killed, Outcome
from chaos.network.broker import Broker
from processes import Deadline

BACKENDS = ("eventlet", "threading")
AT_ONCE_S = 3.0
"""Far below the grace time of 8 s; cotyledon ends its workers first, and takes one."""


@pytest.fixture
def broker(rabbit_broker: Broker, deadline: Deadline) -> Broker:
    return rabbit_broker


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_broker_that_stays_away_ends_the_sample_with_the_status_of_what_may_work_another_time(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], backend: str) -> None:
    fault("amqp.connect=refuse")
    run = launcher.start(backend=backend, workers=2, transport="rabbit")
    run.assert_clean_exit()
    seen = run.observation
    assert seen.ending == Exited(75)
    assert "waiting for the broker at 127.0.0.1:" in seen.output
    assert "CRITICAL" in seen.output.rpartition("no broker at 127.0.0.1:")[0].splitlines()[-1]
    assert [process.role for process in seen.processes] == ["parent"], "nothing was started"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("met", "workers"), [("amqp.connect=blackhole", 0), ("amqp.declare=reset_peer", 2)])
def test_a_stop_ends_the_samples_wait_at_once_before_its_workers_are_there_and_after(
        broker: Broker, launcher: Launcher, fault: Callable[..., object], backend: str, met: str, workers: int) -> None:
    fault(met)
    fault("start.waiting#1=signal:TERM")
    run = launcher.start(backend=backend, workers=2, transport="rabbit")
    run.assert_clean_exit()
    seen = run.observation
    told_s = next(firing.at_s for firing in seen.fired if firing.site == "start.waiting")
    assert seen.ending in (Killed("SIGTERM", by_chaos=True), Exited(143))
    assert seen.elapsed_s - told_s < AT_ONCE_S
    assert sum(process.role.startswith("worker") for process in seen.processes) == workers


def test_what_the_naive_launcher_does_without_its_broker_is_found_and_named(broker: Broker, tmp_path: Path) -> None:
    told = "+start.waiting#1=signal:TERM"
    asked = [sys.executable, "-m", "chaos", "sweep", "chaos.sample.naive:main", "--transport", "rabbit", "--deadline", "5",
             "--jobs", "2", "--out", str(tmp_path), "--only", "*/amqp.connect=refuse", "--only", f"*/amqp.connect=*{told}"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    cases = {case["id"].partition("/")[2]: case for case in json.loads((tmp_path / "report.json").read_text())["cases"]}
    variants = [f"{backend}/w{workers}-rabbit" for backend in BACKENDS for workers in (1, 2)]
    assert len(cases) == 3 * len(variants)
    for variant in variants:
        retries = cases[f"{variant}/amqp.connect=refuse"]
        assert retries["outcome"] == Outcome.RETRY_LOOP
        assert "retries, " in _broken(retries)["ends"] and "refuse at amqp.connect" in _broken(retries)["ends"]
        for deaf in (cases[f"{variant}/amqp.connect={word}{told}"] for word in ("refuse", "blackhole")):
            said = _broken(deaf)["stops-when-told"]
            assert "told to stop" in said
            # where its next retry is due after the deadline, nothing else can come: that is proven then, and not waited for
            assert "still runs" in said or "it will not do so in time: proven" in said
            assert "READY=1 came" in _broken(deaf)["ready-means-ready"]
            assert "at amqp.connect" in _broken(deaf)["ready-means-ready"]
        refused = _broken(cases[f"{variant}/amqp.connect=refuse{told}"])["stops-when-told"]
        assert "goes on with its retries" in refused or "proven" in refused


def _broken(case: dict[str, Any]) -> dict[str, str]:
    return {one["promise"]: one["because"] for one in case["promises_broken"]}
