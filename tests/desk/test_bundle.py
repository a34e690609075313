"""A bundled script shows what chaos saw, in a Python in which there is no chaos: only the launcher and its libraries."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import chaos.sample
from chaos.bundle import script_of
from chaos.caseid import parse_case
from chaos.model import (
    Broken,
    Ending,
    Exited,
    Expectation,
    Firing,
    Grade,
    Judged,
    Killed,
    Limits,
    Observation,
    Outcome,
    StillRunning,
    Verdict,
    token_of,
)
from chaos.prepare import Timing, request_for
from chaos.target import Target, resolve
from overtaken import OVERTAKEN
from processes import Deadline, below, watched

START = "chaos.sample.careless:CarelessService.start"
HANGS = (Outcome.HANG_PROVEN, StillRunning(1.0), ("ends", "ready-means-ready"))
SHOWN: dict[str, tuple[str, tuple[Outcome, Ending, tuple[str, ...]]]] = {
    "naive/eventlet/w1/service.start@parent=raise:RuntimeError":
        (START, (Outcome.FALSE_SUCCESS, Exited(0), ("status", "ready-means-ready"))),
    "naive/eventlet/w1/service.start@parent=exit:0": (START, (Outcome.FALSE_SUCCESS, Exited(0), ("status",))),
    "naive/threading/w1/process.fork@parent=raise:BlockingIOError:EAGAIN": ("", HANGS),
    "naive/threading/w1/process.fork@parent#1=raise:BlockingIOError:EAGAIN": ("", HANGS),
    "naive/eventlet/w2/process.fork@parent#2=raise:BlockingIOError:EAGAIN":
        ("", (Outcome.CLEAN_EXIT, Exited(1), ("nobody-left",))),
    "naive/threading/w1/thread.spawn@worker=raise:RuntimeError": ("threading:Thread.start", HANGS),
    "naive/eventlet/w1/config.file=missing": ("", (Outcome.CLEAN_EXIT, Exited(1), ("cause",))),
}
"""What chaos sees (as in the report of a sweep of ``naive``): where it fired, and outcome, end and broken promises."""


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with every library that is here but chaos; of that only the launcher that is to be shown."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("chaos", "startup_chaos", "__")) and path.suffix != ".pth":
            (site / path.name).symlink_to(path)
    (site / "chaos").mkdir()
    (site / "chaos" / "__init__.py").touch()
    shutil.copytree(Path(chaos.sample.__file__).parent, site / "chaos" / "sample")
    return folder / "bin" / "python"


def test_the_plain_python_has_the_launcher_and_no_chaos(plain: Path) -> None:
    for module, found in (("chaos.sample.naive", True), ("chaos.cli", False), ("_chaos_agent", False)):
        done = subprocess.run([plain, "-c", f"import {module}"], cwd=plain.parent, capture_output=True, check=False)
        assert (done.returncode == 0) is found, module


@pytest.mark.parametrize("case_id", SHOWN)
def test_the_script_shows_what_chaos_saw_and_leaves_nothing(
    case_id: str, plain: Path, tmp_path: Path, deadline: Deadline,
) -> None:
    where, (outcome, ending, promises) = SHOWN[case_id]
    case = parse_case(case_id)
    fired = Firing(0.5, 0, case.faults[0].site, "parent", 1, 1, "raise", token_of(case_id, 0), where=where)
    seen = Observation(ending=ending, elapsed_s=1.0, limits=Limits(orphan_s=0.5), expected=Expectation(case.workers),
                       stopped_watching="ended", fired=(fired,), ready_s=0.4 if "ready-means-ready" in promises else None)
    judged = Judged(case, seen, Verdict(outcome, Grade.FAIL, tuple(Broken(one, "so it is") for one in promises)))
    shown(resolve("naive"), judged, plain, tmp_path, deadline)


def shown(target: Target, judged: Judged, python: Path, cwd: Path, deadline: Deadline) -> str:
    """What the script prints, which sees all that it should and leaves nothing."""
    script, temporary = cwd / "shown.py", cwd / "tmp"
    request = request_for(target, judged.case, Timing(), None)
    script.write_text(script_of(request, target.command, judged, (("Python", "3"),)))
    temporary.mkdir()
    before = set(below(os.getpid()))
    done = subprocess.run([python, script], cwd=cwd, env={**os.environ, "TMPDIR": str(temporary)}, text=True,
                          capture_output=True, timeout=deadline.left_s("the script"), check=False)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert "NO " not in done.stdout
    assert set(below(os.getpid())) <= before
    assert not list(temporary.iterdir())
    return done.stdout


WEB = '''\
import contextlib, os, socket, sys, threading


def main():
    with open(sys.argv[2]) as config, socket.create_server(("127.0.0.1", int(sys.argv[1]))) as served:
        places = {config.read().strip(), os.environ["WEB_STATE"]}
        print("at %d, in %s" % (served.getsockname()[1], " and ".join(map(os.path.basename, places))),
              all(map(os.path.isdir, places)), flush=True)
        with contextlib.suppress(RuntimeError):     # a finding: nobody serves, and it ends as if all were well
            threading.Thread(target=served.accept).start()
'''


@pytest.mark.parametrize("how", ["callable", "script"])
def test_a_port_and_a_folder_of_the_runs_own_are_filled_in_wherever_they_stand(
    how: str, plain: Path, tmp_path: Path, deadline: Deadline,
) -> None:
    (tmp_path / "web.py").write_text(f"#!{plain}\n{WEB}" + ("main()\n" if how == "script" else ""))
    (tmp_path / "web.py").chmod(0o755)
    target = Target("web", "web:main" if how == "callable" else str(tmp_path / "web.py"), ("{port}", "{config}"),
                    (("WEB_STATE", "{folder}"),), config="{folder}\n")
    case_id = "web/-/w1/thread.spawn@parent#1=raise:RuntimeError"
    fired = Firing(0.1, 0, "thread.spawn", "parent", 1, 1, "raise", token_of(case_id, 0), where="threading:Thread.start")
    seen = Observation(ending=Exited(0), elapsed_s=0.2, limits=Limits(), expected=Expectation(), stopped_watching="ended",
                       fired=(fired,))
    verdict = Verdict(Outcome.FALSE_SUCCESS, Grade.FAIL, (Broken("status", "it exited 0"),))
    out = shown(target, Judged(parse_case(case_id), seen, verdict), plain, tmp_path, deadline)
    assert re.match(r"at \d+, in \w+ True$", out, re.MULTILINE), out


SERVE = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import contextlib, signal, sys, threading
with contextlib.suppress(RuntimeError):
    threading.Thread(target=print).start()
    print("ready", flush=True)
    signal.pause()
"""
"""Begins as an installer begins a console script whose interpreter has a path too long for the kernel, or with a space."""


