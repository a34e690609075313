"""Each action does what its documentation says, wherever the code runs that reaches the site."""

from __future__ import annotations

import os
import signal

import pytest

from chaos.model import Hits
from inside.interpreters import TOKEN, Lab, a_fault
from processes import becomes_silent, is_silent

PLAIN = """
import spot
spot.tell()
"""
BEFORE_PATCHING = """
import spot
import eventlet
spot.tell()
eventlet.monkey_patch()
"""
AFTER_PATCHING = """
import spot
import eventlet
eventlet.monkey_patch()
spot.tell()
"""
IN_A_GREENTHREAD = """
import eventlet
eventlet.monkey_patch()
import spot
eventlet.spawn(spot.tell).wait()
"""
IN_A_FORKED_WORKER = """
import os, spot
pid = os.fork()
if pid == 0:
    spot.tell()
    os._exit(0)
status = os.waitpid(pid, 0)[1]
spot.say("child %d" % (-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)))
"""
IN_A_SPAWNED_WORKER = """
import multiprocessing, spot
if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=spot.tell)
    worker.start()
    worker.join()
    spot.say("child %d" % worker.exitcode)
"""
INLINE = {
    "plain": PLAIN,
    "before-patching": BEFORE_PATCHING,
    "after-patching": AFTER_PATCHING,
    "greenthread": IN_A_GREENTHREAD,
}
IN_A_WORKER = {"forked": IN_A_FORKED_WORKER, "spawned": IN_A_SPAWNED_WORKER}
EVERYWHERE = pytest.mark.parametrize("script", [*INLINE.values(), *IN_A_WORKER.values()], ids=[*INLINE, *IN_A_WORKER])


@EVERYWHERE
def test_raise_raises_the_named_class_with_its_errno_and_the_token_in_its_message(lab: Lab, script: str) -> None:
    lab.arm(a_fault("raise", "ConnectionRefusedError", "ECONNREFUSED"))
    said = lab.run(script)
    assert f"raised ConnectionRefusedError|111|[Errno 111] injected [{TOKEN}]" in said
    assert lab.records("fired")[0].fields == ("0", "spot.reach", "1", "raise", TOKEN, "spot:reach")


@EVERYWHERE
def test_return_answers_without_calling(lab: Lab, script: str) -> None:
    lab.arm(a_fault("return", "7"))
    assert "returned 7" in lab.run(script)
    assert not lab.records("mile")


@EVERYWHERE
def test_exit_raises_system_exit_there(lab: Lab, script: str) -> None:
    lab.arm(a_fault("exit", "3"))
    assert "exits 3" in lab.run(script)


@EVERYWHERE
def test_no_fault_changes_nothing_and_records_hit_and_milestone(lab: Lab, script: str) -> None:
    assert "returned 'real'" in lab.run(script)
    assert lab.numbers() == [1]
    assert [said.fields for said in lab.records("mile")] == [("reached",)]


@pytest.mark.parametrize("script", INLINE.values(), ids=list(INLINE))
@pytest.mark.parametrize(("action", "status"), [(("exit", "4", "hard"), 4), (("kill",), -signal.SIGKILL)])
def test_a_hard_exit_and_a_kill_leave_nobody_to_speak(
    lab: Lab, script: str, action: tuple[str, ...], status: int
) -> None:
    lab.arm(a_fault(*action))
    started = lab.start(f"import atexit, os\natexit.register(lambda: os.write(1, b'cleaned up'))\n{script}")
    assert "cleaned up" not in "".join(started.all_lines())
    assert started.status() == status
    assert lab.records("fired")


@pytest.mark.parametrize("script", IN_A_WORKER.values(), ids=list(IN_A_WORKER))
@pytest.mark.parametrize(("action", "status"), [(("exit", "4", "hard"), 4), (("kill",), -9), (("kill", "TERM"), -15)])
def test_a_worker_can_be_ended_without_its_parent(
    lab: Lab, script: str, action: tuple[str, ...], status: int
) -> None:
    lab.arm(a_fault(*action, role="worker"))
    assert lab.run(script).splitlines()[-1] == f"child {status}"


