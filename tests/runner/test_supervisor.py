"""One run of one launcher: what the supervisor says it saw is what happened, and nothing is alive afterwards."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import pytest

from chaos.model import Exited, Expectation, Fault, Hits, Killed, Limits, StillRunning
from chaos.runner.output import HEAD_BYTES, TAIL_BYTES, Output
from chaos.runner.pool import Pool
from chaos.runner.supervise import Run
from processes import Deadline, watched
from runner.starting import LONG, SHORT, Stage

# --- how it ended ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 3, 255])
def test_a_launcher_that_exits_by_itself_ended_with_its_status(stage: Stage, status: int) -> None:
    seen = stage.run(f"print('bye'); sys.exit({status})", limits=LONG)
    assert seen.ending == Exited(status)
    assert seen.stopped_watching == "ended"
    assert (seen.output, seen.leftovers, seen.holdings, seen.signals) == ("bye\n", (), (), ())
    assert seen.elapsed_s < 15


def test_a_program_that_is_not_python_and_exits_at_once_is_seen_too(stage: Stage) -> None:
    with Pool() as pool:
        seen = pool.run_one(stage.request_of("/bin/false", limits=LONG))
    assert seen.ending == Exited(1)
    assert {hit.site for hit in seen.hits} <= {"start.exec"}, "which is seen where it lives long enough to be looked at"
    assert [process.role for process in seen.processes] in ([], [""])


def test_a_launcher_that_hangs_is_watched_until_the_deadline(stage: Stage) -> None:
    seen = stage.run("now_and_then()")
    assert isinstance(seen.ending, StillRunning)
    assert seen.stopped_watching == "deadline"
    assert seen.proof is None
    assert SHORT.boot_s <= seen.ending.after_s < 5
    assert [process.role for process in seen.processes] == ["parent"]
    assert seen.cpu_share is not None
    assert seen.cpu_share < 0.4


def test_a_launcher_that_spins_shows_the_processor_time_that_it_takes(stage: Stage) -> None:
    seen = stage.run("while True: pass", limits=Limits(2.0, 1.0, 2.0, 0.3))
    assert seen.cpu_share is not None
    assert seen.cpu_share > 0.2


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, 40])
def test_a_foreign_signal_is_not_said_to_be_chaoss(stage: Stage, number: int) -> None:
    seen = stage.run(f"os.kill(os.getpid(), {int(number)})", limits=LONG)
    name = number.name if isinstance(number, signal.Signals) else "SIG40"
    assert seen.ending == Killed(name, by_chaos=False)
    assert seen.signals == ()


def test_the_kill_of_a_case_is_said_to_be_chaoss(stage: Stage) -> None:
    fault = Fault("process.fork", "kill", (), "parent", Hits(1, 1))
    seen = stage.run("os.fork()", fault, limits=LONG)
    assert seen.ending == Killed("SIGKILL", by_chaos=True)
    assert [(firing.site, firing.role, firing.number) for firing in seen.fired] == [("process.fork", "parent", 1)]


class Borrowed:
    """In the place of what a run has of the companions."""

    url = ""

    def __init__(self) -> None:
        self.is_here = False

    def __enter__(self) -> Borrowed:
        self.is_here = True
        return self

    def __exit__(self, *failure: object) -> None:
        self.is_here = False

    def watch(self, selector: object, facts: object) -> None:
        assert self.is_here


@pytest.mark.parametrize("makes_config", [False, True])
def test_a_run_that_cannot_be_prepared_gives_back_what_it_had_by_then(
        stage: Stage, tmp_path: Path, makes_config: bool) -> None:
    """A full disk, say: here there is no folder that the run's own could be in, or its configuration finds no place."""
    folder = tmp_path / ("" if makes_config else "gone") / "0000001"
    if makes_config:
        (folder / "target.conf").mkdir(parents=True)
    request = dataclasses.replace(stage.request("pass"), folder=str(folder), config="[DEFAULT]")
    run = Run(request, lambda idle: None)
    run.network = borrowed = Borrowed()     # type: ignore[assignment]
    with pytest.raises(OSError), run:
        pass
    assert not borrowed.is_here
    assert not folder.exists()


