"""A process that is asked where it stands answers, in every Python, and is not disturbed by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.runner.folder import FILES
from chaos.runner.proof.answers import Answer, hub_of, parse
from chaos.runner.proof.prover import STATE_SIGNAL
from other_pythons import PYTHONS as OTHERS
from processes import Deadline
from processes import deadline as deadline
from runner.proof.gallery import PRELUDE
from runner.proof.watching import INSIDE

PYTHONS = {"this": sys.executable} | {f"py{version}": path for version, path in OTHERS.items()}


class Asked:
    """A process with the agent in it, and what it answers."""

    def __init__(self, folder: Path, deadline: Deadline, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.deadline, self.process = folder, deadline, process

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        while not is_so():
            assert self.process.poll() is None, f"it ended with {self.process.returncode} before {what}"
            self.deadline.left_s(what)
            time.sleep(0.002)

    def ask(self) -> Answer:
        file = self.folder / f"state.{self.process.pid}"
        file.unlink(missing_ok=True)
        os.kill(self.process.pid, STATE_SIGNAL)
        self.until(file.exists, "its answer")
        answer = parse(self.process.pid, file.read_text())
        assert answer is not None
        return answer


@contextmanager
def running(script: str, folder: Path, deadline: Deadline, python: str = sys.executable) -> Iterator[Asked]:
    for name in FILES:
        (folder / name).touch()
    (folder / "plan").write_text("")
    (folder / "script.py").write_text(PRELUDE + script)
    env = dict(os.environ, PYTHONPATH=str(INSIDE), CHAOS_AGENT=str(folder), CHAOS_ROLE="parent", LAB_T="0.5",
               PYTHONWARNINGS="ignore")
    with subprocess.Popen([python, "script.py"], cwd=folder, env=env) as process:
        asked = Asked(folder, deadline, process)
        try:
            asked.until((folder / "mark").exists, "its mark")
            yield asked
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("python", PYTHONS.values(), ids=list(PYTHONS))
def test_every_python_tells_its_alarm_its_stacks_and_its_own_counters(tmp_path: Path, deadline: Deadline,
                                                                      python: str) -> None:
    script = "signal.setitimer(signal.ITIMER_REAL, 1000)\ndef stuck():\n    mark(); for_ever()\nstuck()\n"
    with running(script, tmp_path, deadline, python) as process:
        answer = process.ask()
        while answer.stacks[answer.main][0].endswith(" mark"):      # its mark is there, and it is not out of that call yet
            deadline.left_s("the end of mark()")
            answer = process.ask()
    functions = [line.rpartition(" ")[2] for line in answer.stacks[answer.main]]
    assert functions == ["for_ever", "stuck", "<module>"]
    assert answer.alarm_s is not None and 900 < answer.alarm_s <= 1000
    assert answer.switches > 0 and not answer.hubs


def test_a_hub_tells_its_timers_and_what_they_resume(tmp_path: Path, deadline: Deadline) -> None:
    script = """
import eventlet; eventlet.monkey_patch()
def later():
    eventlet.sleep(500)
eventlet.spawn(later); eventlet.Timeout(300).cancel(); eventlet.sleep(0); from eventlet import event
mark(); event.Event().wait()
"""
    with running(script, tmp_path, deadline) as process:
        answer = process.ask()
        while hub_of(answer, answer.main) is None:
            time.sleep(0.05)        # a signal that comes while the one before is handled may be noticed late
            answer = process.ask()
    hub = hub_of(answer, answer.main)
    assert hub is not None and hub.vacuous
    assert len(hub.timers) == 1 and any(frame.endswith(" later") for frame in hub.timers[0].stack)
    assert 400 < hub.timers[0].at_s - answer.entered_s <= 500


GOES_ON = {
    "asyncio": "import asyncio\nmark(); asyncio.run(asyncio.sleep(T))\n",
    "sleep": "mark(); time.sleep(T)\n",
    "select": "mark(); select.select([], [], [], T)\n",
    "poll": "mark(); select.poll().poll(T * 1000)\n",
    "lock": "lock = threading.Lock(); lock.acquire(); mark(); lock.acquire(timeout=T)\n",
    "wakeup fd": """
one, other = socket.socketpair(); other.setblocking(False); signal.set_wakeup_fd(other.fileno()); mark()
until = time.monotonic() + T
while time.monotonic() < until:
    if select.select([one], [], [], until - time.monotonic())[0]:
        assert set(one.recv(100)) == {60}
""",
    "child": "pid = fork(lambda: time.sleep(T)); mark(); assert os.waitpid(pid, 0) == (pid, 0)\n",
    "command": "mark(); assert subprocess.run(['sleep', str(T)]).returncode == 0\n",
    "eventlet": "import eventlet; eventlet.monkey_patch()\nmark(); eventlet.sleep(T)\n",
}


@pytest.mark.parametrize("script", GOES_ON.values(), ids=list(GOES_ON))
def test_what_is_asked_again_and_again_waits_as_long_as_it_would_and_goes_on(tmp_path: Path, deadline: Deadline,
                                                                             script: str) -> None:
    timed = f"{script}\nassert time.monotonic() - float(open('mark').read()) >= T - 0.02\nready()\n"
    with running(timed, tmp_path, deadline) as process:
        while process.process.poll() is None:
            if process.deadline.left_s("its end"):
                os.kill(process.process.pid, STATE_SIGNAL)
                time.sleep(0.01)
        assert process.process.returncode == 0
        assert (tmp_path / "ready").exists()