def test_exit_with_a_word_is_a_message_with_the_token_and_status_1(lab: Lab) -> None:
    lab.arm(a_fault("exit", "no-database"))
    started = lab.start("import spot\nspot.reach()\n")
    assert started.all_lines() == [f"no-database [{TOKEN}]"]
    assert started.status() == 1


def test_a_kill_with_another_signal_meets_the_handler(lab: Lab) -> None:
    lab.arm(a_fault("kill", "TERM", hits=Hits(1, 1)))
    said = lab.run("import signal, spot\nsignal.signal(15, lambda n, f: spot.say('told'))\nspot.tell()\n")
    assert said.splitlines() == ["told", "returned 'real'"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("None", "None"),
        ("True", "True"),
        ("False", "False"),
        ("0", "0"),
        ("-3", "-3"),
        ("word", "'word'"),
    ],
)
def test_return_knows_none_true_false_numbers_and_words(lab: Lab, name: str, text: str) -> None:
    lab.arm(a_fault("return", name))
    assert lab.run(PLAIN) == f"returned {text}"


@pytest.mark.parametrize(
    ("cls", "made"),
    [
        ("json.JSONDecodeError", "RuntimeError"),
        ("subprocess.CalledProcessError", "CalledProcessError"),
        ("socket.timeout", "TimeoutError"),
    ],
)
def test_an_exception_that_is_hard_to_make_still_carries_the_token(lab: Lab, cls: str, made: str) -> None:
    lab.arm(a_fault("raise", cls))
    said = lab.run(PLAIN)
    assert said.startswith(f"raised {made}|")
    assert TOKEN in said


@pytest.mark.parametrize("cls", ["NoSuchError", "no_such_package.Error", "json.NoSuchError"])
def test_an_exception_that_is_not_there_is_told_with_the_token(lab: Lab, cls: str) -> None:
    lab.arm(a_fault("raise", cls))
    said = lab.run(PLAIN)
    assert said.startswith("raised ")
    assert TOKEN in said
    assert cls in said


def test_delay_waits_the_seconds_and_goes_on(lab: Lab) -> None:
    lab.arm(a_fault("delay", "0.2"))
    assert lab.run(PLAIN) == "returned 'real'"
    fired, mile = lab.records("fired")[0], lab.records("mile")[0]
    assert mile.at - fired.at >= 0.2


def test_delay_in_a_greenthread_lets_the_others_go_on(lab: Lab) -> None:
    lab.arm(a_fault("delay", "0.2"))
    said = lab.run("""
    import eventlet
    eventlet.monkey_patch()
    import spot
    slow, other = eventlet.spawn(spot.tell), eventlet.spawn(spot.say, "the other")
    slow.wait()
    """)
    assert said.splitlines()[-2:] == ["the other", "returned 'real'"]


# --- stall and freeze ------------------------------------------------------------------------------------------------

BESIDE_A_THREAD = """
import signal, threading, time, spot
def tick():
    while True:
        time.sleep(0.01)
        spot.say("tick")
signal.signal(signal.SIGUSR1, lambda number, frame: spot.say("handled"))
threading.Thread(target=tick, daemon=True).start()
"""
IN_THE_MAIN_THREAD = BESIDE_A_THREAD + "spot.reach()\n"
IN_ANOTHER_THREAD = BESIDE_A_THREAD + "threading.Thread(target=spot.reach).start()\nwhile True: signal.pause()\n"
PATCHED = "import eventlet\neventlet.monkey_patch()\n" + BESIDE_A_THREAD
IN_THE_MAIN_GREENTHREAD = PATCHED + "spot.reach()\n"
IN_ANOTHER_GREENTHREAD = PATCHED + "eventlet.spawn(spot.reach).wait()\n"
BESIDE_OTHERS = pytest.mark.parametrize(
    "script",
    [IN_THE_MAIN_THREAD, IN_ANOTHER_THREAD, IN_THE_MAIN_GREENTHREAD, IN_ANOTHER_GREENTHREAD],
    ids=["main-thread", "another-thread", "main-greenthread", "another-greenthread"],
)


