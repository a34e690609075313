"""Tries what chaos stands on, here and as this user, in children of its own; facts only. Their meaning is ``doctor``'s.

Nothing of it is guessed from a version or a setting: a container may forbid what the kernel has, and the other way round.
"""

from __future__ import annotations

import ctypes
import glob
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from chaos.doctor import Fact
from chaos.runner import tree

WITHIN_S = 20.0
INSIDE = Path(__file__).resolve().parent.parent / "inside"
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
PROGRAMS = ("py-spy", "gdb", "chromium", "strace")
LIBRARIES = ("oslo.service", "oslo.messaging", "cotyledon", "eventlet")

CHILD = """
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
found = {}
answer = libc.prctl(36, 1, 0, 0, 0)
if os.fork() == 0:
    if os.fork() == 0:
        os._exit(7)
    os._exit(0)
ended = []
while True:
    try:
        ended.append(os.waitstatus_to_exitcode(os.wait()[1]))
    except ChildProcessError:
        break
found["sub-reaper"] = [sorted(ended) == [0, 7], "an orphan falls to it" if sorted(ended) == [0, 7] else
                       "prctl(PR_SET_CHILD_SUBREAPER) answers %d, and an orphan goes elsewhere" % answer]
pid = os.fork()
if pid == 0:
    os.setsid()
    os._exit(0 if libc.unshare(0x10000000 | 0x40000000) == 0 else ctypes.get_errno() % 256)
error = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
found["namespaces"] = [error == 0, "user and network" if error == 0 else "unshare: " + os.strerror(error)]
sys.path.insert(0, sys.argv[1])
import _chaos_limits
how = _chaos_limits.LIMITS["nproc"](0)
found["seccomp"] = [how.startswith("seccomp"), how.replace("seccomp: ", "")]
print(json.dumps(found), flush=True)
sys.stdin.read()
"""


def probe() -> Iterator[Fact]:
    """Every fact, in the order in which the parts of ``chaos.doctor`` stand."""
    yield Fact("linux", sys.platform == "linux", f"{platform.system()} {platform.release()}, {platform.machine()}, as "
               f"{'root' if os.geteuid() == 0 else f'user {os.geteuid()}'}, {len(os.sched_getaffinity(0))} processors")
    yield from (*_of_a_child(), _folder(), _loopback(), _pidfd(), *_limits(), *_libraries(), _pythons(), _dask())
    beside = os.pathsep.join((str(Path(sys.executable).parent), *os.get_exec_path()))
    for name in PROGRAMS:
        where = shutil.which(name, path=beside)
        yield Fact(name, where is not None, where or "not on PATH, nor beside this Python")


def _of_a_child() -> list[Fact]:
    """What a process of ours may do, and what may be seen and asked of it."""
    command = [sys.executable, "-I", "-c", CHILD, str(INSIDE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            line = _line_of(child)
            told = [Fact(name, works, how) for name, (works, how) in json.loads(line).items()]
            return [*told, _tried("children", lambda: _is_a_child(child.pid)), _tried("syscall", lambda: _call_of(child.pid)),
                    _tried("ptrace", lambda: _attached(child.pid))]
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return [Fact(name, False, f"a Python child did not answer: {error}")
                    for name in ("sub-reaper", "namespaces", "seccomp", "children", "syscall", "ptrace")]
        finally:
            child.kill()


def _line_of(child: subprocess.Popen[bytes]) -> bytes:
    """Its one line, which it writes at once. Raises OSError with its last words, or after ``WITHIN_S``."""
    assert child.stdout is not None
    if not select.select([child.stdout], [], [], WITHIN_S)[0]:
        raise OSError(f"nothing within {WITHIN_S:.0f} s")
    line: bytes = child.stdout.readline()
    if not line:
        raise OSError(child.communicate(timeout=WITHIN_S)[1].decode(errors="replace").strip().rpartition("\n")[2])
    return line


def _tried(name: str, do: Callable[[], str]) -> Fact:
    try:
        return Fact(name, True, do())
    except OSError as error:
        return Fact(name, False, f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))


def _is_a_child(pid: int) -> str:
    if pid not in tree.children(os.getpid()):
        raise OSError("/proc/PID/task/TID/children does not name a child that is there")
    return "/proc names them"


def _call_of(pid: int) -> str:
    """The child reads its input and nothing else: so its call is seen once it is there, and the look has a deadline."""
    path, until = Path(f"/proc/{pid}/syscall"), time.monotonic() + WITHIN_S
    while (text := path.read_text().strip()) == "running":
        if time.monotonic() > until:
            raise OSError(f"{path} says only 'running'")
    if not re.match(r"\d", text):
        raise OSError(f"{path} says {text[:40]!r}")
    return "the call of a child can be read"


def _attached(pid: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    if libc.ptrace(PTRACE_SEIZE, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    scope = tree.read("/proc/sys/kernel/yama/ptrace_scope").strip()
    return f"a child can be attached to{f'; yama allows as much as {scope}' if scope else ''}"


def _folder() -> Fact:
    def make() -> str:
        with tempfile.TemporaryDirectory(prefix="chaos-doctor-") as folder:
            os.mkfifo(f"{folder}/fifo")
            with socket.socket(socket.AF_UNIX) as unix:
                unix.bind(f"{folder}/socket")
            return f"a FIFO and a socket can be made in {tempfile.gettempdir()}"
    return _tried("folder", make)


def _loopback() -> Fact:
    def listen() -> str:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), WITHIN_S):
            return "a port of 127.0.0.1 can be opened and reached"
    return _tried("loopback", listen)


def _pidfd() -> Fact:
    def watch() -> str:
        os.close(os.pidfd_open(os.getpid()))
        return "a process can be watched without its number being taken again"
    return _tried("pidfd", watch)


def _limits() -> list[Fact]:
    files, processes = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
    most = _fewest(processes, tree.read("/sys/fs/cgroup/pids.max").strip())
    return [Fact("files", files == resource.RLIM_INFINITY or files >= 256, f"{_count(files)} open files a process"),
            Fact("processes", most == resource.RLIM_INFINITY or most >= 200, f"{_count(most)} processes and threads")]


def _fewest(own: int, group: str) -> int:
    known = [number for number in (own, int(group) if group.isdecimal() else -1) if number != resource.RLIM_INFINITY]
    return min(known, default=resource.RLIM_INFINITY)


def _count(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else f"at most {limit}"


def _libraries() -> Iterator[Fact]:
    for name in LIBRARIES:
        try:
            yield Fact(name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Fact(name, False, "not installed beside chaos")


def _pythons() -> Fact:
    """Beside this one: on PATH, and below PYENV_ROOT, where the tests of old versions look for them."""
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    patterns = (*(f"{folder}/python3.[0-9]*" for folder in os.get_exec_path()), f"{root}/versions/3.*")
    names = {Path(path).name for pattern in patterns for path in glob.glob(pattern)}
    matches = (re.fullmatch(r"(?:python)?3\.(\d+)(?:\.\d+)?", name) for name in names)
    found = {int(match[1]) for match in matches if match} - {sys.version_info.minor}
    others = [f"3.{minor}" for minor in sorted(found)]
    return Fact("pythons", bool(others), ", ".join(others) if others else "no other Python 3 on PATH or below PYENV_ROOT")


def _dask() -> Fact:
    here = importlib.util.find_spec("distributed") is not None
    return Fact("dask", here, importlib.metadata.version("distributed") if here else "not installed beside chaos")
