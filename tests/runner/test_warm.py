"""Warm starts: what is forked looks like a fresh start, and what cannot be forked faithfully is run cold, with the reason."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.model import Exited, Expectation, Fault, Hits, Killed, Observation
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from processes import Deadline, below, is_alive
from runner.starting import LONG, Stage

LOOK = """
import atexit, json, signal, sys, os, time
def look():
    import helper_module
    main = sys.modules["__main__"]
    stat = open("/proc/self/stat").read().rpartition(")")[2].split()
    me = {
        "argv": sys.argv, "orig_argv": sys.orig_argv, "file": main.__file__, "spec": repr(main.__spec__),
        "main": sorted(name for name in vars(main) if name.startswith("__")), "path": sys.path, "cwd": os.getcwd(),
        "cmdline": open("/proc/self/cmdline").read(), "comm": open("/proc/self/comm").read(),
        "environ": sorted(open("/proc/self/environ").read().split(chr(0))), "os.environ": dict(os.environ),
        "session": os.getsid(0) == os.getpid() == os.getpgid(0), "umask": os.umask(0o22),
        "fds": {fd: os.readlink("/proc/self/fd/" + fd) for fd in sorted(os.listdir("/proc/self/fd"))
                if os.path.lexists("/proc/self/fd/" + fd)},
        "threads": len(os.listdir("/proc/self/task")), "signals": {n: str(signal.getsignal(n)) for n in (1, 2, 13, 15, 17)},
        "masks": [line for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn"))],
        "flags": str(sys.flags), "stdout": [sys.stdout.isatty(), sys.stdout.line_buffering, sys.stdout.encoding],
        "helper": helper_module.VALUE, "terminal": stat[4],
    }
    me["fds"] = {fd: what.partition("[")[0].partition(":")[0] for fd, what in me["fds"].items() if "/proc/" not in what}
    print(json.dumps(me))
atexit.register(print, "the interpreter ended as it does")
look()
sys.exit(3)
"""


class Warming:
    """A module that the launcher imports, and the launcher, cold and warm."""

    def __init__(self, stage: Stage, pool: Pool, module: str) -> None:
        self.stage, self.pool = stage, pool
        (stage.folder / "helper_module.py").write_text(module, encoding="utf-8")

    def request(self, script: str, *faults: Fault, ahead: Sequence[str] = ("import\thelper_module",)) -> Request:
        request = self.stage.request(script, *faults, limits=LONG)
        path = self.pool.remember((f"path\t{self.stage.folder}\t" + "\t".join(_paths()), *ahead))
        return replace(request, ahead=path, places="", env=(*request.env, ("PYTHONDONTWRITEBYTECODE", "1")))

    def both(self, script: str) -> tuple[Observation, Observation]:
        request = self.request(script)
        return self.pool.run_one(replace(request, ahead="")), self.pool.run_one(request)


def _paths() -> list[str]:
    import sys

    return [path for path in sys.path if path]


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_warm_start_looks_like_a_cold_one_in_everything_that_it_can_ask_for(stage: Stage, pool: Pool) -> None:
    with pool:
        cold, warm = Warming(stage, pool, "VALUE = 7").both(LOOK)
        assert (cold.started_as, warm.started_as) == ("cold", "warm")
        assert cold.ending == warm.ending == Exited(3)
        first, second = (_looked(seen, pool.folder) for seen in (cold, warm))
        assert first == second
        assert cold.output.endswith("the interpreter ended as it does\n")
        assert warm.output.endswith("the interpreter ended as it does\n")


def _looked(seen: Observation, folder: str) -> object:
    """What the launcher saw, with the one folder of the run for any."""
    return json.loads(re.sub(re.escape(folder) + r"/\d{7}", "RUN", seen.output.splitlines()[0]))


def test_what_an_import_prints_comes_first_where_a_cold_start_prints_it_too(stage: Stage, pool: Pool) -> None:
    with pool:
        warming = Warming(stage, pool, "print('imported', flush=True)")
        request = warming.request("import helper_module\nprint('main')", ahead=("import\thelper_module", "said\timported"))
        assert pool.run_one(request).output == "imported\nmain\n"
        silent = warming.request("print('main')", ahead=("import\thelper_module", "said\tsomething else"))
        assert pool.run_one(silent).output == "main\n"


NOT_AS_PRISTINE = {
    "a thread": ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "thread"),
    "a watchdog": ("import faulthandler\nfaulthandler.dump_traceback_later(60)", "thread"),
    "a socket": ("import socket\nopened = socket.socket()", "socket"),
    "a pipe": ("import os\nends = os.pipe()", "pipe"),
    "a file": ("opened = open('/etc/hostname')", "/etc/hostname"),
    "a child": ("import subprocess\nchild = subprocess.Popen(['sleep', '60'])", "process"),
    "an alarm": ("import signal\nsignal.alarm(60)", "alarm"),
    "its pid": ("import os\nME = os.getpid()", "number in ME"),
    "its pid, by that name": ("import os\nMY_PID = os.getpid()", "number in MY_PID"),
    "the time": ("import time\nBEGAN = time.time()", "time of its import in BEGAN"),
    "a clock": ("import time\nUNTIL = time.monotonic()", "time of its import in UNTIL"),
    "nanoseconds": ("import time\nBEGAN = time.perf_counter_ns()", "time of its import in BEGAN"),
    "a selector": ("import selectors\nSELECTOR = selectors.DefaultSelector()", "eventpoll"),
    "its folder": ("import os\nHERE = os.environ['TMPDIR'] + '/x'", "path of one run in HERE"),
    "a hook at every fork": ("import os\nos.register_at_fork(before=lambda: None)", "every fork"),
    "an error": ("raise RuntimeError('not here')", "not here"),
    "an exit": ("import sys\nsys.exit('enough')", "enough"),
    "an end": ("import os\nos._exit(3)", "ended while it imported"),
}


def _past_the_small_pids() -> None:
    """Use up those that may be any constant: the next processes have larger ones."""
    while int(Path("/proc/loadavg").read_text(encoding="ascii").split()[-1]) < 1100:
        subprocess.run(["true"], check=True)


@pytest.mark.parametrize("what", NOT_AS_PRISTINE)
def test_imports_that_a_fork_would_not_carry_over_make_the_case_run_cold(stage: Stage, pool: Pool, what: str) -> None:
    module, reason = NOT_AS_PRISTINE[what]
    if what == "its pid":
        _past_the_small_pids()
    with pool:
        seen = pool.run_one(Warming(stage, pool, module).request("sys.exit(4)"))
        assert seen.ending == Exited(4)
        assert seen.started_as.startswith("cold: ")
        assert reason in seen.started_as


def test_imports_that_read_the_configuration_make_the_case_run_cold_where_each_run_has_its_own(
    stage: Stage, pool: Pool
) -> None:
    with pool:
        warming = Warming(stage, pool, "import _chaos_agent\n_chaos_agent.hit('config.parse')")
        request = warming.request("sys.exit(4)")
        assert pool.run_one(request).started_as == "warm"
        assert "its configuration" in pool.run_one(replace(request, config="[DEFAULT]\n")).started_as


def test_what_chaos_reads_itself_is_no_hit_of_the_target(stage: Stage, pool: Pool) -> None:
    with pool:
        warming = Warming(stage, pool, "import builtins, _chaos_agent\nreal = builtins.open\n"
                          "def watched(*given, **named):\n    _chaos_agent.hit('file.open')\n"
                          "    return real(*given, **named)\nbuiltins.open = watched")
        request = warming.request("open('/etc/hostname').close()")
        runs = [pool.run_one(request) for _ in range(3)]
        hits = [[hit.number for hit in seen.hits if hit.site == "file.open"] for seen in runs]
        assert {seen.started_as for seen in runs} == {"warm"}
        assert hits[0] == hits[1] == hits[2] == list(range(1, len(hits[0]) + 1)) != []
        assert hits[0] == [1], "the script opens one file"


@pytest.mark.parametrize("most", [64, 256])
def test_a_warm_start_needs_no_more_descriptors_than_are_allowed(stage: Stage, pool: Pool, most: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        with pool:
            assert pool.run_one(Warming(stage, pool, "VALUE = 7").request("sys.exit(4)")).started_as == "warm"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_module_that_logs_once_logging_is_set_up_is_left_to_the_case(stage: Stage, pool: Pool) -> None:
    with pool:
        warming = Warming(stage, pool, "import logging\nlogging.getLogger().warning('imported')")
        request = warming.request("import helper_module", ahead=("import\tlogging", "logging", "import\thelper_module"))
        seen = pool.run_one(request)
        assert (seen.started_as, seen.output) == ("warm", "imported\n")


def test_the_same_process_is_forked_from_again_and_nothing_stays_of_the_case_before(stage: Stage, pool: Pool) -> None:
    with pool:
        warming = Warming(stage, pool, "SEEN = []")
        request = warming.request("import helper_module\nhelper_module.SEEN.append(1)\nsys.exit(len(helper_module.SEEN))")
        seen = [pool.run_one(request) for _ in range(5)]
        assert [(one.started_as, one.ending) for one in seen] == [("warm", Exited(1))] * 5


def test_a_supervisor_stays_for_the_next_case_where_a_command_says_when_a_warm_one_serves(stage: Stage, pool: Pool) -> None:
    with pool:
        warming = Warming(stage, pool, "")
        request = replace(warming.request("signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nfor_ever()"),
                          ready=("command: true",), expected=Expectation(servers=0, notifies=False))
        seen, children = [], set[str]()
        for _ in range(3):
            seen.append(pool.run_one(request))
            assert pool.host is not None
            host = pool.host.process.pid
            children.add(Path(f"/proc/{host}/task/{host}/children").read_text(encoding="ascii"))
        assert [(one.started_as, one.stopped_watching, one.harness) for one in seen] == [("warm", "served", "")] * 3
        assert len(children) == 1, "a supervisor and what the cases are forked from"


def test_cases_that_run_at_once_are_forked_from_one_process_and_kept_apart(stage: Stage) -> None:
    with Pool(4) as pool:
        warming = Warming(stage, pool, "VALUE = 1")
        requests = [warming.request(f"time.sleep(0.2)\nprint(os.environ['TMPDIR'])\nsys.exit({n})") for n in range(8)]
        done = {request.case_id: seen for request, seen in pool.run(requests) if seen is not None}
        assert sorted(one.ending.status for one in done.values() if isinstance(one.ending, Exited)) == list(range(8))
        assert len({one.output for one in done.values()}) == 8
        assert {one.started_as for one in done.values()} == {"warm"}


def test_two_interpreters_import_at_once_and_each_becomes_cases_of_its_own(stage: Stage) -> None:
    gate = stage.folder / "gate"
    os.mkfifo(gate)
    with Pool(2) as pool:       # whoever opens one side of the gate waits for the other
        warming = Warming(stage, pool, f"import os\nopen({str(gate)!r}, os.environ['SIDE']).close()")
        requests = [replace(warming.request(f"print(os.environ['SIDE'], os.environ['TMPDIR'])\nsys.exit({n})"),
                            env=(("SIDE", side),)) for n, side in enumerate("rw")]
        done = {request.case_id: seen for request, seen in pool.run(requests) if seen is not None}
    seen = [done[request.case_id] for request in requests]
    assert [(one.started_as, one.ending) for one in seen] == [("warm", Exited(0)), ("warm", Exited(1))]
    assert [one.output.split()[0] for one in seen] == ["r", "w"]
    assert len({one.output.split()[1] for one in seen}) == 2


def test_four_variants_in_turn_are_imported_once_each(stage: Stage, pool: Pool) -> None:
    imported = stage.folder / "imported"
    with pool:
        warming = Warming(stage, pool, f"with open({str(imported)!r}, 'a') as out: out.write('.')")
        variants = [replace(warming.request("sys.exit(4)"), env=(("VARIANT", str(n)),)) for n in range(4)]
        assert {pool.run_one(request).started_as for request in variants * 2} == {"warm"}
    assert imported.read_text() == "...."


def test_a_process_to_fork_from_is_not_given_up_while_a_case_of_it_runs(stage: Stage) -> None:
    gate = stage.folder / "gate"
    os.mkfifo(gate)
    with Pool(6) as pool:
        warming = Warming(stage, pool, "VALUE = 1")
        slow = warming.request(f"open({str(gate)!r}).read()\nsys.exit(9)")
        others = [replace(warming.request(f"sys.exit({n})"), env=(("OTHER", str(n)),)) for n in range(5)]
        done = []
        for request, seen in pool.run([slow, *others]):
            if seen is not None:
                done.append((request.case_id, seen.started_as, seen.ending))
                if len(done) == 5:
                    gate.write_text("")     # opens once the slow one reads: it still waits
    assert done[-1] == (slow.case_id, "warm", Exited(9))
    assert {started for _, started, _ in done} == {"warm"}


def test_how_a_warm_case_was_killed_is_known(stage: Stage, pool: Pool) -> None:
    with pool:
        seen = pool.run_one(Warming(stage, pool, "").request("os.kill(os.getpid(), 11)"))
        assert (seen.started_as, seen.ending) == ("warm", Killed("SIGSEGV"))


ORPHAN = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note()
        for number in range(1, 32):
            if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
        os.write(gate[1], b".")
        for_ever()
    os._exit(0)
"""


def test_an_orphan_of_a_warm_case_is_left_over_and_killed(stage: Stage, pool: Pool) -> None:
    with pool:
        seen = pool.run_one(Warming(stage, pool, "").request(f"gate = os.pipe()\n{ORPHAN}\nos.wait(); os.read(gate[0], 1)"))
        assert (seen.started_as, seen.ending) == ("warm", Exited(0))
        assert [one.pid for one in seen.leftovers] == stage.noted()[-1:]


def test_a_fault_fires_in_a_warm_case_and_its_exception_carries_the_token(stage: Stage, pool: Pool) -> None:
    fault = Fault("process.fork", "raise", ("BlockingIOError", "EAGAIN"), None, Hits(1, 1))
    with pool:
        seen = pool.run_one(Warming(stage, pool, "").request("os.fork()", fault))
        assert (seen.started_as, seen.ending) == ("warm", Exited(1))
        (firing,) = seen.fired
        assert firing.token in seen.output


def test_a_fault_at_a_site_that_the_imports_reach_is_run_cold(stage: Stage, pool: Pool) -> None:
    fault = Fault("process.fork", "raise", ("BlockingIOError", "EAGAIN"), None, Hits(1, 1))
    module = "import os\nif os.fork() == 0: os._exit(0)\nos.wait()"
    with pool:
        seen = pool.run_one(Warming(stage, pool, module).request("import helper_module", fault))
        assert seen.started_as == "cold: process.fork is reached by the target's imports"
        assert len(seen.fired) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_host_that_is_killed_while_a_warm_case_runs(
    stage: Stage, deadline: Deadline, number: signal.Signals
) -> None:
    gate = stage.folder / "gate"
    os.mkfifo(gate)
    with Pool() as pool:
        request = Warming(stage, pool, "").request(f"note()\nopen({str(gate)!r}, 'w').close()\nfor_ever()")
        running = pool.run([request])
        next(running)
        gate.read_text()
        assert pool.host is not None
        found = list(below(pool.host.process.pid))
        pool.host.process.send_signal(number)
        assert [seen.harness for _, seen in running if seen is not None] == ["the host process died"]
        while any(map(is_alive, found)):
            deadline.left_s("the zygote, the warden and the case")


def test_an_import_that_never_ends_does_not_outlive_a_host_that_is_killed(stage: Stage, deadline: Deadline) -> None:
    gate = stage.folder / "gate"
    os.mkfifo(gate)
    module = f"open({str(gate)!r}, 'w').close()\nimport signal\nsignal.pause()"
    with Pool() as pool:
        running = pool.run([Warming(stage, pool, module).request("sys.exit(4)")])
        next(running)
        gate.read_text()
        assert pool.host is not None
        found = list(below(pool.host.process.pid))
        assert found
        pool.host.process.kill()
        assert [seen.harness for _, seen in running if seen is not None] == ["the host process died"]
        while any(map(is_alive, found)):
            deadline.left_s("the process that imports")
