"""Hits are counted over processes, exactly; roles say which process of the target it is, over deaths and execs."""

from __future__ import annotations

import pytest

from chaos.model import Hits
from inside.interpreters import SITE, Lab, a_fault
from overtaken import OVERTAKEN

STORM = """
import os, sys, threading, spot
processes, threads, hits = map(int, sys.argv[1:4])
def many():
    answers = [spot.reach() for _ in range(hits)]
    spot.say("%d" % sum(answer == 7 for answer in answers))
def storm():
    together = threading.Barrier(threads)
    def body():
        together.wait()
        many()
    crowd = [threading.Thread(target=body) for _ in range(threads)]
    for one in crowd: one.start()
    for one in crowd: one.join()
gate, open_gate = os.pipe()
for _ in range(processes):
    if os.fork() == 0:
        os.close(open_gate)
        os.read(gate, 1)        # all start at once, when the parent closes the other end
        storm()
        os._exit(0)
os.close(open_gate)
for _ in range(processes): os.wait()
"""


def test_no_hit_is_lost_or_counted_twice_by_8_threads_in_each_of_4_processes_of_one_role(lab: Lab) -> None:
    lab.run(STORM, "4", "8", "5", env=lab.environment(role="helper"))
    assert sorted(lab.numbers()) == list(range(1, 161))
    assert {said.role for said in lab.records("hit")} == {"helper"}
    assert len({said.pid for said in lab.records("hit") if said.fields[0] == SITE}) == 4


def test_a_fault_for_the_first_50_hits_of_any_worker_fires_50_times_however_they_mix(lab: Lab) -> None:
    lab.arm(a_fault("return", "7", role="worker", hits=Hits(1, 50)))
    answers = lab.run(STORM, "4", "8", "5").splitlines()
    assert sum(map(int, answers)) == 50
    assert len(lab.records("fired")) == 50


def test_a_fault_for_the_first_50_hits_of_anybody_fires_50_times(lab: Lab) -> None:
    lab.arm(a_fault("return", "7", hits=Hits(1, 50)))
    answers = lab.run(STORM, "4", "8", "5").splitlines()
    assert sum(map(int, answers)) == 50


def test_a_fault_for_one_worker_leaves_the_others_alone(lab: Lab) -> None:
    lab.arm(a_fault("return", "7", role="worker.2", hits=Hits(2, 3)))
    lab.run(STORM, "4", "1", "5")
    assert [(said.role, said.fields[2]) for said in lab.records("fired")] == [("worker.2", "2"), ("worker.2", "3")]


def test_a_loop_of_hits_is_counted_to_the_end_and_recorded_only_at_its_beginning(lab: Lab) -> None:
    lab.arm(a_fault("return", "7", hits=Hits(900, 900)))
    lab.run("import spot\nfor _ in range(1000): spot.reach()\n")
    assert lab.numbers() == list(range(1, 41))
    assert [said.fields[2] for said in lab.records("fired")] == ["900"]


@pytest.mark.parametrize("role", ["worker", None])
def test_two_faults_at_one_site_count_each_hit_once(lab: Lab, role: str | None) -> None:
    lab.arm(a_fault("return", "7", role=role, hits=Hits(1, 1)), a_fault("return", "8", role=role, hits=Hits(3, 3)))
    lab.run("""
    import os, spot
    if os.fork() == 0:
        for _ in range(4): spot.reach()
        os._exit(0)
    os.wait()
    """)
    assert [(said.fields[0], said.fields[2]) for said in lab.records("fired")] == [("0", "1"), ("1", "3")]


# --- over deaths -----------------------------------------------------------------------------------------------------

RESPAWN = """
import os, spot
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        spot.tell()
        os._exit(1)
    os.waitpid(pid, 0)
"""


def test_once_is_once_over_a_respawn(lab: Lab) -> None:
    lab.arm(a_fault("raise", "RuntimeError", role="worker", hits=Hits(1, 1)))
    said = lab.run(RESPAWN).splitlines()
    assert said[0].startswith("raised RuntimeError")
    assert said[1:] == ["returned 'real'", "returned 'real'"]


def test_a_worker_that_is_born_again_has_the_role_of_the_dead_one_and_counts_on(lab: Lab) -> None:
    lab.run(RESPAWN)
    assert [(said.role, said.fields[1]) for said in lab.records("hit") if said.fields[0] == SITE] == [
        ("worker.0", "1"),
        ("worker.0", "2"),
        ("worker.0", "3"),
    ]


def test_the_second_of_three_workers_is_replaced_in_its_own_role(lab: Lab) -> None:
    lab.run("""
    import os, signal, spot
    gate = os.pipe()
    def worker():
        pid = os.fork()
        if pid == 0:
            spot.reach()
            os.write(gate[1], b".")
            signal.pause()
        os.read(gate[0], 1)
        return pid
    pids = [worker() for _ in range(3)]
    os.kill(pids[1], 9); os.waitpid(pids[1], 0)
    pids[1] = worker()
    for pid in pids: os.kill(pid, 9); os.waitpid(pid, 0)
    """)
    roles = ["worker.0", "worker.1", "worker.2", "worker.1"]
    assert [said.fields[1] for said in lab.records("fork")] == roles
    assert [said.role for said in lab.records("hit") if said.fields[0] == SITE] == roles


def test_a_dead_worker_that_nobody_has_reaped_has_left_its_role(lab: Lab) -> None:
    lab.run("""
    import os
    pid = os.fork() or os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.fork() or os._exit(0)
    """)
    assert [said.fields[1] for said in lab.records("fork")] == ["worker.0", "worker.0"]