# --- ready, stop, grace ----------------------------------------------------------------------------------------------


def test_a_launcher_without_services_serves_when_it_says_ready_and_is_stopped(stage: Stage) -> None:
    seen = stage.run("""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    notify("STATUS=up\\nREADY=1")
    for_ever()
    """, limits=LONG)
    assert (seen.ending, seen.stopped_watching) == (Exited(0), "served")
    assert [notice.text for notice in seen.notices] == ["STATUS=up\nREADY=1"]
    assert [(sent.signal, sent.pid) for sent in seen.signals] == [("SIGTERM", seen.processes[0].pid)]
    assert seen.ready_s is not None
    assert seen.served_s is not None
    assert seen.stop_sent_s is not None
    assert seen.ready_s <= seen.served_s <= seen.stop_sent_s <= seen.elapsed_s


def test_death_by_the_stop_that_was_sent_is_said_to_be_chaoss(stage: Stage) -> None:
    seen = stage.run("notify('READY=1'); for_ever()", limits=LONG, expected=Expectation(0))
    assert (seen.ending, seen.stopped_watching) == (Killed("SIGTERM", by_chaos=True), "served")


def test_a_launcher_that_ignores_sigterm_is_watched_for_the_grace_time_and_killed(stage: Stage) -> None:
    seen = stage.run("""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    notify("READY=1")
    for_ever()
    """, limits=Limits(30, 0.4, 30, 0.3), expected=Expectation(0))
    assert isinstance(seen.ending, StillRunning)
    assert seen.stopped_watching == "grace"
    assert seen.stop_sent_s is not None
    assert seen.ending.after_s - seen.stop_sent_s >= 0.4
    assert "for_ever" in seen.stacks


def test_a_launcher_that_its_case_tells_to_stop_has_the_grace_time_too(stage: Stage) -> None:
    fault = Fault("start.output", "signal", ("TERM",), None, Hits(1, 1))
    seen = stage.run("""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", flush=True)
    now_and_then()
    """, fault, limits=Limits(0.2, 0.8, 30, 0.3))
    assert isinstance(seen.ending, StillRunning)
    assert seen.stopped_watching == "grace"
    assert seen.ending.after_s - seen.fired[0].at_s >= 0.8


def test_a_launcher_that_waits_for_what_a_fault_keeps_away_is_told_to_stop_in_the_middle_of_it(stage: Stage) -> None:
    away, told = Fault("thread.spawn", "delay", ("0",)), Fault("start.waiting", "signal", ("TERM",), None, Hits(1, 1))
    seen = stage.run("threading.Thread(target=note).start(); now_and_then()", away, told, limits=LONG)
    assert seen.ending == Killed("SIGTERM", by_chaos=True)
    met_s, told_s = (firing.at_s for firing in seen.fired)
    assert [firing.site for firing in seen.fired] == ["thread.spawn", "start.waiting"]
    assert told_s - met_s >= 1.2


@pytest.mark.parametrize(("stands", "met"), [
    ("threading.Thread(target=note).start(); now_and_then()", Fault("thread.spawn", "stall")),
    ("""
while True:
    if os.fork() == 0:
        threading.Thread(target=note).start()
    os.wait()
""", Fault("thread.spawn", "raise", ("RuntimeError",), "worker")),
])
def test_what_goes_on_for_ever_is_told_to_stop_first_where_its_case_says_so(stage: Stage, stands: str, met: Fault) -> None:
    seen = stage.run(stands, met, Fault("start.waiting", "signal", ("TERM",), None, Hits(1, 1)), limits=LONG)
    assert seen.ending == Killed("SIGTERM", by_chaos=True)
    assert {firing.site for firing in seen.fired} == {"thread.spawn", "start.waiting"}


