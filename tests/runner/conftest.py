"""Fixtures of the runner's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import Deadline
from processes import deadline as deadline
from runner.starting import Stage


@pytest.fixture
def stage(deadline: Deadline) -> Iterator[Stage]:
    """A place for scripts that act as launchers, and pools to run them. What they noted must be dead in the end."""
    with tempfile.TemporaryDirectory(prefix="chaos-stage-") as folder:
        stage = Stage(Path(folder), deadline)
        yield stage
        stage.nothing_noted_is_alive()
