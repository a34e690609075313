"""Threads, greenthreads, executors, timers and processes that cannot be had: no scheduler runs on without them."""

import pytest

from chaos.fixtures import Arm, Launcher

on_both_backends = pytest.mark.parametrize("backend", ["eventlet", "threading"])
with_one_or_two_workers = pytest.mark.parametrize("workers", [1, 2])
wherever_it_forks = pytest.mark.parametrize(
    ("backend", "workers"), [("eventlet", 2), ("threading", 1), ("threading", 2)]
)


@with_one_or_two_workers
@on_both_backends
def test_a_scheduler_that_gets_no_thread_at_all_ends(
    launcher: Launcher, thread_fault: Arm, backend: str, workers: int
) -> None:
    thread_fault("spawn", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@on_both_backends
def test_a_thread_that_is_refused_once_leaves_nothing_in_between(
    launcher: Launcher, thread_fault: Arm, backend: str
) -> None:
    thread_fault("spawn", "raise", "RuntimeError", role="worker", hits=1)
    launcher.start(backend=backend, workers=2).assert_passes()


@on_both_backends
def test_a_thread_that_dies_at_its_first_instruction_is_noticed(
    launcher: Launcher, thread_fault: Arm, backend: str
) -> None:
    thread_fault("body", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=1).assert_passes()


@with_one_or_two_workers
def test_a_scheduler_that_gets_no_greenthread_ends(launcher: Launcher, thread_fault: Arm, workers: int) -> None:
    thread_fault("greenthread.spawn", "raise", "MemoryError")
    launcher.start(backend="eventlet", workers=workers).assert_clean_exit()


@on_both_backends
def test_a_periodic_task_that_cannot_be_scheduled_ends_the_start(
    launcher: Launcher, thread_fault: Arm, backend: str
) -> None:
    thread_fault("timer.add", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=1).assert_clean_exit()


@on_both_backends
def test_an_executor_that_takes_no_work_never_looks_ready(
    launcher: Launcher, thread_fault: Arm, backend: str
) -> None:
    thread_fault("executor.submit", "raise", "RuntimeError", role="worker")
    run = launcher.start(backend=backend, workers=2)
    run.assert_clean_exit()
    assert run.observation.ready_s is None


@wherever_it_forks
def test_a_launcher_that_cannot_fork_ends(
    launcher: Launcher, thread_fault: Arm, backend: str, workers: int
) -> None:
    thread_fault("process.fork", "raise", "BlockingIOError", "EAGAIN")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@on_both_backends
def test_a_second_worker_that_cannot_be_forked_leaves_no_half_strength_service(
    launcher: Launcher, thread_fault: Arm, backend: str
) -> None:
    thread_fault("process.fork", "raise", "BlockingIOError", "EAGAIN", hits="2")
    launcher.start(backend=backend, workers=2).assert_passes()


@wherever_it_forks
def test_workers_that_fail_at_their_first_instruction_are_given_up(
    launcher: Launcher, thread_fault: Arm, backend: str, workers: int
) -> None:
    thread_fault("process.body", "raise", "RuntimeError")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@on_both_backends
def test_a_worker_that_is_killed_at_birth_leaves_nothing_in_between(
    launcher: Launcher, thread_fault: Arm, backend: str
) -> None:
    thread_fault("process.body", "kill", hits=1)
    launcher.start(backend=backend, workers=2).assert_passes()
