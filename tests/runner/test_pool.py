"""Hosts and the pool of them: who is gone ends nothing but its own, and whoever owns the pool takes all of it along."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.model import Exited, Observation
from chaos.runner import pool as pools
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from processes import Deadline, below, is_alive, watched
from runner.starting import LONG, Stage


def _facts(seen: Observation) -> tuple[object, ...]:
    """What does not depend on time."""
    roles = sorted(process.role for process in seen.processes)
    return (seen.ending, seen.stopped_watching, seen.output, seen.harness, len(seen.leftovers), roles,
            [(hit.site, hit.role, hit.number) for hit in seen.hits])


def _some(stage: Stage) -> list[Request]:
    ends = ["sys.exit(0)", "sys.exit(3)", "raise RuntimeError('no')", "os.kill(os.getpid(), 9)"]
    fork = "if os.fork() == 0:\n    os._exit(0)\nos.wait()\n"
    return [stage.request(fork * number + end, limits=LONG) for number in (0, 1) for end in ends]


def test_two_jobs_give_the_same_facts_as_one(stage: Stage) -> None:
    requests = _some(stage)
    facts = []
    for jobs in (1, 2):
        with Pool(jobs) as pool:
            done = {request.case_id: seen for request, seen in pool.run(requests) if seen is not None}
        facts.append({case_id: _facts(seen) for case_id, seen in done.items()})
    assert facts[0] == facts[1]
    assert len(facts[0]) == len(requests)


def test_one_supervisor_runs_case_after_case_and_nothing_stays_with_it(stage: Stage) -> None:
    def looked_at() -> tuple[list[int], set[str]]:
        assert pool.host is not None
        found = below(pool.host.process.pid)
        return found, {os.readlink(f"/proc/{found[0]}/fd/{name}") for name in os.listdir(f"/proc/{found[0]}/fd")}

    requests = [stage.request(f"{how}\nsys.exit({number})", limits=LONG)
                for number, how in enumerate(["pass", "os.fork()", "os.setsid", "os.pipe()", "os.umask(0)"])]
    with Pool() as pool:
        first = pool.run_one(requests[0])
        before = looked_at()
        seen = [pool.run_one(request) for request in requests]
        assert looked_at() == before
    assert first.ending == Exited(0)
    assert [one.ending for one in seen] == [Exited(number) for number in range(len(requests))]


def test_every_request_is_told_once_as_started_and_once_as_finished(stage: Stage) -> None:
    requests = _some(stage)
    with Pool(2) as pool:
        told = [(request.case_id, seen is None) for request, seen in pool.run(requests)]
    assert sorted(told) == sorted((one.case_id, started) for one in requests for started in (True, False))
    for one in requests:
        assert told.index((one.case_id, True)) < told.index((one.case_id, False))


def test_a_slow_case_does_not_hold_up_the_others(stage: Stage) -> None:
    gate = stage.folder / "gate"
    os.mkfifo(gate)
    slow = stage.request(f"open({str(gate)!r}).read()", limits=LONG)
    quick = [stage.request("sys.exit(3)", limits=LONG) for _ in range(4)]
    with Pool(2) as pool:
        finished = []
        for request, seen in pool.run([slow, *quick]):
            finished += [request.case_id] if seen is not None else []
            if len(finished) == 4 and seen is not None:
                gate.write_text("")     # opens once the slow one reads: it still waits
    assert finished[-1] == slow.case_id


def test_one_that_must_be_alone_has_nothing_beside_it(stage: Stage) -> None:
    requests = _some(stage)
    alone = dataclasses.replace(requests[3], alone=True)
    running, beside = set[str](), []
    with Pool(2) as pool:
        for request, _ in pool.run([*requests[:3], alone, *requests[4:]]):
            running ^= {request.case_id}
            if alone.case_id in running:
                beside.append(len(running))
    assert beside == [1]


def test_a_pool_that_is_left_in_the_middle_ends_what_runs(stage: Stage, deadline: Deadline) -> None:
    with Pool() as pool:
        next(pool.run([stage.request("for_ever()", limits=LONG)]))
        pids = _whole_tree(pool, deadline)
        folder = pool.folder
        stack = contextlib.ExitStack()
        pidfds = stack.enter_context(watched(pids))
    with stack:
        deadline.gone(pidfds, "everything that the pool had started")
    assert not os.path.exists(folder)


def test_a_host_that_was_killed_while_idle_is_replaced(stage: Stage) -> None:
    with Pool() as pool:
        assert pool.run_one(stage.request("sys.exit(3)", limits=LONG)).ending == Exited(3)
        assert pool.host is not None
        pool.host.process.kill()
        pool.host.process.wait()
        assert pool.run_one(stage.request("sys.exit(4)", limits=LONG)).ending == Exited(4)


def test_a_request_for_a_supervisor_that_is_gone_is_run_by_another(stage: Stage, deadline: Deadline) -> None:
    """The host hears of the request before it hears of that end."""
    with Pool() as pool:
        assert pool.run_one(stage.request("sys.exit(3)", limits=LONG)).ending == Exited(3)
        assert pool.host is not None
        host = pool.host.process.pid
        (supervisor,) = below(host)
        os.kill(host, signal.SIGSTOP)
        while Path(f"/proc/{host}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            deadline.left_s("a host that stands still")
        running = pool.run([stage.request("sys.exit(4)", limits=LONG)])
        next(running)
        os.kill(supervisor, signal.SIGKILL)
        while is_alive(supervisor):
            deadline.left_s("the supervisor's end")
        os.kill(host, signal.SIGCONT)
        assert [(seen.ending, seen.harness) for _, seen in running if seen is not None] == [(Exited(4), "")]


SAYS_MUCH_FIRST = """
import json, sys
for number in range(1, 4):
    print("nobody\\tbusy\\n" * 40_000, flush=True, end="")
    folder = json.loads(sys.stdin.readline())["folder"]
    print(folder + '\\t{"harness": "number %d"}' % number, flush=True)