@pytest.mark.parametrize("stops", [True, False])
def test_a_launcher_that_its_case_tells_to_stop_has_a_moment_before_respawns_are_a_loop(stage: Stage, stops: bool) -> None:
    fault = Fault("thread.spawn", "raise", ("RuntimeError",), "worker")
    seen = stage.run(f"""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(0))
    more = 20
    while more or not {stops}:
        if os.fork() == 0:
            threading.Thread(target=note).start()
        os.wait()
        more -= len(told)
    sys.exit(3)
    """, fault, Fault("start.waiting", "signal", ("TERM",), None, Hits(1, 1)), limits=LONG)
    told_s = next(firing.at_s for firing in seen.fired if firing.site == "start.waiting")
    after = [one for one in seen.processes if one.role.startswith("worker") and one.seen_s > told_s]
    assert len(after) >= 8
    if stops:
        assert seen.ending == Exited(3)
    else:
        assert seen.stopped_watching == "respawn"
        assert seen.elapsed_s > told_s + 1.0


def test_a_launcher_that_can_never_go_on_is_not_watched_until_the_deadline(stage: Stage) -> None:
    seen = stage.run("for_ever()", limits=LONG)
    assert isinstance(seen.ending, StillRunning)
    assert seen.stopped_watching == "proof"
    assert seen.proof is not None
    assert "pause" in seen.proof.text


def test_workers_that_meet_their_fault_again_and_again_are_not_watched_until_the_deadline(stage: Stage) -> None:
    fault = Fault("process.spawn", "raise", ("RuntimeError",), "worker")
    seen = stage.run("""
    import multiprocessing
    while True:
        if os.fork() == 0:
            multiprocessing.Process().start()
        os.wait()
    """, fault, limits=LONG)
    assert seen.stopped_watching == "respawn"
    assert len({firing.pid for firing in seen.fired}) >= 8


@pytest.mark.parametrize(("gives_up", "hits"), [(True, Hits()), (False, Hits(1, 12))])
def test_eight_workers_that_die_once_or_until_their_fault_ends_are_watched_until_that_shows(
    stage: Stage, gives_up: bool, hits: Hits,
) -> None:
    fault = Fault("process.spawn", "raise", ("RuntimeError",), "worker", hits)
    request = stage.request(f"""
    import multiprocessing
    def work():
        if os.fork() == 0:
            note()
            multiprocessing.Process(target=for_ever).start()
            for_ever()
    for _ in range(8):
        work()
    for death in range({8 if gives_up else 12}):
        os.wait()
        {"pass" if gives_up else "work()"}
    if {gives_up}:
        time.sleep(0.4)
        sys.exit("chaos: all workers died")
    signal.signal(signal.SIGTERM, lambda *_: (os.killpg(0, signal.SIGKILL)))
    notify("READY=1")
    for_ever()
    """, fault, limits=LONG, expected=Expectation(0))
    with Pool() as pool:
        seen = pool.run_one(dataclasses.replace(request, case=dataclasses.replace(request.case, workers=8)))
    assert seen.stopped_watching == ("ended" if gives_up else "served")
    assert len(seen.fired) == (8 if gives_up else 12)


def test_a_launcher_that_never_says_ready_though_it_should_does_not_serve(stage: Stage) -> None:
    seen = stage.run("now_and_then()", expected=Expectation(servers=0, notifies=True))
    assert seen.stopped_watching == "deadline"
    assert (seen.served_s, seen.signals) == (None, ())


def test_time_counts_from_the_first_firing_once_there_is_one(stage: Stage) -> None:
    fault = Fault("process.fork", "delay", ("0",), None, Hits(1, 1))
    seen = stage.run("os.fork() or os._exit(0); now_and_then()", fault, limits=Limits(0.3, 0.3, 30.0, 0.3),
                     expected=Expectation(1))
    assert isinstance(seen.ending, StillRunning)
    assert 0.3 <= seen.ending.after_s - seen.fired[0].at_s < 10