def test_a_script_that_an_installer_wrote_for_a_long_path_is_bundled_for_the_interpreter_that_it_names(
    tmp_path: Path, deadline: Deadline,
) -> None:
    (tmp_path / "with a space").symlink_to(Path(sys.executable).parent)
    python, script = tmp_path / "with a space" / "python", tmp_path / "serve"
    script.write_text(SERVE.format(python=python))
    script.chmod(0o755)
    case_id = str(script).replace("/", "%2F") + "/-/w1/thread.spawn@parent#1=raise:RuntimeError"
    words = ("-m", "chaos", "bundle", case_id, "--ready", "log: ready", "--out", "shown.py")
    bundled = subprocess.run([sys.executable, *words], cwd=tmp_path, text=True, capture_output=True, check=False,
                             timeout=deadline.left_s("chaos bundle"))
    assert (bundled.returncode, bundled.stderr) == (0, ""), bundled.stdout
    line = bundled.stdout.splitlines()[-1]
    assert line == f"'{python}' shown.py"
    done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, text=True, capture_output=True, check=False,
                          timeout=deadline.left_s("the script"))
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert "NO " not in done.stdout


WELL = Exited(0)


def found(case_id: str, *, where: str = "", ending: Ending = WELL, leaks: tuple[str, ...] = (),
          promise: str = "status") -> Judged:
    """A finding at ``case_id`` as chaos judges it, of a launcher without oslo.service."""
    fired = Firing(0.1, 0, "", "parent", 1, 1, "raise", token_of(case_id, 0), where=where)
    seen = Observation(ending=ending, elapsed_s=0.2, limits=Limits(), expected=Expectation(), stopped_watching="ended",
                       fired=(fired,), leaks=leaks)
    return Judged(parse_case(case_id), seen, Verdict(Outcome.FALSE_SUCCESS, Grade.FAIL, (Broken(promise, "so it is"),)))


