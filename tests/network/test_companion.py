"""A companion ends with its owner, however that ends, and leaves neither process nor folder; errors reach who asked."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.errors import UsageError
from chaos.network.companion import Companion, CompanionBroke, Line, Unanswered
from processes import Deadline, watched

OWNER = """
import sys
import signal
from chaos.network.companion import Companion
signal.signal(signal.SIGINT, signal.default_int_handler)      # whoever started the tests may have it ignored
with Companion("chaos.network.wirehost") as companion:
    print(companion.pid, companion.folder, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def _owner(deadline: Deadline):     # type: ignore[no-untyped-def]
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    with owner:
        try:
            assert owner.stdout is not None
            said = deadline.read_until(owner.stdout.fileno(), lambda read: read.endswith(b"\n"), "the companion")
            pid, folder = said.decode().split()
            yield owner, int(pid), Path(folder)
        finally:
            owner.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_companion_ends_with_its_owner_and_removes_its_folder(deadline: Deadline, number: signal.Signals) -> None:
    with _owner(deadline) as (owner, pid, folder), watched([pid]) as pidfds:
        assert folder.is_dir()
        owner.send_signal(number)
        deadline.gone(pidfds, "the companion")
    assert not folder.exists()


def test_a_companion_ends_even_when_a_child_of_its_owner_keeps_the_pipe(deadline: Deadline) -> None:
    keeps = OWNER.replace("import sys\n", "import sys, os\n", 1).replace(
        "    sys.stdin.read()", "    if os.fork() == 0:\n        os.read(0, 1)\n        os._exit(0)\n    sys.stdin.read()")
    reader, writer = os.pipe()
    owner = subprocess.Popen([sys.executable, "-c", keeps], stdin=reader, stdout=subprocess.PIPE)
    os.close(reader)
    with owner:
        assert owner.stdout is not None
        said = deadline.read_until(owner.stdout.fileno(), lambda read: b"\n" in read, "the companion")
        with watched([int(said.split()[0])]) as pidfds:
            owner.kill()
            deadline.gone(pidfds, "the companion")
        os.close(writer)


def test_leaving_the_block_ends_it(deadline: Deadline) -> None:
    with Companion("chaos.network.wirehost") as companion:
        folder = Path(companion.folder)
        pidfd = os.pidfd_open(companion.pid)
        assert folder.stat().st_mode & 0o077 == 0, "only this user may break what others use"
    deadline.gone([pidfd], "the companion")
    os.close(pidfd)
    assert not folder.exists()


def test_a_companion_that_cannot_start_says_why() -> None:
    with pytest.raises(CompanionBroke, match=r"No module named 'chaos.network.nothing'"), \
            Companion("chaos.network.nothing"):
        pass


@pytest.mark.parametrize("error", [OSError(errno.EAGAIN, "no more processes"), KeyboardInterrupt()])
def test_a_companion_without_a_process_leaves_no_folder(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fails(*args: object, **words: object) -> None:
        raise error

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("subprocess.Popen", fails)
    with pytest.raises(type(error)), Companion("chaos.network.wirehost"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_makes_no_sense_is_the_askers_error_and_the_line_lives_on() -> None:
    with Companion("chaos.network.wirehost") as companion:
        for _ in range(2):
            with pytest.raises(UsageError, match="the proxy does listen"):
                companion.line.ask("dance")
        with pytest.raises(CompanionBroke, match="TypeError"):
            companion.line.ask("listen", nonsense=1)


def test_a_wait_for_what_does_not_happen_ends_and_tells_what_happened_instead() -> None:
    with Companion("chaos.network.wirehost") as companion, \
            pytest.raises(Unanswered, match=r"waited 0.1 s for the event 'fired' with .*'toxic': 'x'"):
        companion.line.event("fired", toxic="x", within_s=0.1)


def test_a_line_hears_of_what_it_has_asked_for_only() -> None:
    """Who does not listen is not told, so that nothing piles up for a sweep that is long."""
    with Companion("chaos.network.wirehost") as companion, Line(companion.folder) as other:
        companion.line.hear_of("peer")
        number = companion.line.ask("peer", name="peer", manner="good", words={})["number"]
        socket.create_connection(("127.0.0.1", number), 20).close()
        companion.line.event("closed", port="peer", within_s=20)
        assert not other.hear()


def test_a_companion_that_was_killed_is_an_error_and_no_hang() -> None:
    with Companion("chaos.network.wirehost") as companion:
        os.kill(companion.pid, signal.SIGKILL)
        with pytest.raises(CompanionBroke, match="gone"):
            companion.line.ask("listen")
        with pytest.raises(CompanionBroke, match="nobody answers"):
            companion.process.wait()
            Line(companion.folder)


def test_a_long_folder_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unix socket's path may have 107 bytes."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with Companion("chaos.network.wirehost") as companion:
        assert len(companion.folder) > 107
        with pytest.raises(UsageError):
            companion.line.ask("dance")
