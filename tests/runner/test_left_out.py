"""A process that the kernel's lists of children leave out for a moment lives on, and is no part of a proof without it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from chaos.runner import tree
from chaos.runner.proof import procfs
from chaos.runner.proof.scene import Camera
from chaos.runner.supervise import Run


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_who_is_left_out_is_seen_nevertheless_until_he_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    known = tree.look(sleeper.pid)
    run = SimpleNamespace(facts=SimpleNamespace(alive=(known,)), launch=SimpleNamespace(beside=frozenset()))
    assert [one.pid for one in Run._all_of(run, [])] == [sleeper.pid]
    assert [one.pid for one in Run._all_of(run, [known])] == [sleeper.pid]
    run.launch.beside = frozenset({sleeper.pid})
    assert Run._all_of(run, []) == [], "a tracer is not of the tree"
    run.launch.beside = frozenset()
    sleeper.kill()
    sleeper.wait()
    assert Run._all_of(run, []) == []


def test_a_snapshot_without_somebody_who_lives_is_none(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch,
) -> None:
    camera = Camera(os.getpid(), frozenset())
    camera.glance([sleeper.pid])
    assert camera.take() is not None
    monkeypatch.setattr(procfs, "tree", lambda above, ours, *, first: {})
    assert camera.take() is None