sys.stdin.read()
"""


@pytest.mark.timeout(40)
def test_a_host_that_says_much_before_it_reads_is_heard_meanwhile(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pipe has room for 64 KiB: a host that cannot write more does not read, and so neither can its caller."""
    monkeypatch.setattr(pools, "HOST", SAYS_MUCH_FIRST)
    requests = [dataclasses.replace(one, config="#" * 200_000) for one in _some(stage)[:3]]
    with Pool(3) as pool:
        seen = [one for _, one in pool.run(requests) if one is not None]
        assert pool.host is not None
        process = pool.host.process
    assert [one.harness for one in seen] == ["number 1", "number 2", "number 3"]
    assert process.returncode == 0


SAYS_TWO_AT_ONCE = """
import json, os, sys
folder = json.loads(sys.stdin.readline())["folder"]
os.write(1, f'{folder}\\theld {{"harness": "held"}}\\n{folder}\\t{{"harness": "ended"}}\\n'.encode())
sys.stdin.read()
"""


def test_what_a_host_said_together_with_what_it_holds_is_not_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "HOST", SAYS_TWO_AT_ONCE)
    with Pool() as pool:
        assert pool.run_one(_some(stage)[0]).harness == "held"
        assert not pool.holds


def test_a_host_that_waits_to_be_heard_leaves_in_order_with_its_pool(stage: Stage, deadline: Deadline) -> None:
    with Pool() as pool:
        next(pool.run([stage.request("print('much ' * 100_000)", limits=LONG)]))
        assert pool.host is not None
        process = pool.host.process
        with open(f"/proc/{process.pid}/fd/1", "wb", buffering=0) as pipe:
            while select.select([], [pipe], [], 0)[1]:
                deadline.left_s("a pipe that is full of the answer")
    assert process.returncode == 0


