"""``chaos init``: an entry that works, and nothing that is written over."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cli.typing_chaos import Chaos

LAUNCHER = """#!/bin/sh
echo ready to serve
exec sleep 1000
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Where ``chaos`` is typed."""
    path = tmp_path / "run.sh"
    path.write_text(LAUNCHER)
    path.chmod(0o755)
    return tmp_path


def test_init_writes_an_entry_tries_it_and_never_writes_over_one(project: Path, chaos: Chaos) -> None:
    answer = chaos("init", "./run.sh", "--ready", "log: ready to serve", "--deadline", "30", "--site", "shop.db:Pool.get")
    assert answer.status == 0
    assert "run/-/w1/none: nothing is broken" in answer.out
    text = (project / "chaos.toml").read_text()
    assert "docs/targets.md" in text
    assert tomllib.loads(text)["targets"]["run"] == {
        "command": "./run.sh", "args": [], "ready": ["log: ready to serve"], "deadline_s": 30.0,
        "extra_sites": ["shop.db:Pool.get"]}
    answer = chaos("init", "./run.sh")
    assert answer.status == 64
    assert "is an entry already" in answer.err
    (project / "other.sh").write_text(LAUNCHER)
    (project / "other.sh").chmod(0o755)
    answer = chaos("init", "./other.sh", "--name", "run")
    assert answer.status == 64
    assert "not written over" in answer.err
    assert (project / "chaos.toml").read_text() == text


def test_a_port_that_was_typed_as_one_of_each_run_stays_one(project: Path, chaos: Chaos) -> None:
    answer = chaos("init", "python3", "--", "-m", "http.server", "--bind", "127.0.0.1", "{port}")
    assert answer.status == 0, answer.all
    entry = tomllib.loads((project / "chaos.toml").read_text())["targets"]["python3"]
    assert entry == {"command": "python3", "args": ["-m", "http.server", "--bind", "127.0.0.1", "{port}"],
                     "ready": ["tcp: 127.0.0.1:{port}"]}


def test_init_of_what_does_not_start_writes_nothing(project: Path, chaos: Chaos) -> None:
    (project / "run.sh").write_text("#!/bin/sh\nexit 3\n")
    assert chaos("init", "./run.sh").status == 69
    assert not (project / "chaos.toml").exists()


def test_a_file_that_is_not_toml_is_left_alone(project: Path, chaos: Chaos) -> None:
    (project / "chaos.toml").write_text("[targets\n")
    assert chaos("init", "./run.sh").status == 64
    assert (project / "chaos.toml").read_text() == "[targets\n"
