"""Names that hold what Python takes for the end of a line: the tables of the kernel are read by its own lines."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.runner import held, tree
from chaos.runner.listening import listens
from chaos.runner.proof.ends import _maps
from processes import Deadline

ODD = ["\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("odd", ODD)
def test_a_file_that_is_mapped_under_any_name_is_one_mapping(tmp_path: Path, odd: str) -> None:
    path = tmp_path / f"a{odd}b c{odd}"
    path.write_bytes(b"x" * mmap.PAGESIZE)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE):
        known = list(_maps(os.getpid()))
    (found,) = [one for one in known if one[4] == str(path)]
    assert found[1] - found[0] == mmap.PAGESIZE
    assert found[2], "it is shared"
    assert found[3][1] == str(path.stat().st_ino)


def test_each_line_of_the_mappings_is_read() -> None:
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    known = {(f"{begin:x}-{end:x}", name) for begin, end, _, _, name in _maps(os.getpid())}
    assert len(known & {(line.split()[0], "".join(line.split(None, 5)[5:])) for line in lines}) > len(lines) / 2
    assert any(name == "[stack]" for _, name in known)
    assert any(not name for _, name in known)


@pytest.mark.parametrize("odd", ODD)
def test_a_socket_at_any_path_is_one_socket(tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)     # which keeps the address short
    path = f"/tmp/chaos-odd-{os.getpid()}-{odd}-b"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        try:
            listener.listen()
            assert path in [bound for _, bound in held._bound(tree.read("/proc/net/unix"))]
            assert f"unix: {path}" in listens([os.getpid()])
        finally:
            os.unlink(path)


def test_a_process_with_any_name_catches_what_it_catches(deadline: Deadline) -> None:
    script = """
import signal, sys
open("/proc/self/comm", "wb").write(b"x\\x0bSigCgt:\\t0")
signal.signal(signal.SIGUSR1, lambda *_: None)
print("there", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        deadline.read_until(process.stdout.fileno(), lambda read: b"there" in read, "the process")
        assert tree.catches(process.pid, signal.SIGUSR1)
        assert not tree.catches(process.pid, signal.SIGUSR2)
        process.communicate()
