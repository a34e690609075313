"""``chaos repro --hold`` and ``--pdb`` as a person types them: at a terminal, without one, interrupted, killed."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processes import Deadline, below, is_alive, watched

HANGS = "naive/threading/w1/process.fork@parent=raise:BlockingIOError:EAGAIN"
RAISES = "naive/threading/w1/service.start@worker#1=raise:RuntimeError"


class Typed:
    """A running ``chaos``, what it says, and what is typed."""

    def __init__(self, process: subprocess.Popen[bytes], out: int, keys: int, deadline: Deadline) -> None:
        self.process, self.out, self.keys, self.deadline = process, out, keys, deadline
        self.said = ""

    def says(self, text: str) -> str:
        """All that it has said, once ``text`` is in it."""
        while text not in self.said:
            self.deadline.readable(self.out, f"{text!r}; said: {self.said[-500:]}")
            try:
                data = os.read(self.out, 65536)
            except OSError:         # the terminal of a process that is gone
                data = b""
            if not data:
                pytest.fail(f"it ended without {text!r}: {self.said}")
            self.said += data.decode().replace("\r\n", "\n")
        return self.said

    def types(self, text: str) -> None:
        os.write(self.keys, text.encode())

    def status(self) -> int:
        return self.process.wait(self.deadline.left_s("its end"))


@contextmanager
def typing(*words: str, cwd: Path, deadline: Deadline) -> Iterator[Typed]:
    """At a terminal of 80 columns."""
    leader, follower = pty.openpty()
    os.set_inheritable(follower, True)
    command = [sys.executable, "-c", "import fcntl, struct, sys, termios, runpy; "
               "fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0)); "
               "sys.argv[0] = 'chaos'; runpy.run_module('chaos', run_name='__main__')", *words]
    with subprocess.Popen(command, cwd=cwd, stdin=follower, stdout=follower, stderr=follower,
                          start_new_session=True) as process:
        os.close(follower)
        try:
            yield Typed(process, leader, leader, deadline)
        finally:
            process.kill()
            os.close(leader)


def held(said: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"^  \S+ +pid (\d+)", said, re.MULTILINE)]


@pytest.mark.parametrize("how", ["enter", "interrupt", "time", "kill"])
def test_a_hang_is_held_until_it_is_let_go_and_then_nothing_is_left(how: str, tmp_path: Path, deadline: Deadline) -> None:
    limit = "2" if how == "time" else "300"
    with typing("repro", HANGS, "--hold", "--hold-s", limit, cwd=tmp_path, deadline=deadline) as chaos:
        said = chaos.says("py-spy dump --pid")
        assert "reproduced: hang-proven" in said
        assert max(map(len, said.splitlines())) <= 80 + len(HANGS)
        (pid,) = held(said)
        with watched([pid, *below(chaos.process.pid)]) as pidfds:
            assert is_alive(pid)
            assert f"gdb -p {pid}" in chaos.says("gdb -p")
            if how == "enter":
                chaos.types("\n")
            elif how != "time":
                chaos.process.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
            deadline.gone(pidfds, "all of it")
        assert chaos.status() == (-signal.SIGKILL if how == "kill" else 1)
        if how != "kill":
            chaos.says({"time": "its time is up; all that is left"}.get(how, "let go; all that is left"))


def test_where_nobody_can_press_enter_it_is_not_held(tmp_path: Path, deadline: Deadline) -> None:
    done = subprocess.run([sys.executable, "-m", "chaos", "repro", HANGS, "--hold"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=deadline.left_s("its end"), check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("let go; all that is left of it is ended.\n")
    assert "\x1b" not in done.stdout


def test_what_has_ended_cannot_be_held_and_that_is_said(tmp_path: Path, deadline: Deadline) -> None:
    done = subprocess.run([sys.executable, "-m", "chaos", "repro", "naive/eventlet/w1/service.start=exit:0", "--hold"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=deadline.left_s("its end"), check=False)
    assert done.returncode == 1
    assert "There is nothing to hold: the launcher ended" in done.stdout


def test_a_debugger_opens_in_the_worker_before_the_fault_for_as_long_as_it_takes(tmp_path: Path, deadline: Deadline) -> None:
    with typing("repro", RAISES, "--pdb", "--deadline", "1", cwd=tmp_path, deadline=deadline) as chaos:
        said = chaos.says("(pdb ")
        assert "worker.0: about to happen here: raise RuntimeError  start failed at service.start, hit 1" in said
        worker = int(re.findall(r"\(pdb (\d+)\)", said)[0])
        chaos.types("import time;; time.sleep(2.5);; p 'twice ' + 'the deadline'\n")
        chaos.says("'twice the deadline'")
        assert is_alive(worker)
        chaos.types("n\n")
        chaos.says("RuntimeError: start failed [chaos-")
        chaos.types("c\n")
        chaos.says("going on")
        chaos.says("recovered")
        chaos.status()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_is_interrupted_in_the_debugger(
    number: int, tmp_path: Path, deadline: Deadline,
) -> None:
    with typing("repro", RAISES, "--pdb", cwd=tmp_path, deadline=deadline) as chaos:
        said = chaos.says("(pdb ")
        worker = int(re.findall(r"\(pdb (\d+)\)", said)[0])
        with watched([worker, *below(chaos.process.pid)]) as pidfds:
            chaos.process.send_signal(number)
            deadline.gone(pidfds, "all of it")
        assert chaos.status() == (130 if number == signal.SIGINT else -signal.SIGKILL)


def test_where_nobody_can_type_the_debugger_goes_on_by_itself(tmp_path: Path, deadline: Deadline) -> None:
    done = subprocess.run([sys.executable, "-m", "chaos", "repro", RAISES, "--pdb"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=deadline.left_s("its end"), check=False)
    assert "going on" in done.stdout
    assert "\nPASS recovered" in done.stdout


def test_commands_can_come_from_a_file(tmp_path: Path, deadline: Deadline) -> None:
    (tmp_path / "commands").write_text("p 6 * 7\nc\n")
    with (tmp_path / "commands").open("rb") as commands:
        done = subprocess.run([sys.executable, "-m", "chaos", "repro", RAISES, "--pdb"], cwd=tmp_path, stdin=commands,
                              capture_output=True, text=True, timeout=deadline.left_s("its end"), check=False)
    assert "42" in done.stdout
