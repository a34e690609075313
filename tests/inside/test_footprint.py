"""The agent leaves the target as it is: no descriptor, no thread, no module, no noise, on every CPython from 3.6 on."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest

from chaos.model import Hits
from inside.interpreters import INSIDE, SITE, TOKEN, Lab, a_fault
from other_pythons import PYTHONS as OTHERS

PYTHONS = {"this": sys.executable} | {f"py{version}": path for version, path in OTHERS.items()}
EVERY_PYTHON = pytest.mark.parametrize("python", PYTHONS.values(), ids=list(PYTHONS))

LOOK = """
import os, sys
fds = [fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)]
threads = [line for line in open("/proc/self/status") if line.startswith("Threads")]
modules = sorted(sys.modules)
import json
print(json.dumps([len(fds), threads, modules, sorted(sys.builtin_module_names), sorted(os.environ)]))
"""


@EVERY_PYTHON
def test_it_holds_no_descriptor_adds_no_thread_and_imports_only_builtin_modules(lab: Lab, python: str) -> None:
    lab.arm(a_fault("raise", site="process.fork"))
    bare = {name: value for name, value in lab.environment().items() if name != "CHAOS_AGENT"}
    without = json.loads(lab.run(LOOK, python=python, env={**bare, "PYTHONPATH": "/nowhere"}))
    armed = json.loads(lab.run(LOOK, python=python))
    assert lab.records("start")
    assert armed[:2] == without[:2]
    ours = {"sitecustomize", "_chaos_agent", "_chaos_effects", "_chaos_look", "_chaos_tally"}
    added = set(armed[2]) - set(without[2]) - ours
    assert added <= set(armed[3])
    assert not {"threading", "logging", "json", "socket", "ctypes"} & added
    assert "CHAOS_ROLE" not in armed[4]


EVERYTHING = """
import multiprocessing, os, subprocess, sys, threading, spot
if __name__ == "__main__":
    spot.tell()
    spot.tell()
    pid = os.fork()
    if pid == 0:
        spot.reach()
        os._exit(0)
    os.waitpid(pid, 0)
    subprocess.check_call([sys.executable, "-c", "import spot; spot.reach()"])
    worker = multiprocessing.get_context("spawn").Process(target=spot.reach)
    worker.start()
    worker.join()
    thread = threading.Thread(target=spot.reach); thread.start(); thread.join()
    spot.say("end %d" % worker.exitcode)
