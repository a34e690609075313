"""Fixtures of the agent's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inside.interpreters import Lab
from processes import Deadline
from processes import deadline as deadline


@pytest.fixture
def lab(deadline: Deadline) -> Iterator[Lab]:
    """An armed folder and interpreters that are ended with the test. Not tmp_path: a FIFO there would outlive the test."""
    with tempfile.TemporaryDirectory(prefix="chaos-lab-") as folder, Lab(Path(folder), deadline) as open_lab:
        yield open_lab
