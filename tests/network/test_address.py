"""A service is called where it listens: at its own exchange, as every project has one, and not at the sample's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos.network.broker import Broker
from processes import Deadline

ENTRY = """\
[targets.elsewhere]
command = "chaos.sample.launcher:main"
args = ["--config-file", "{config}", "--backend", "threading", "--workers", "2"]
workers = [2]
transport_url = "fake:/"
config = '''
[DEFAULT]
transport_url = {transport_url}
control_exchange = elsewhere
'''
"""


@pytest.fixture
def broker(rabbit_broker: Broker, deadline: Deadline) -> Broker:
    return rabbit_broker


def test_a_service_with_an_exchange_of_its_own_is_seen_to_serve(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "chaos.toml").write_text(ENTRY)
    asked = subprocess.run([sys.executable, "-m", "chaos", "check", "elsewhere", "--transport", "rabbit"],
                           cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "nothing is broken" in asked.stdout, asked.stdout + asked.stderr
    assert asked.returncode == 0
