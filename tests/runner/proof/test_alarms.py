"""Whose an alarm is: the kernel does not tell, and who has not run since it was not there has not armed it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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


def _hear(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"


class Watched:
    """The tree below ``above`` alone; other children of this process are strangers."""

    def __init__(self, above: subprocess.Popen[bytes], deadline: Deadline) -> None:
        self.above = above
        self.camera = Camera(above.pid, frozenset())
        self.deadline = deadline

    def suspects(self) -> list[Source]:
        """The alarms that may be its own, in a snapshot in which it rests."""
        while True:
            scene = self.camera.take()
            if scene is not None and scene.living and scene.still == scene.living:
                return [source for source in scene.sources if source.waker is Waker.ALARM]
            self.deadline.left_s("a snapshot in which it rests")
            time.sleep(0.002)


@contextmanager
def a_tree(script: str, deadline: Deadline) -> Iterator[tuple[Watched, int]]:
    """A parent that only waits for its child, which runs ``script``; with the pid of the child."""
    parent = ("import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]]);"
              "sys.stderr.write(f'{child.pid}\\n'); sys.stderr.flush(); child.wait()")
    with subprocess.Popen([sys.executable, "-c", parent, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as above:
        assert above.stderr is not None
        child = int(above.stderr.readline())
        try:
            _hear(above)
            yield Watched(above, deadline), child
        finally:
            with ExitStack() as both:
                both.callback(above.kill)
                both.callback(os.kill, child, signal.SIGKILL)


def test_an_alarm_that_came_while_the_tree_rested_is_of_others(deadline: Deadline) -> None:
    with a_tree(RESTS, deadline) as (watched, _):
        with running(ALARM):
            assert watched.suspects(), "armed after the watch began: it may be anybody's"
        while watched.suspects():       # another test of this machine may have had one in that moment, too
            deadline.left_s("the end of what was armed before it rested")
            time.sleep(0.02)
        with running(ALARM):
            assert not watched.suspects()


def test_an_alarm_of_one_that_ran_meanwhile_may_be_its_own(deadline: Deadline) -> None:
    with a_tree(ARMS_WHEN_TOLD, deadline) as (watched, child):
        watched.suspects()
        os.kill(child, signal.SIGUSR1)
        _hear(watched.above)
        assert watched.suspects()
        assert watched.suspects(), "however often it is looked at"
