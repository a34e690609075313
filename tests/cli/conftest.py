"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.typing_chaos import Chaos
from processes import Deadline
from processes import deadline as deadline


@pytest.fixture
def chaos(tmp_path: Path, deadline: Deadline) -> Chaos:
    """The command, typed in an empty folder."""
    return Chaos(tmp_path, deadline)
