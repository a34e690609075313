"""Creating and starting the service: whatever fails there, the scheduler ends by itself and says why."""

import pytest

from chaos.fixtures import Arm, Launcher

on_both_backends = pytest.mark.parametrize("backend", ["eventlet", "threading"])
with_one_or_two_workers = pytest.mark.parametrize("workers", [1, 2])


@with_one_or_two_workers
@on_both_backends
def test_a_service_that_cannot_be_created_ends_the_launcher(
    launcher: Launcher, service_fault: Arm, backend: str, workers: int
) -> None:
    service_fault("create", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@on_both_backends
def test_a_manager_whose_driver_cannot_be_imported_ends_the_launcher(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("init", "raise", "ImportError")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@with_one_or_two_workers
@on_both_backends
def test_a_start_that_fails_in_every_worker_is_given_up_and_not_respawned_for_ever(
    launcher: Launcher, service_fault: Arm, backend: str, workers: int
) -> None:
    service_fault("start", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@with_one_or_two_workers
@on_both_backends
def test_a_start_that_calls_sys_exit_0_is_not_a_success(
    launcher: Launcher, service_fault: Arm, backend: str, workers: int
) -> None:
    service_fault("start", "exit", "0")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@on_both_backends
def test_a_start_that_fails_in_one_worker_of_two_leaves_no_half_strength_service(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("start", "raise", "RuntimeError", role="worker.1")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_a_worker_that_fails_once_before_it_is_ready_ends_the_start(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("start", "exit", "3", role="worker", hits=1)
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_workers_that_are_killed_in_their_start_are_given_up(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("start", "kill", role="worker")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_a_start_that_never_returns_is_ended_at_the_launchers_own_deadline(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("start", "stall")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_a_process_that_freezes_whole_in_its_start_is_ended_too(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("start", "freeze")
    launcher.start(backend=backend, workers=1).assert_clean_exit()


@on_both_backends
def test_a_launch_that_fails_ends_the_launcher(launcher: Launcher, service_fault: Arm, backend: str) -> None:
    service_fault("launcher.launch", "raise", "OSError", "EMFILE")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_a_wait_that_fails_leaves_no_worker_behind(launcher: Launcher, service_fault: Arm, backend: str) -> None:
    service_fault("launcher.wait", "raise", "RuntimeError")
    run = launcher.start(backend=backend, workers=2)
    run.assert_clean_exit()
    assert run.observation.leftovers == ()


@on_both_backends
def test_a_start_that_is_slow_is_only_slow(
    launcher: Launcher, service_fault: Arm, backend: str
) -> None:
    service_fault("start", "delay", "0.3")
    launcher.start(backend=backend, workers=2).assert_started()