# --- who is who ------------------------------------------------------------------------------------------------------


def test_a_subprocess_is_a_helper_and_so_is_what_a_worker_forks(lab: Lab) -> None:
    lab.run("""
    import os, subprocess, sys, spot
    spot.reach()
    subprocess.run([sys.executable, "-c", "import spot; spot.reach()"])
    pid = os.fork()
    if pid == 0:
        spot.reach()
        if os.fork() == 0:
            spot.reach()
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
    """)
    roles = [said.role for said in lab.records("hit") if said.fields[0] == SITE]
    assert roles == ["parent", "helper", "worker.0", "helper"]


def test_what_a_worker_forks_below_os_fork_is_a_helper(lab: Lab) -> None:
    lab.run("""
    import os, subprocess, spot
    def before_the_exec():
        spot.reach()
    if os.fork() == 0:
        spot.reach()
        subprocess.run(["true"], preexec_fn=before_the_exec)
        pid, terminal = os.forkpty()
        if pid == 0:
            spot.reach()
            os._exit(0)
        os.waitpid(pid, 0)
        os._exit(0)
    os.wait()
    """)
    assert [said.role for said in lab.records("hit") if said.fields[0] == SITE] == ["worker.0", "helper", "helper"]


def test_a_python_that_a_shell_or_posix_spawn_starts_is_a_helper(lab: Lab) -> None:
    lab.run("""
    import os, sys
    os.system(sys.executable + " -c 'import spot; spot.reach()'")
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "import spot; spot.reach()"], os.environ)
    os.waitpid(pid, 0)
    """)
    assert [said.role for said in lab.records("hit") if said.fields[0] == SITE] == ["helper", "helper"]


def test_an_exec_of_the_parent_stays_the_parent(lab: Lab) -> None:
    lab.run("""
    import os, sys, spot
    spot.reach()
    if len(sys.argv) < 2:
        os.execv(sys.executable, [sys.executable, sys.argv[0], "again"])
    """)
    hits = [(said.role, said.fields[1]) for said in lab.records("hit") if said.fields[0] == SITE]
    assert hits == [("parent", "1"), ("parent", "2")]


def test_nobody_inherits_a_role_by_the_environment(lab: Lab) -> None:
    said = lab.run("""
    import os, subprocess, sys
    print(os.environ.get("CHAOS_ROLE"), flush=True)
    subprocess.run([sys.executable, "-c", "import os; print(os.environ.get('CHAOS_ROLE'), flush=True)"])
    os.system("echo ${CHAOS_ROLE-None}")
    """)
    assert said.splitlines() == ["None", "None", "None"]


def test_spawned_workers_have_the_roles_that_forked_ones_have(lab: Lab) -> None:
    lab.run("""
    import multiprocessing, spot
    if __name__ == "__main__":
        spawn = multiprocessing.get_context("spawn")
        for _ in range(2):
            worker = spawn.Process(target=spot.reach)
            worker.start()
            worker.join()
    """)
    hits = [(said.role, said.fields[1]) for said in lab.records("hit") if said.fields[0] == SITE]
    assert hits == [("worker.0", "1"), ("worker.0", "2")]
    assert "helper" in {said.role for said in lab.records("start")}, "multiprocessing's resource tracker"


def test_a_fork_server_and_its_children_are_helpers(lab: Lab) -> None:
    lab.run("""
    import multiprocessing, spot
    if __name__ == "__main__":
        worker = multiprocessing.get_context("forkserver").Process(target=spot.reach)
        worker.start()
        worker.join()
    """)
    assert [said.role for said in lab.records("hit") if said.fields[0] == SITE] == ["helper"]


def test_a_fork_that_fails_by_itself_leaves_no_role_taken(lab: Lab) -> None:
    lab.arm(a_fault("raise", "BlockingIOError", "EAGAIN", site="process.fork", hits=Hits(1, 1)))
    said = lab.run("""
    import os, spot
    try:
        os.fork()
    except OSError as error:
        spot.say("%s %d" % (type(error).__name__, error.errno))
    os.fork() or os._exit(0)
    os.wait()
    """)
    assert said == "BlockingIOError 11"
    assert [said.fields[1] for said in lab.records("fork")] == ["worker.0"]


@pytest.mark.parametrize(("number", "other"), [(1, "second"), (2, "first")])
def test_bodies_of_threads_are_counted_in_the_order_of_their_starts_not_as_they_come_to_run(
    lab: Lab, number: int, other: str,
) -> None:
    lab.arm(a_fault("return", site="thread.body", hits=Hits(number, number)))
    assert lab.run(f"from spot import say\n{OVERTAKEN}").split() == [other]
    assert [one.fields[2] for one in lab.records("fired")] == [str(number)]
    assert lab.numbers("thread.body") == [2, 1]


def test_a_thread_whose_start_is_failed_takes_no_number_of_the_bodies(lab: Lab) -> None:
    lab.arm(a_fault("raise", "RuntimeError", site="thread.spawn", hits=Hits(1, 1)),
            a_fault("return", site="thread.body", hits=Hits(1, 1)))
    said = lab.run("""
    import threading, spot
    for name in ("first", "second", "third"):
        try:
            threading.Thread(target=spot.say, args=(name,)).start()
        except RuntimeError:
            spot.say("failed")
    """)
    assert said.split() == ["failed", "third"]
    assert [(one.fields[1], one.fields[2]) for one in lab.records("fired")] == [("thread.spawn", "1"), ("thread.body", "1")]
