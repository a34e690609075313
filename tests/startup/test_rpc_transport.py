"""The way to the RPC transport: who cannot listen neither pretends to, nor waits for ever, nor is silent."""

import pytest

from chaos.fixtures import Arm, Launcher

on_both_backends = pytest.mark.parametrize("backend", ["eventlet", "threading"])
with_one_or_two_workers = pytest.mark.parametrize("workers", [1, 2])


@with_one_or_two_workers
@on_both_backends
def test_a_refused_broker_ends_the_scheduler(
    launcher: Launcher, rpc_fault: Arm, backend: str, workers: int
) -> None:
    rpc_fault("connect", "refuse")
    launcher.start(backend=backend, workers=workers).assert_clean_exit()


@on_both_backends
def test_a_broker_that_refuses_once_leaves_nothing_in_between(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("connect", "refuse", hits=1)
    run = launcher.start(backend=backend, workers=2)
    run.assert_passes()
    assert run.outcome in ("recovered", "clean-exit")


@on_both_backends
def test_a_broker_that_accepts_and_never_answers_is_not_waited_for_for_ever(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("connect", "blackhole")
    launcher.start(backend=backend, workers=1).assert_clean_exit()


@on_both_backends
def test_a_slow_broker_is_only_slow(launcher: Launcher, rpc_fault: Arm, backend: str) -> None:
    rpc_fault("connect", "latency", "0.3", hits=1)
    launcher.start(backend=backend, workers=2).assert_started()


@on_both_backends
def test_a_transport_url_that_cannot_be_parsed_is_named_as_the_cause(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("transport.url", "raise", "oslo_messaging.transport.InvalidTransportURL")
    launcher.start(backend=backend, workers=1).assert_clean_exit()


@on_both_backends
def test_a_transport_driver_that_cannot_be_loaded_is_named_as_the_cause(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("transport.create", "raise", "oslo_messaging.transport.DriverLoadFailure")
    launcher.start(backend=backend, workers=2).assert_clean_exit()


@on_both_backends
def test_an_rpc_server_without_an_executor_does_not_hide_the_cause(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("server.create", "raise", "oslo_messaging.server.ExecutorLoadFailure")
    launcher.start(backend=backend, workers=1).assert_clean_exit()


@on_both_backends
def test_queues_that_cannot_be_declared_never_look_ready(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("listen", "raise", "oslo_messaging.exceptions.MessageDeliveryFailure")
    run = launcher.start(backend=backend, workers=2)
    run.assert_clean_exit()
    assert run.observation.ready_s is None


@on_both_backends
def test_an_rpc_server_that_fails_in_one_worker_of_two_ends_both(
    launcher: Launcher, rpc_fault: Arm, backend: str
) -> None:
    rpc_fault("server.start", "raise", "RuntimeError", role="worker.1")
    launcher.start(backend=backend, workers=2).assert_clean_exit()
