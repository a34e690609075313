"""Whose an alarm is: the kernel does not tell, and who has not run since it was not there has not armed it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from chaos.runner.proof import procfs
from chaos.runner.proof.scene import Camera
from chaos.runner.proof.values import Source, Waker
from processes import Deadline
from processes import deadline as deadline

pytestmark = pytest.mark.skipif(procfs.alarms() is None, reason="only root may read /proc/timer_list")

ALARM = "import signal; signal.alarm(1000); print(flush=True); signal.pause()"
RESTS = "import signal; print(flush=True); signal.pause()"
ARMS_WHEN_TOLD = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: (signal.alarm(1000), print(flush=True)))
print(flush=True)
while True:
    signal.pause()
"""


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        try:
            _hear(process)
            yield process
        finally:
            process.kill()


@contextmanager
def stranger(camera: Camera) -> Iterator[None]:
    """A process with an alarm, which is no part of the tree."""
    with running(ALARM) as process:
        camera.ours |= {process.pid}
        yield


def _hear(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"


def suspects(camera: Camera, deadline: Deadline) -> list[Source]:
    """The alarms that may be the tree's own, in a snapshot in which it rests."""
    while True:
        scene = camera.take()
        if scene is not None and scene.living and scene.still == scene.living:
            return [source for source in scene.sources if source.waker is Waker.ALARM]
        deadline.left_s("a snapshot in which it rests")
        time.sleep(0.002)


def a_camera() -> Camera:
    """On what the test starts from now on; what other tests of this process keep running may run at any moment."""
    return Camera(os.getpid(), frozenset(one.pid for one in psutil.Process().children(recursive=True)))


def test_an_alarm_that_came_while_the_tree_rested_is_of_others(deadline: Deadline) -> None:
    camera = a_camera()
    with running(RESTS):
        with stranger(camera):
            assert suspects(camera, deadline), "armed after the watch began: it may be anybody's"
        while suspects(camera, deadline):   # another test of this machine may have had one in that moment, too
            deadline.left_s("the end of what was armed before it rested")
            time.sleep(0.02)
        with stranger(camera):
            assert not suspects(camera, deadline)


def test_an_alarm_of_one_that_ran_meanwhile_may_be_its_own(deadline: Deadline) -> None:
    camera = a_camera()
    with running(ARMS_WHEN_TOLD) as process:
        suspects(camera, deadline)
        process.send_signal(signal.SIGUSR1)
        _hear(process)
        assert suspects(camera, deadline)
        assert suspects(camera, deadline), "however often it is looked at"