@BESIDE_OTHERS
def test_a_stall_blocks_only_who_reached_the_site(lab: Lab, script: str) -> None:
    lab.arm(a_fault("stall"))
    started = lab.start(script)
    lab.hears_kind("fired")
    is_silent(started.out, for_s=0)     # takes away what was said before
    started.says(b"tick\ntick\ntick\n")
    os.kill(started.pid, signal.SIGUSR1)
    started.says(b"handled")
    assert not lab.records("mile")


@BESIDE_OTHERS
def test_a_freeze_blocks_every_thread_and_every_signal_handler(lab: Lab, script: str) -> None:
    lab.arm(a_fault("freeze"))
    started = lab.start(script)
    lab.hears_kind("fired")
    becomes_silent(started.out, lab.deadline, for_s=0.2)
    os.kill(started.pid, signal.SIGUSR1)
    assert is_silent(started.out, for_s=0.2)
    assert os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None, "it lives"


WRITES_A_TEMPORARY_FILE = """
import os, spot
spot.tell()
try:
    with open(os.environ["TMPDIR"] + "/file", "wb") as file:
        file.write(bytes(65536))
    os.unlink(file.name)
    spot.say("written")
except OSError as error:
    spot.say("errno %d" % error.errno)
"""


@pytest.mark.parametrize("more", [0, 3])
def test_a_limit_of_descriptors_leaves_exactly_as_many_as_it_says(lab: Lab, more: int) -> None:
    lab.arm(a_fault("limit", "nofile", str(more)))
    said = lab.run("""
        import os, spot
        spot.tell()
        count = 0
        try:
            while True:
                os.dup(0)
                count += 1
        except OSError as error:
            spot.say("%d more, errno %d" % (count, error.errno))
    """)
    assert f"{more} more, errno 24" in said


@pytest.mark.parametrize(("amount", "root_sees"), [("0", "errno 28"), ("32", "errno 28"), ("128", "written")])
def test_a_small_disk_is_the_kernels_own_or_no_file_may_grow(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, amount: str, root_sees: str
) -> None:
    (lab.folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(lab.folder / "tmp"))
    lab.arm(a_fault("limit", "disk", amount))
    said = lab.run(WRITES_A_TEMPORARY_FILE)
    means = lab.records("means")[0].fields[0]
    assert (root_sees if means.startswith("a tmpfs") else root_sees.replace("28", "27")) in said
    assert not list((lab.folder / "tmp").iterdir()), "the file system goes with its process"


TWO_ADDRESSES = """
import socket, spot
listening = [socket.create_server(("127.0.0.1", 0))]
port = listening[0].getsockname()[1]
before = [entry[4][0] for entry in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)]
spot.tell()
spot.tell()
after = [entry[4] for entry in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)]
spot.say("%s then %s" % (before, [host for host, _ in after]))
spot.say("elsewhere %s" % [entry[4][0] for entry in socket.getaddrinfo("127.0.0.9", port, type=socket.SOCK_STREAM)])
try:
    socket.socket().connect(after[0])
except ConnectionRefusedError:
    spot.say("nobody on the first")
spot.say("reached %s" % socket.create_connection(("127.0.0.1", port)).getpeername()[0])
listening.append(socket.create_server(after[0]))
spot.say("reached %s" % socket.create_connection(("127.0.0.1", port)).getpeername()[0])
"""


@pytest.mark.parametrize("patching", ["", "import eventlet\neventlet.monkey_patch()\n"], ids=["plain", "after-patching"])
def test_two_addresses_puts_one_on_which_nobody_listens_before_this_machines_own(lab: Lab, patching: str) -> None:
    """Once, however often the site is reached; who tries all that a name has comes to the second, and meets the first."""
    lab.arm(a_fault("two_addresses"))
    lines = lab.run(patching + TWO_ADDRESSES).splitlines()
    assert lines[-5:] == [
        "['127.0.0.1'] then ['127.0.0.2', '127.0.0.1']", "elsewhere ['127.0.0.9']", "nobody on the first",
        "reached 127.0.0.1", "reached 127.0.0.2"]