def own(folder: Path, text: str, args: tuple[str, ...] = (), env: tuple[tuple[str, str], ...] = (), config: str = "",
        ) -> Target:
    """A launcher that is a script of ``text``."""
    folder.mkdir(exist_ok=True)
    (folder / "own").write_text(f"#!{sys.executable}\n{text}")
    (folder / "own").chmod(0o755)
    return Target("own", str(folder / "own"), args, env, config=config)


CALLS = '''\
import contextlib, os, socket


class Base:
    @classmethod
    def begin(cls, number):
        assert number == 1

    def start(self, number):
        assert number == 1


class Heir(Base):
    pass


def main():
    with contextlib.suppress(OSError):     # a finding: it goes on, and ends as if all were well
        {}
        os._exit(3)
'''


@pytest.mark.parametrize(("site", "where", "call"), [
    ("socket.bind", "socket:socket.bind", "socket.socket().bind(('127.0.0.1', 0))"),
    ("socket.listen", "socket:socket.listen", "socket.socket().listen()"),
    ("socket.connect", "", "socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"),
    ("socket.create", "socket:socket.__init__", "socket.socket()"),
    ("own:Heir.start", "own:Heir.start", "Heir().start(1)"),
    ("own:Heir.begin", "own:Heir.begin", "Heir.begin(1)"),
])
@pytest.mark.parametrize("hit", [1, 2])
def test_a_method_that_its_class_inherits_fails_there_or_does_what_it_does(
    site: str, where: str, call: str, hit: int, tmp_path: Path, deadline: Deadline,
) -> None:
    (tmp_path / "own.py").write_text(CALLS.format("; ".join([call] * hit)))
    judged = found(f"own/-/w1/{site}@parent#{hit}=raise:OSError:EADDRINUSE", where=where)
    shown(Target("own", "own:main"), judged, Path(sys.executable), tmp_path, deadline)


@pytest.mark.parametrize(("hit", "other"), [("#1", "second"), ("#2", "first")])
def test_a_body_of_a_thread_is_met_by_the_order_of_the_starts_as_in_chaos(
    hit: str, other: str, tmp_path: Path, deadline: Deadline,
) -> None:
    ends = f"import os\nos._exit(0 if ran == [{other!r}] else 3)\n"
    target = own(tmp_path, f"ran = []\nsay = ran.append\n{OVERTAKEN}{ends}")
    shown(target, found(f"own/-/w1/thread.body@parent{hit}=raise:RuntimeError"), Path(sys.executable), tmp_path, deadline)


OPENS = """\
import contextlib, os
with contextlib.suppress(OSError):
    open("/dev/null").close()
    {}
    os._exit(3)
"""


@pytest.mark.parametrize(("hit", "more"), [("", ""), ("#1", ""), ("#2", "open('/dev/null').close()")])
def test_the_script_s_own_files_are_opened_by_the_open_that_no_fault_is_in_front_of(
    hit: str, more: str, tmp_path: Path, deadline: Deadline,
) -> None:
    target = own(tmp_path, OPENS.format(more))
    judged = found(f"own/-/w1/file.open@parent{hit}=raise:OSError:EMFILE", where="builtins:open")
    shown(target, judged, Path(sys.executable), tmp_path, deadline)


def test_a_process_that_is_killed_where_it_sends_a_signal_is_killed_once(tmp_path: Path, deadline: Deadline) -> None:
    target = own(tmp_path, "import os\nos.kill(os.getpid(), 0)\n")
    judged = found("own/-/w1/process.signal@parent=kill", where="os:kill", ending=Killed("SIGKILL"))
    shown(target, judged, Path(sys.executable), tmp_path, deadline)


@pytest.mark.parametrize(("fault", "condition"), [
    ("unset:HOME", "'HOME' not in os.environ"),
    ("unset:OF_ITS_ENTRY", "'OF_ITS_ENTRY' not in os.environ"),
    ("unset:NOBODY_HAS_IT", "'NOBODY_HAS_IT' not in os.environ"),
    ("set:LANG:it%27s%20C", "os.environ['LANG'] == 'it\\'s C'"),
    ("set:OF_ITS_ENTRY:other", "os.environ['OF_ITS_ENTRY'] == 'other'"),
    ("set:TMPDIR:%2Fnonexistent", "os.environ['TMPDIR'] == '/nonexistent'"),
])
def test_a_variable_is_set_or_missing_for_the_script_s_launcher_too(
    fault: str, condition: str, tmp_path: Path, deadline: Deadline,
) -> None:
    target = own(tmp_path, f"import os, sys\nsys.exit(0 if {condition} else 3)\n", env=(("OF_ITS_ENTRY", "{folder}"),))
    shown(target, found(f"own/-/w1/env.variable={fault}"), Path(sys.executable), tmp_path, deadline)


