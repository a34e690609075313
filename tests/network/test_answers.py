"""Who answers a call from outside, and what counts as an answer: each worker by itself, and no error of a method's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.fixtures import Launcher
from chaos.model import Exited, Grade, Outcome
from chaos.network.broker import Broker
from processes import Deadline

pytestmark = pytest.mark.chaos_target("answering")
ENTRY = r"""
[targets.answering]
command = "launchers.answering:main"
args = ["--config-file", "{config}", "--backend", "{backend}", "--workers", "{workers}"]
env = { FOLDER = "{folder}" }
backends = ["threading"]
workers = [2]
deadline_s = 6
transport_url = "fake://"
config = "[DEFAULT]\ntransport_url = {transport_url}\n"
"""


@pytest.fixture
def broker(rabbit_broker: Broker, deadline: Deadline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Broker:
    (tmp_path / "chaos.toml").write_text(ENTRY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    return rabbit_broker


def test_a_worker_that_takes_its_calls_and_never_answers_is_not_proven_by_its_brother(
        broker: Broker, launcher: Launcher, fault: Callable[..., object]) -> None:
    fault("env.variable#1=set:ANSWERS:mute")
    run = launcher.start(backend="threading", workers=2, transport="rabbit")
    assert (run.outcome, run.verdict) == (Outcome.DEGRADED, Grade.FAIL)
    seen = run.observation
    (answered,) = {mile.pid for mile in seen.milestones if mile.name == "answered"}
    (because,) = (one.because for one in run.judged.verdict.broken if one.promise == "full-strength")
    assert f"1 of 2 expected processes serve (pid {answered})" in because


def test_a_method_that_fails_on_every_call_is_no_proof_that_its_service_works(
        broker: Broker, launcher: Launcher, fault: Callable[..., object]) -> None:
    fault("env.variable#1=set:ANSWERS:raises")
    run = launcher.start(backend="threading", workers=2, transport="rabbit")
    assert run.verdict == Grade.FAIL and "full-strength" in run.broken
    assert not [mile for mile in run.observation.milestones if mile.name == "answered"]


def test_that_there_is_no_such_method_is_an_answer_of_each_worker(
        broker: Broker, launcher: Launcher, fault: Callable[..., object]) -> None:
    fault("env.variable#1=set:ANSWERS:other")
    run = launcher.start(backend="threading", workers=2, transport="rabbit")
    run.assert_started()
    assert run.observation.ending == Exited(0)
    assert {mile.role for mile in run.observation.milestones if mile.name == "answered"} == {"worker.0", "worker.1"}