"""


@EVERY_PYTHON
def test_sites_faults_and_roles_work_in_every_kind_of_process(lab: Lab, python: str) -> None:
    lab.arm(a_fault("raise", "OSError", "EMFILE", role="parent", hits=Hits(1, 1)))
    said = lab.run(EVERYTHING, python=python).splitlines()
    assert said == [f"raised OSError|24|[Errno 24] injected [{TOKEN}]", "returned 'real'", "end 0"]
    hits = [(said.role, said.fields[1]) for said in lab.records("hit") if said.fields[0] == SITE]
    parent, worker, helper = "parent", "worker.0", "helper"
    assert hits == [(parent, "1"), (parent, "2"), (worker, "1"), (helper, "1"), (worker, "2"), (parent, "3")]
    assert {("parent", "thread.spawn"), ("parent", "thread.body"), ("parent", "process.fork"),
            ("parent", "process.spawn"), ("worker.0", "process.body")} <= {
                (said.role, said.fields[0]) for said in lab.records("hit")}


# --- the sitecustomize that it hides ---------------------------------------------------------------------------------


@EVERY_PYTHON
def test_the_sitecustomize_that_it_hides_is_run_as_itself(lab: Lab, python: str) -> None:
    hidden = lab.write("site/sitecustomize.py", "import os\nos.write(1, (__name__ + ' ' + __file__ + '\\n').encode())\n")
    said = lab.run(
        "import sitecustomize, spot\nspot.say(sitecustomize.__file__)\nspot.tell()\n",
        python=python,
        env=lab.environment(before=[hidden.parent]),
    )
    assert said.splitlines() == [f"sitecustomize {hidden}", str(hidden), "returned 'real'"]
    assert lab.numbers() == [1]


def test_a_hidden_sitecustomize_that_fails_is_told_as_python_tells_it_and_the_agent_works(lab: Lab) -> None:
    hidden = lab.write("site/sitecustomize.py", "raise RuntimeError('its own fault')\n")
    said = lab.run("import spot\nspot.tell()\n", env=lab.environment(before=[hidden.parent]))
    assert "RuntimeError: its own fault" in said
    assert said.splitlines()[-1] == "returned 'real'"
    assert lab.numbers() == [1]


def test_it_does_nothing_where_it_is_not_armed(lab: Lab) -> None:
    env = lab.environment()
    del env["CHAOS_AGENT"]
    said = lab.run("import os, signal, spot\nspot.tell()\nspot.say(os.fork.__module__)\nspot.say(str(signal.getsignal(61)))",
                   env=env)
    assert said.splitlines() == ["returned 'real'", "posix", "0"]
    assert not lab.records()


# --- when it cannot report -------------------------------------------------------------------------------------------

QUIET = """
import os, spot, threading
spot.tell()
os.fork() or os._exit(0)        # before the thread: Python 3.12 warns of one that has just ended
os.wait()
thread = threading.Thread(target=spot.tell); thread.start(); thread.join()
spot.say("end")
"""
UNHARMED = ["returned 'real'", "returned 'real'", "end"]


@EVERY_PYTHON
def test_it_is_silent_where_its_folder_is_gone(lab: Lab, python: str) -> None:
    lab.arm(a_fault("raise"))
    env = {**lab.environment(), "CHAOS_AGENT": str(lab.folder / "gone")}
    assert lab.run(QUIET, python=python, env=env).splitlines() == UNHARMED


def test_it_is_silent_where_its_folder_goes_while_it_runs(lab: Lab) -> None:
    lab.arm(a_fault("raise"))
    script = f"import os\nos.remove(os.environ['CHAOS_AGENT'] + '/hits')\n{QUIET}"
    assert lab.run(script).splitlines() == UNHARMED
    assert not lab.numbers()


def test_it_is_silent_where_nobody_reads(lab: Lab) -> None:
    shutil.move(lab.folder / "events", lab.folder / "unread")
    os.mkfifo(lab.folder / "events")
    assert lab.run(QUIET).splitlines() == UNHARMED


def test_it_is_silent_where_the_fifo_is_gone_and_still_fires(lab: Lab) -> None:
    lab.arm(a_fault("return", "7", role="parent"))
    (lab.folder / "events").rename(lab.folder / "gone")
    assert lab.run(QUIET).splitlines() == ["returned 7", "returned 7", "end"]


@EVERY_PYTHON
def test_a_question_imports_nothing_of_ours(lab: Lab, python: str) -> None:
    """Who forks beside an import leaves the module locked in the child, and the next question would hang there."""
    said = lab.run("""
    import builtins, os
    real, imported = builtins.__import__, []
    def noting(name, *rest, **more):
        imported.extend([name] if name.startswith("_chaos_") else [])
        return real(name, *rest, **more)
    builtins.__import__ = noting
    for number in (60, 61, 62): os.kill(os.getpid(), number)
    print(imported)
    """, python=python)
    assert said.splitlines() == ["[]"]


def test_a_full_fifo_delays_the_target_but_never_blocks_it(lab: Lab) -> None:
    started = lab.start("import spot\nfor _ in range(3000): spot.tell()\n")
    assert started.status() == 0
    assert len(lab.records("mile")) < 3000


def test_it_is_silent_where_the_target_has_no_descriptor_left(lab: Lab) -> None:
    said = lab.run("""
    import os, resource, spot
    resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
    held = []
    try:
        while True: held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        spot.tell()
    os.fork() or os._exit(0)
    os.wait()
    os.close(held[0])
    spot.tell()
    """)
    assert said.splitlines() == ["returned 'real'", "returned 'real'"]
    assert lab.numbers() == [1], "the hit that could not be counted is not made up, the next one is right"


def test_a_target_that_closes_every_descriptor_loses_no_record(lab: Lab) -> None:
    lab.run("import os, spot\nspot.reach()\nos.closerange(0, 256)\nspot.reach()\n")
    assert lab.numbers() == [1, 2]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_target_that_drops_its_rights_loses_no_record(lab: Lab) -> None:
    lab.folder.chmod(0o755)
    (lab.folder / "hits").chmod(0o666)
    (lab.folder / "events").chmod(0o622)
    lab.run("import os, spot\nos.setgid(65534)\nos.setuid(65534)\nspot.reach()\n")
    assert lab.numbers() == [1]


def test_a_record_of_any_length_and_any_characters_is_one_line(lab: Lab) -> None:
    lab.arm(a_fault("raise", "RuntimeError"))
    lab.run("import _chaos_agent as agent\nagent.record('mile', 'a\\tb\\nc\\\\n\\udcff\\u20ac', 'x' * 9000)\n")
    (said,) = lab.records("mile")
    assert said.fields[0] == "a\tb\nc\\n\\udcff\u20ac"
    assert set(said.fields[1]) == {"x"}
    assert 3000 < len(said.fields[1]) < 4096


def test_functions_keep_their_names_and_documentation(lab: Lab) -> None:
    said = lab.run("""
    import inspect, os, threading, spot
    for function in (os.fork, threading.Thread.start, spot.reach):
        spot.say("%s %s %s" % (function.__name__, function.__qualname__, bool(inspect.signature(function)) ))
    """)
    assert said.splitlines() == ["fork fork True", "start Thread.start True", "reach reach True"]


def test_the_signals_of_the_agent_are_not_taken_from_a_target_that_uses_them(lab: Lab) -> None:
    hidden = lab.write("site/sitecustomize.py", "import signal, os\nsignal.signal(61, lambda n, f: os.write(1, b'mine'))\n")
    said = lab.run("import os\nos.kill(os.getpid(), 61)\n", env=lab.environment(before=[hidden.parent]))
    assert said == "mine"


def test_nothing_of_chaos_can_be_imported_in_the_target_by_the_agents_folder() -> None:
    names = {path.stem for path in INSIDE.glob("*.py")} - {"__init__", "sitecustomize"}
    assert names
    assert all(name.startswith("_chaos_") for name in names)


ASKED_TOO_LATE = """
import os
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        for number in (60, 61, 62):
            kill(pid, number)
late = Late()
"""


@EVERY_PYTHON
def test_a_question_that_comes_while_the_interpreter_ends_does_not_kill(lab: Lab, python: str) -> None:
    lab.arm()
    one = lab.start(ASKED_TOO_LATE, python=python)
    one.all_lines()
    assert one.status() == 0