# --- what is left over -----------------------------------------------------------------------------------------------

RENAMED_ORPHAN = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note()
        import setproctitle
        setproctitle.setproctitle("somebody else")
        for fd in range(3): os.close(fd)
        for number in range(1, 32):
            if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
        os.write(gate[1], b".")
        for_ever()
    os._exit(0)
"""


def test_a_double_forked_orphan_with_its_own_session_and_name_is_left_over_and_killed(stage: Stage) -> None:
    seen = stage.run(f"gate = os.pipe()\n{RENAMED_ORPHAN}\nos.wait(); os.read(gate[0], 1)", limits=LONG)
    assert seen.ending == Exited(0)
    (orphan,) = seen.leftovers
    assert orphan.pid == stage.noted()[-1]


def test_an_orphan_is_found_behind_more_processes_than_are_written_down(stage: Stage) -> None:
    seen = stage.run(f"""
    for _ in range(450):
        if os.fork() == 0: os._exit(0)
        os.wait()
    gate = os.pipe()
    {RENAMED_ORPHAN.replace(chr(10), chr(10) + "    ")}
    os.wait(); os.read(gate[0], 1)
    """, limits=LONG)
    assert [orphan.pid for orphan in seen.leftovers] == stage.noted()[-1:]


def test_a_child_that_ends_within_the_time_to_notice_is_not_left_over(stage: Stage) -> None:
    seen = stage.run("""
    gate = os.pipe()
    if os.fork() == 0:
        note()
        os.close(gate[1])
        os.read(gate[0], 1)         # until the launcher is gone
        os._exit(0)
    """, limits=Limits(30, 30, 30, 20))
    assert (seen.ending, seen.leftovers) == (Exited(0), ())
    assert seen.elapsed_s < 15


def test_a_child_that_holds_a_port_is_told_with_its_port(stage: Stage) -> None:
    seen = stage.run("""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    gate = os.pipe()
    if os.fork() == 0:
        note()
        for_ever()
    """, limits=LONG)
    (orphan,) = seen.leftovers
    (port,) = [holding for holding in seen.holdings if holding.kind == "port"]
    assert port.name == f"127.0.0.1:{seen.output.split()[0]}"
    assert port.owner == f"pid {orphan.pid}"


def test_a_process_that_is_left_over_is_told_by_what_it_runs_now(stage: Stage) -> None:
    seen = stage.run("""
    if os.fork() == 0:
        note()
        time.sleep(0.2)         # long enough for the supervisor to see it as the fork that it still is
        os.execvp("sleep", ["sleep", "1000"])
    """, limits=Limits(300, 300, 300, 1.0))
    assert [orphan.command for orphan in seen.leftovers] == ["sleep 1000"]


def test_a_temporary_file_that_is_not_given_back_is_told_by_name(stage: Stage) -> None:
    seen = stage.run("import tempfile; open(tempfile.gettempdir() + '/scheduler.pid', 'w').close()", limits=LONG)
    assert [(holding.kind, holding.name) for holding in seen.holdings] == [("temporary file", "scheduler.pid")]


def test_a_zombie_that_the_launcher_never_reaped_is_not_taken_for_a_process(stage: Stage) -> None:
    seen = stage.run("os.fork() or os._exit(0)\nos.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)", limits=LONG)
    assert seen.leftovers == ()


@pytest.mark.parametrize("what", ["TMPDIR", "CHAOS_AGENT"])
def test_a_launcher_that_removes_folders_of_its_run_is_seen_all_the_same(stage: Stage, what: str) -> None:
    seen = stage.run(f"import shutil; shutil.rmtree(os.environ[{what!r}]); sys.exit(3)", limits=LONG)
    assert (seen.ending, seen.harness) == (Exited(3), "")


def test_a_launcher_that_is_stopped_by_a_signal_is_still_running_and_killed(stage: Stage) -> None:
    seen = stage.run("os.kill(os.getpid(), signal.SIGSTOP)")
    assert isinstance(seen.ending, StillRunning)


# --- output ----------------------------------------------------------------------------------------------------------


def test_a_flood_of_output_keeps_its_head_and_its_tail(stage: Stage) -> None:
    seen = stage.run("""
    print("the first line")
    for _ in range(2000): print("x" * 9999)
    print("the last line", flush=True)
    """, limits=LONG)
    assert seen.ending == Exited(0)
    assert seen.output.startswith("the first line\n")
    assert seen.output.endswith("the last line\n")
    assert len(seen.output) < HEAD_BYTES + TAIL_BYTES + 100
    assert f"... {20_000_000 + 29 - HEAD_BYTES - TAIL_BYTES} bytes left out ..." in seen.output


def test_a_flood_that_never_ends_does_not_hold_up_the_deadline(stage: Stage) -> None:
    with Pool() as pool:
        seen = pool.run_one(stage.request_of("/bin/sh", "-c", "yes & yes & exec yes"))
    assert isinstance(seen.ending, StillRunning)
    assert seen.stopped_watching == "deadline"
    assert seen.ending.after_s < 5


def test_a_flood_of_notices_does_not_hold_up_the_deadline_and_takes_bounded_memory(stage: Stage) -> None:
    seen = stage.run("""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        while True: out.sendto(b"WATCHDOG=1", os.environ["NOTIFY_SOCKET"])
    """)
    assert seen.stopped_watching == "deadline"
    assert len(seen.notices) < 2000


def test_no_part_of_the_output_is_lost_or_doubled_below_the_bound() -> None:
    output = Output()
    text = "".join(f"{number}\n" for number in range(20_000)).encode()
    for start in range(0, len(text), 777):
        output.add(text[start:start + 777])
    assert output.text() == text.decode()


def test_output_is_bounded_at_every_moment() -> None:
    output = Output()
    for _ in range(100):
        output.add(b"y" * 65536)
        assert len(output.head) + len(output.tail) <= HEAD_BYTES + TAIL_BYTES


@pytest.mark.parametrize("before", [10, HEAD_BYTES - 3, HEAD_BYTES + 5, HEAD_BYTES + 2 * TAIL_BYTES])
def test_what_was_cut_out_of_the_output_is_gone_and_the_rest_is_whole(before: int) -> None:
    output = Output()
    output.add(b"a" * before)
    mark, whole = output.total, output.text()
    output.add(b"a dump\n")
    assert output.cut_from(mark) == b"a dump\n"
    assert output.text()[-1000:] == whole[-1000:]
    assert output.total == mark


def test_output_that_is_not_utf_8_comes_through_with_marks_for_what_it_was(stage: Stage) -> None:
    seen = stage.run(r"os.write(1, b'caf\xe9 \xff\xfe \x00 \xed\xa0\x80 ok\n'); sys.exit(1)", limits=LONG)
    assert seen.ending == Exited(1)
    assert seen.output.startswith("caf\ufffd")
    assert seen.output.endswith(" ok\n")


def test_output_that_comes_with_the_very_end_is_there(stage: Stage) -> None:
    seen = stage.run("print('x' * 60000); sys.stdout.flush(); os._exit(1)", limits=LONG)
    assert len(seen.output) == 60001


def test_a_secret_in_the_output_is_told_by_its_number_only(stage: Stage) -> None:
    seen = stage.run("print('using hunter2')", limits=LONG, secrets=("swordfish", "hunter2"))
    assert len(seen.leaks) == 1
    assert "hunter2" not in f"{seen}"


# --- where a hang stands ---------------------------------------------------------------------------------------------


def test_the_stacks_of_a_hang_name_the_line_in_the_main_thread(stage: Stage) -> None:
    seen = stage.run("def stand_here():\n    signal.pause()\nstand_here()")
    assert "launcher1.py:" in seen.stacks
    assert "stand_here" in seen.stacks
    assert "(parent)" in seen.stacks
    assert "_chaos_" not in seen.stacks


def test_the_stacks_of_a_hang_name_the_line_in_a_native_thread_and_in_every_process(stage: Stage) -> None:
    seen = stage.run("""
    def deep_in_a_thread():
        threading.Event().wait()
    def deep_in_a_worker():
        signal.pause()
    if os.fork() == 0:
        note()
        deep_in_a_worker()
    thread = threading.Thread(target=deep_in_a_thread)
    thread.start()
    thread.join()
    """)
    assert "deep_in_a_thread" in seen.stacks
    assert "deep_in_a_worker" in seen.stacks
    assert "(worker.0)" in seen.stacks


def test_the_stacks_of_a_hang_name_the_line_in_every_greenthread(stage: Stage) -> None:
    seen = stage.run("""
    import eventlet
    eventlet.monkey_patch()
    import gc
    from eventlet.event import Event
    def deep_in_a_greenthread():
        Event().wait()
    def deep_in_the_main_one():
        eventlet.spawn(deep_in_a_greenthread).wait()
    gc.freeze()
    deep_in_the_main_one()
    """, limits=Limits(2.5, 1, 2.5, 0.3))
    assert "deep_in_a_greenthread" in seen.stacks
    assert "deep_in_the_main_one" in seen.stacks


def test_a_process_that_is_frozen_with_the_interpreters_lock_is_dumped_from_c(stage: Stage) -> None:
    fault = Fault("process.fork", "freeze", (), "parent")
    seen = stage.run("print('its log', flush=True)\ndef stand_here():\n    os.fork()\nstand_here()", fault,
                     expected=Expectation(1))
    assert "from C, its interpreter is blocked" in seen.stacks
    assert "in stand_here" in seen.stacks
    assert seen.output == "its log\n", "the dump is no part of the log"


# --- when chaos itself is hit ----------------------------------------------------------------------------------------


def test_a_supervisor_that_dies_is_chaoss_own_fault_and_its_tree_dies_too(stage: Stage) -> None:
    with Pool() as pool:
        seen = pool.run_one(stage.request("os.kill(os.getppid(), 9); for_ever()", limits=LONG))
        stage.nothing_noted_is_alive()
        after = pool.run_one(stage.request("sys.exit(3)", limits=LONG))
    assert seen.stopped_watching == "broken"
    assert "died without a word" in seen.harness
    assert after.ending == Exited(3)


def test_a_host_that_dies_is_chaoss_own_fault_and_the_next_case_has_a_new_one(stage: Stage, deadline: Deadline) -> None:
    with Pool() as pool:
        seen = pool.run_one(stage.request("""
        supervisor = os.getppid()
        note(supervisor)
        host = int(open("/proc/%d/stat" % supervisor).read().rpartition(")")[2].split()[1])
        os.kill(host, 9)
        for_ever()
        """, limits=LONG))
        assert (seen.stopped_watching, seen.harness) == ("broken", "the host process died")
        after = pool.run_one(stage.request("sys.exit(3)", limits=LONG))
        with watched(stage.noted()) as pidfds:
            deadline.gone(pidfds, "the tree whose host died")
    assert after.ending == Exited(3)


@pytest.mark.parametrize(
    ("name", "content"),
    [("no-such-file", None), ("no-interpreter", "#!/no/such/interpreter\n"), ("no-shebang", "exit 1\n")],
)
def test_what_cannot_be_started_at_all_is_told_in_one_line(stage: Stage, name: str, content: str | None) -> None:
    path = stage.folder / name
    if content is not None:
        path.write_text(content)
        path.chmod(0o755)
    with Pool() as pool:
        seen = pool.run_one(stage.request_of(str(path), limits=LONG))
    assert seen.stopped_watching == "broken"
    assert name in seen.harness
    assert "Traceback" not in seen.harness
