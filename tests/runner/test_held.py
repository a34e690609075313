"""A tree that is kept after it was watched, and one in which somebody stands in a debugger."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.model import Exited, Expectation, StillRunning
from chaos.prepare import debugged
from chaos.runner.debugged import Debugged
from chaos.runner.pool import Pool
from processes import Deadline, below, is_alive, watched
from runner.starting import SHORT, Stage

HANGS = "if os.fork() == 0:\n    note()\nnow_and_then()\n"


def test_what_still_runs_is_kept_until_the_pool_is_left(stage: Stage) -> None:
    with Pool() as pool:
        seen = pool.run_one(dataclasses.replace(stage.request(HANGS, expected=Expectation()), hold_s=300.0))
        assert isinstance(seen.ending, StillRunning)
        there = [process.pid for process in seen.processes if process.gone_s is None]
        assert len(there) == 2 and all(map(is_alive, there))
        assert pool.holds
    stage.nothing_noted_is_alive()


def test_it_is_kept_no_longer_than_asked_for(stage: Stage, deadline: Deadline) -> None:
    with Pool() as pool:
        pool.run_one(dataclasses.replace(stage.request(HANGS, expected=Expectation()), hold_s=0.3))
        while pool.holds:
            deadline.readable(pool.hears(), "the end of the time")
            pool.listen()
        stage.nothing_noted_is_alive()


def test_a_launcher_that_ends_while_it_is_held_is_not_waited_for(stage: Stage, deadline: Deadline) -> None:
    with Pool() as pool:
        seen = pool.run_one(dataclasses.replace(stage.request("now_and_then()", expected=Expectation()), hold_s=300.0))
        os.kill(seen.processes[0].pid, signal.SIGKILL)
        while pool.holds:
            deadline.readable(pool.hears(), "the launcher's end")
            pool.listen()


def test_what_has_ended_is_not_held(stage: Stage) -> None:
    with Pool() as pool:
        seen = pool.run_one(dataclasses.replace(stage.request("sys.exit(3)"), hold_s=300.0))
        assert seen.ending == Exited(3)
        assert not pool.holds


HOLDER = """
import dataclasses, json, sys
from chaos.codec import from_data
from chaos.runner.pool import Pool
from chaos.runner.request import Request
with Pool() as pool:
    pool.run_one(from_data(Request, json.loads(sys.argv[1])))
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_who_holds_is_killed_and_so_is_what_is_held(stage: Stage, deadline: Deadline, number: int) -> None:
    import json

    from chaos.codec import to_data

    request = json.dumps(to_data(dataclasses.replace(stage.request(HANGS, expected=Expectation()), hold_s=300.0)))
    with subprocess.Popen([sys.executable, "-c", HOLDER, request], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        deadline.read_until(holder.stdout.fileno(), lambda read: b"held" in read, "held")
        with watched(below(holder.pid)) as pidfds:
            assert len(pidfds) >= 4     # host, supervisor, and the two
            holder.send_signal(number)
            deadline.gone(pidfds, "all that it had started")


def test_time_in_a_debugger_does_not_bring_the_deadline_nearer(stage: Stage, tmp_path: Path) -> None:
    """The agent's part is played by the launcher: it says that a debugger begins, and ends, twice the deadline later."""
    script = """
    def say(what):
        with open(os.environ["CHAOS_AGENT"] + "/events", "a") as events:
            events.write("debug\\t%f\\t%d\\tparent\\t%s\\n" % (time.monotonic(), os.getpid(), what))
    say("begin")
    time.sleep(1.2)
    say("end")
    sys.exit(7)
    """
    with Pool() as pool:
        assert pool.run_one(debugged(stage.request(script, limits=SHORT), 300.0)).ending == Exited(7)
        for_long = stage.request(script.replace("1.2", "100"), limits=SHORT, expected=Expectation())
        bounded = pool.run_one(debugged(for_long, 0.2))
    assert isinstance(bounded.ending, StillRunning)


@pytest.mark.parametrize(("said", "spent_s"), [
    ([(1, "begin", 1.0), (1, "end", 3.0)], 2.0),
    ([(1, "begin", 1.0), (2, "begin", 2.0), (1, "end", 3.0), (2, "end", 6.0)], 5.0),
    ([(1, "begin", 1.0), (1, "end", 2.0), (1, "begin", 4.0), (1, "end", 4.5)], 1.5),
    ([(1, "end", 3.0)], 0.0),
])
def test_time_is_counted_once_for_all_who_stand_there(said: list[tuple[int, str, float]], spent_s: float) -> None:
    debugged = Debugged(100.0)
    for pid, what, now_s in said:
        debugged.note(pid, what, now_s)
    assert not debugged.is_on(9.0, set().__contains__)
    assert debugged.spent_s == spent_s


def test_who_is_gone_is_in_no_debugger() -> None:
    debugged = Debugged(100.0)
    debugged.note(1, "begin", 1.0)
    assert debugged.is_on(2.0, {2}.__contains__)
    assert not debugged.is_on(3.0, {1}.__contains__)
    assert debugged.spent_s == 2.0