@pytest.mark.parametrize("printed", [
    "secret", "quote(secret, safe='')", "b64encode(b'u:' + secret.encode()).decode()", "secret[:8]",
    "json.dumps('nothing')",
])
def test_a_secret_is_found_in_each_form_in_which_chaos_finds_it(
    printed: str, tmp_path: Path, deadline: Deadline,
) -> None:
    text = f"""\
import contextlib, json, sys, threading
from base64 import b64encode
from urllib.parse import quote
secret = open(sys.argv[1]).read().strip()
with contextlib.suppress(RuntimeError):
    threading.Thread(target=print).start()
print({printed})
"""
    target = own(tmp_path, text, ("{config}",), config="{marked.password}\n")
    judged = found("own/-/w1/thread.spawn@parent#1=raise:RuntimeError", where="threading:Thread.start",
                   leaks=("secret 1 (plain) in the output, line 2",), promise="keeps-secrets")
    if "nothing" in printed:
        with pytest.raises(AssertionError, match="NO   a secret of its configuration is in the output"):
            shown(target, judged, Path(sys.executable), tmp_path, deadline)
    else:
        shown(target, judged, Path(sys.executable), tmp_path, deadline)


STAYS = """\
import os, threading, time
if os.fork():
    print("below", file=open(os.environ["GATE"], "w"))
with __import__("contextlib").suppress(RuntimeError):
    threading.Thread(target=print).start()
time.sleep(60)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_a_script_that_is_told_to_end_takes_its_launcher_and_its_folder_with_it(
    number: signal.Signals, status: int, tmp_path: Path, deadline: Deadline,
) -> None:
    target = own(tmp_path, STAYS)
    judged = found("own/-/w1/thread.spawn@parent#1=raise:RuntimeError", where="threading:Thread.start",
                   ending=StillRunning(30.0))
    script, temporary = tmp_path / "shown.py", tmp_path / "tmp"
    script.write_text(script_of(request_for(target, judged.case, Timing(), None), target.command, judged, ()))
    temporary.mkdir()
    os.mkfifo(tmp_path / "gate")
    gate = os.open(tmp_path / "gate", os.O_RDWR)
    was = signal.signal(signal.SIGINT, signal.default_int_handler)     # what is ignored here would be ignored there
    env = {**os.environ, "TMPDIR": str(temporary), "GATE": str(tmp_path / "gate")}
    running = subprocess.Popen([sys.executable, script], cwd=tmp_path, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    signal.signal(signal.SIGINT, was)
    deadline.read_until(gate, lambda read: b"below" in read, "the launcher's word")
    os.close(gate)
    with watched([running.pid, *below(running.pid)]) as pidfds:
        assert len(pidfds) == 3
        running.send_signal(number)
        out, _ = running.communicate(timeout=deadline.left_s("the script"))
        assert running.returncode == status, out
        deadline.gone(pidfds, "the launcher")
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by a link"])
def test_a_script_finds_the_modules_beside_it(linked: bool, tmp_path: Path, deadline: Deadline) -> None:
    target = own(tmp_path / "bin", "import beside\n")
    (tmp_path / "bin" / "beside.py").write_text(
        "import contextlib, threading\nwith contextlib.suppress(RuntimeError):\n    threading.Thread(target=print).start()\n")
    if linked:
        (tmp_path / "link").symlink_to(tmp_path / "bin" / "own")
        target = Target("own", str(tmp_path / "link"))
    judged = found("own/-/w1/thread.spawn@parent#1=raise:RuntimeError", where="threading:Thread.start")
    shown(target, judged, Path(sys.executable), tmp_path, deadline)


ANNOUNCES = """\
import contextlib, os, socket, threading, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
with contextlib.suppress(RuntimeError):
    threading.Thread(target=print).start()
time.sleep(60)
"""


def test_a_script_waits_at_leisure_after_ready_too(tmp_path: Path, deadline: Deadline) -> None:
    target = own(tmp_path, ANNOUNCES)
    judged = found("own/-/w1/thread.spawn@parent#1=raise:RuntimeError", where="threading:Thread.start",
                   ending=StillRunning(0.2))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw
    out = shown(target, judged, Path(sys.executable), tmp_path, deadline)
    assert re.search(r"READY=1 after \d", out)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw - before > 50     # it slept about a hundred times
