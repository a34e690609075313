"""Fixtures of the wire's tests. What needs RabbitMQ is skipped by name where it is missing; CHAOS_REQUIRE_RABBIT=1 makes
that a failure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaos.network.broker import Broker
from chaos.network.client import Caller, open_caller
from chaos.network.wire import Wire, open_wire
from network.echo import Echo
from processes import deadline as deadline


@pytest.fixture(scope="session")
def rabbit(rabbit_broker: Broker) -> Iterator[Broker]:
    """One private broker for all tests of this session, the launchers' own."""
    yield rabbit_broker
    assert not _said(rabbit_broker.folder), "the process of the broker has met no error that nobody was told"


def _said(folder: str) -> str:
    """What a companion has written to its standard error."""
    return Path(folder, "said").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Vhost:
    name: str
    url: str
    broker: Broker


@pytest.fixture
def vhost(rabbit: Broker) -> Iterator[Vhost]:
    """A virtual host of the test's own, on a broker that is healed afterwards."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    with rabbit.vhost(name) as url:
        yield Vhost(name, url, rabbit)


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    with open_wire() as wire:
        yield wire
        assert not _said(wire.folder), "the process of the ports has met no error that nobody was told"


@pytest.fixture(scope="session")
def caller() -> Iterator[Caller]:
    """The caller's process says what oslo.messaging logs; that is nobody's error."""
    with open_caller() as caller:
        yield caller


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server that gives back what it gets."""
    with Echo() as echo:
        yield echo
