"""The promises that cut across the three places: what an operator may count on, wherever the start fails."""

import pytest

from chaos.fixtures import Arm, Launcher
from chaos.model import Exited, Killed

on_both_backends = pytest.mark.parametrize("backend", ["eventlet", "threading"])
with_one_or_two_workers = pytest.mark.parametrize("workers", [1, 2])
in_each_place = pytest.mark.parametrize(
    "place", ["service.create=raise:RuntimeError", "rpc.connect=refuse", "thread.spawn=raise:RuntimeError"]
)


@with_one_or_two_workers
@on_both_backends
def test_a_start_without_a_fault_keeps_every_promise(launcher: Launcher, backend: str, workers: int) -> None:
    run = launcher.start(backend=backend, workers=workers)
    run.assert_started()
    assert run.broken == []
    assert run.observation.ending == Exited(0)


@in_each_place
@on_both_backends
def test_a_start_that_fails_ends_with_a_status_other_than_zero(
    launcher: Launcher, fault: Arm, backend: str, place: str
) -> None:
    fault(place)
    run = launcher.start(backend=backend, workers=1)
    assert "status" not in run.broken
    assert isinstance(run.observation.ending, Exited)
    assert run.observation.ending.status != 0


@in_each_place
def test_the_cause_stands_in_the_log_and_readiness_is_never_announced(
    launcher: Launcher, fault: Arm, place: str
) -> None:
    fault(place)
    run = launcher.start(backend="threading", workers=2)
    assert run.broken == []
    assert run.observation.fired[0].token in run.log
    assert run.observation.ready_s is None


@in_each_place
def test_a_start_fails_the_same_way_on_both_backends(launcher: Launcher, fault: Arm, place: str) -> None:
    fault(place)
    outcomes = {launcher.start(backend=backend, workers=2).outcome for backend in ("eventlet", "threading")}
    assert outcomes == {"clean-exit"}


@on_both_backends
def test_no_worker_outlives_a_launcher_that_is_killed(launcher: Launcher, service_fault: Arm, backend: str) -> None:
    service_fault("launcher.wait", "kill", role="parent", hits=1)
    run = launcher.start(backend=backend, workers=2)
    run.assert_passes()
    assert run.observation.ending == Killed("SIGKILL", by_chaos=True)
    assert run.observation.leftovers == ()


@on_both_backends
def test_sigterm_on_the_way_up_ends_the_launcher(launcher: Launcher, fault: Arm, backend: str) -> None:
    fault("launcher.launch@parent#1=kill:TERM")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_two_faults_at_once_end_as_one_does(
    launcher: Launcher, rpc_fault: Arm, thread_fault: Arm, backend: str
) -> None:
    rpc_fault("connect", "delay", "0.1", hits=1)
    thread_fault("timer.add", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=1).assert_clean_exit()


@pytest.mark.chaos_target("scheduler", args=["--transport-url", "fake://nova:Hq7-s3cr3t@broker/"])
@on_both_backends
def test_the_brokers_password_appears_nowhere(launcher: Launcher, rpc_fault: Arm, backend: str) -> None:
    rpc_fault("connect", "refuse")
    run = launcher.start(backend=backend, workers=1)
    run.assert_clean_exit()
    assert "s3cr3t" not in run.log


@pytest.mark.chaos("scheduler/threading/w2/process.fork@parent#1=raise:BlockingIOError:EAGAIN")
def test_a_case_from_a_report_is_run_again_by_its_id(launcher: Launcher) -> None:
    run = launcher.start()
    run.assert_passes()
    assert run.case_id == "scheduler/threading/w2/process.fork@parent#1=raise:BlockingIOError:EAGAIN"