TOLD_AGAIN_AND_AGAIN = """
import os, re, signal
from chaos.runner.host import Host, _be_supervisor
host, me = Host(), os.getpid()
for _ in range(150):
    asked, asks = os.pipe()
    hears, answers = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_supervisor(asked, answers, me, host)
    def takes_it():
        with open(f"/proc/{pid}/status") as status:
            return int(re.search("SigCgt:\\s*(\\w+)", status.read())[1], 16) >> (signal.SIGTERM - 1) & 1
    while not takes_it():
        pass
    while not os.waitpid(pid, os.WNOHANG)[0]:
        os.kill(pid, signal.SIGTERM)
    for fd in (asked, asks, hears, answers):
        os.close(fd)
print("all left")
"""


def test_a_supervisor_that_is_told_to_leave_again_and_again_leaves_without_a_word(deadline: Deadline) -> None:
    done = subprocess.run([sys.executable, "-c", TOLD_AGAIN_AND_AGAIN], stdin=subprocess.PIPE, capture_output=True, text=True,
                          timeout=deadline.left_s("all supervisors"))
    assert (done.stdout, done.stderr) == ("all left\n", "")


def _whole_tree(pool: Pool, deadline: Deadline) -> list[int]:
    """The host, the supervisor and the launcher of a pool, once the launcher runs."""
    assert pool.host is not None
    host = pool.host.process.pid
    while len(found := list(below(host))) < 2:
        deadline.left_s("a supervisor and a launcher")
    return [host, *found]


# --- the owner of the pool dies --------------------------------------------------------------------------------------

OWNER = """
import json, sys
from chaos.codec import from_data
from chaos.runner import pool as pools
from chaos.runner.pool import Pool
from chaos.runner.request import Request
requests = [from_data(Request, one) for one in json.loads(sys.stdin.readline())]
with Pool(len(requests)) as pool:
    pool.remember(["import json"])
    print(pool.folder, flush=True)
    list(pool.run(requests))
"""
STUBBORN = """
for number in range(1, 32):
    if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
note()
os.write(gate, b"!")
while True: time.sleep(60)
"""


@contextlib.contextmanager
def _owner(stage: Stage, deadline: Deadline, jobs: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that owns a pool in which stubborn launchers run, each with a child in a session of its own."""
    import json

    from chaos.codec import to_data

    gate = stage.folder / "gate"
    os.mkfifo(gate)
    reader = os.open(gate, os.O_RDWR)
    opened = f"gate = os.open({str(gate)!r}, os.O_WRONLY)\n"
    requests = [stage.request(opened + STUBBORN, limits=LONG) for _ in range(jobs)]
    with tempfile.TemporaryFile("w+") as stdin:
        stdin.write(json.dumps([to_data(one) for one in requests]) + "\n")
        stdin.seek(0)
        owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=stdin, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, start_new_session=True)
    with owner:
        try:
            assert owner.stdout is not None
            folder = deadline.read_until(owner.stdout.fileno(), lambda read: b"\n" in read, "the pool's folder")
            deadline.read_until(reader, lambda read: read.count(b"!") == 2 * jobs, "the launchers and their children")
            yield owner, Path(folder.decode().strip())
        finally:
            os.close(reader)
            owner.kill()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_owner_of_the_pool(
    stage: Stage, deadline: Deadline, number: signal.Signals, jobs: int
) -> None:
    with _owner(stage, deadline, jobs) as (owner, folder), watched(below(owner.pid)) as pidfds:
        assert len(pidfds) == 1 + 3 * jobs, "a host; a supervisor, a launcher and its child for each job"
        owner.send_signal(number)
        deadline.gone(pidfds, "hosts, supervisors and launchers")
        owner.wait(deadline.left_s("the owner"))
    assert not folder.exists()


def test_nothing_outlives_a_host_that_is_killed_and_its_owner_that_is_killed_at_once(
    stage: Stage, deadline: Deadline
) -> None:
    with _owner(stage, deadline, 1) as (owner, folder), watched(below(owner.pid)) as pidfds:
        (host,) = map(int, Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split())
        os.kill(host, signal.SIGKILL)
        owner.kill()
        deadline.gone(pidfds, "supervisor and launchers")
    shutil.rmtree(folder)       # the one thing that nobody is left to remove
