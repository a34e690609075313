"""A debugger before a fault: over a socket beside the run's folder, in every Python."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator

import pytest

from chaos.arming import DEBUG
from chaos.model import Hits
from chaos.runner.folder import FILES
from inside.interpreters import SITE, TOKEN, Lab, Started, a_fault
from inside.test_footprint import EVERY_PYTHON

PROMPT = re.compile(rb"\(pdb \d+\) $")
TELLS = """
import spot, sys
def work():
    secret = 41 + 1
    spot.tell()
    spot.say("after")
work()
spot.say("pdb is here" if "pdb" in sys.modules else "no pdb")
"""


class Desk:
    """Whoever sits in front of the debugger of a run whose folder is in the lab's."""

    def __init__(self, lab: Lab, listening: socket.socket) -> None:
        self.lab = lab
        self.run = lab.folder / "run"
        self.run.mkdir()
        for name in FILES:
            (self.run / name).touch()
        (self.run / "events").symlink_to(lab.folder / "events")
        self.listening = listening
        listening.bind(str(lab.folder / "debug"))
        listening.listen(8)

    def start(self, script: str = TELLS, *, python: str = sys.executable, plan: str = DEBUG) -> Started:
        (self.run / "plan").write_text((self.lab.folder / "plan").read_text() + plan)
        return self.lab.start(script, python=python, env=self.lab.environment() | {"CHAOS_AGENT": str(self.run)})

    def answers(self, *typed: str) -> str:
        """What is shown, each word typed at the next prompt; until the debugger leaves."""
        deadline = self.lab.deadline
        deadline.readable(self.listening.fileno(), "a debugger")
        channel, _ = self.listening.accept()
        with channel:
            shown = b""
            for word in typed:
                shown += deadline.read_until(channel.fileno(), lambda read: PROMPT.search(read) is not None, "a prompt")
                channel.sendall(word.encode() + b"\n")
            channel.shutdown(socket.SHUT_WR)
            return (shown + deadline.read_until(channel.fileno(), lambda read: False, "its end")).decode()


@pytest.fixture
def desk(lab: Lab) -> Iterator[Desk]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        yield Desk(lab, listening)


@EVERY_PYTHON
def test_it_stops_in_the_target_s_frame_before_the_fault_and_goes_on_to_it(lab: Lab, desk: Desk, python: str) -> None:
    lab.arm(a_fault("raise", "ValueError", hits=Hits(1, 1)))
    started = desk.start(python=python)
    shown = desk.answers("u", "p secret", "c")
    assert f"about to happen here: raise ValueError  injected at {SITE}, hit 1" in shown
    assert "42" in shown
    assert f"[{TOKEN}]" not in shown
    lines = started.all_lines()
    assert lines[0].startswith("raised ValueError|None|injected [" + TOKEN)
    assert lines[1] == "after"
    kinds = [said.kind for said in lab.records() if said.kind in ("debug", "fired")]
    assert kinds == ["debug", "debug", "fired"]


@EVERY_PYTHON
def test_it_can_be_stepped_into_the_fault_and_out_of_it(lab: Lab, desk: Desk, python: str) -> None:
    lab.arm(a_fault("raise", "ValueError", hits=Hits(1, 1)))
    started = desk.start(python=python)
    shown = desk.answers("n", "n", "n", "c")
    assert "ValueError: injected [" + TOKEN in shown
    assert "_chaos_" not in shown
    assert started.all_lines()[-1] == "pdb is here"
    assert [said.fields[0] for said in lab.records("debug")] == ["begin", "end"]


@pytest.mark.parametrize("typed", [[], ["q"], ["c"], ["this is no python", "c"]])
def test_whoever_leaves_lets_the_fault_happen(lab: Lab, desk: Desk, typed: list[str]) -> None:
    lab.arm(a_fault("return", "7", hits=Hits(1, 1)))
    started = desk.start()
    desk.answers(*typed)
    assert started.all_lines()[:2] == ["returned 7", "after"]


def test_a_breakpoint_is_reached_and_the_next_hit_stops_again(lab: Lab, desk: Desk) -> None:
    lab.arm(a_fault("raise", "ValueError"))
    script = "import spot\nspot.tell()\nspot.tell()\nx = 5\nspot.say('end')\n"
    started = desk.start(script)
    shown = desk.answers("b spot.say", "c", "c", "p 6 * 7", "cl 1", "c")
    assert "42" in shown and "Breakpoint 1" in shown
    assert started.all_lines()[-1] == "end"


def test_a_process_that_waits_for_its_turn_stops_after_the_other(lab: Lab, desk: Desk) -> None:
    lab.arm(a_fault("raise", "ValueError"))
    started = desk.start("import os, spot\nos.fork()\nspot.tell()\n")
    pids = {re.findall(r"^pid (\d+)", desk.answers("c"), re.MULTILINE)[0] for _ in range(2)}
    assert len(pids) == 2
    assert len(started.all_lines()) == 2


def test_where_nobody_listens_the_fault_happens_at_once(lab: Lab, desk: Desk) -> None:
    lab.arm(a_fault("return", "7", hits=Hits(1, 1)))
    desk.listening.close()
    assert desk.start().all_lines()[:1] == ["returned 7"]


def test_where_no_debugger_is_asked_for_none_is_imported(lab: Lab, desk: Desk) -> None:
    lab.arm(a_fault("return", "7", hits=Hits(1, 1)))
    assert desk.start(plan="").all_lines() == ["returned 7", "after", "no pdb"]
