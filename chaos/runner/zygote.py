"""Warm starts: a process that has the target's imports behind it, and forks a fresh start of it for every case.

The zygote is executed with the very command line and environment of the case, so that its child is what an exec would
have given: see inside/_chaos_zygote.py for what that child renews. Whatever a zygote cannot do faithfully is a
reason to start cold, in words.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

from chaos.runner.folder import Folder

ANSWER_WITHIN_S = 8.0
_DIGITS = re.compile(rb"\d+")


class WardenGone(Exception):
    """The process that holds the case does not answer: nothing that is seen from here on can be trusted."""


class NotWarm(Exception):
    """This case cannot be started warm; the reason, in words for the report."""


class Zygote:
    """One process to fork from, and the channels to it. ``hears``: which are readable when it says something before it is
    ready. ``early``: the sites that its imports reach."""

    def __init__(self, folder: Folder, ahead: Path, without: frozenset[str]) -> None:
        """Execute it. Raises `NotWarm` when it cannot be."""
        lines = ahead.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        self._said = {_shape(line.removeprefix("said\t").encode(errors="surrogateescape"))
                      for line in lines if line.startswith("said\t")}
        todo = folder.path / "ahead"
        todo.write_text("".join(f"{line}\n" for line in lines if line.removeprefix("import\t") not in without),
                        encoding="utf-8", errors="surrogateescape")
        self.early: frozenset[str] = frozenset()
        self.preface = b""
        self.free: list[Kept] = []
        self.busy = 0
        self._told = self._printed = b""
        asked, self._control = os.pipe2(os.O_CLOEXEC)
        self._answers, answered = os.pipe2(os.O_CLOEXEC)
        self._output, output = os.pipe2(os.O_CLOEXEC)
        folder.write_plan(f"{folder.request.places}zygote\t{asked}\t{answered}\t{os.getpid()}\t{todo}\n")
        argv = folder.argv()
        try:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            env=folder.environment(), start_new_session=True, pass_fds=(asked, answered))
        except OSError as error:
            self.close_channels()
            raise NotWarm(f"{argv[0]} cannot be executed: {error.strerror or error}") from None
        finally:
            for fd in (asked, answered, output):
                os.close(fd)
        self.hears = [self._answers, self._output]
        for fd in self.hears:
            os.set_blocking(fd, False)

    def hear(self) -> set[str] | None:
        """Read what it says. Once it has done the imports: the modules that it should have left alone. Raises `NotWarm`."""
        printed, is_silent = _read(self._output)
        self._printed += printed
        if is_silent and self._output in self.hears:
            self.hears.remove(self._output)     # it has closed its output, which is readable for ever then
        told, ended = _read(self._answers)
        self._told += told
        if self._told.endswith(b"ready\n"):
            return self._imported([line.split("\t") for line in self._told.decode("utf-8", "replace").splitlines()])
        if ended:
            last = self._printed.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise NotWarm("it ended while it imported" + (f": {last[0]}" if last else ""))
        return None

    def _imported(self, said: list[list[str]]) -> set[str]:
        self._printed += _read(self._output)[0]
        problems = [words[1] for words in said if words[0] == "problem"]
        if problems:
            raise NotWarm("; ".join(problems[:3]))
        self.early = frozenset(words[1] for words in said if words[0] == "early")
        lines = self._printed.splitlines(keepends=True)
        self.preface = b"".join(line for line in lines if _shape(line) in self._said)
        return {words[1] for words in said if words[0] == "loud"}

    def free_warden(self, folder: Path) -> Kept:
        """One that holds no case: one that is left over, or a new one, whose channels are made in ``folder``."""
        if self.free:
            return self.free.pop()
        kept = Kept(self, folder)
        try:
            os.write(self._control, os.fsencode(str(folder)) + b"\n")
        except BrokenPipeError:
            kept.close()
            raise NotWarm("the process to fork from is gone") from None
        return kept

    def close(self) -> None:
        for warden in self.free:
            warden.close()
        self.close_channels()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close_channels(self) -> None:
        for fd in (self._control, self._answers, self._output):
            os.close(fd)


class Kept:
    """A warden as the host has it: its channels are made, and held open from one case to the next. When nobody holds them
    any more, it ends what is below it, and goes."""

    def __init__(self, zygote: Zygote, folder: Path) -> None:
        self.zygote = zygote
        self._folder = folder
        folder.mkdir()
        for name in ("ask", "told"):
            os.mkfifo(folder / name, 0o600)
        self._channels = [os.open(folder / name, os.O_RDWR | os.O_CLOEXEC) for name in ("ask", "told")]

    def words(self) -> dict[str, str | int]:
        """What `Warden` needs, as data for another process."""
        return {"folder": str(self._folder), "zygote_pid": self.zygote.process.pid,
                "preface": self.zygote.preface.decode("latin-1")}

    def close(self) -> None:
        self.close_channels()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close_channels(self) -> None:
        for fd in self._channels:
            os.close(fd)


class Warden:
    """A process that forks one case after the other and is the sub-reaper of what is below it, as the supervisor of a case
    has it. ``preface``: what the imports printed. Use with ``with``."""

    def __init__(self, folder: str, zygote_pid: int, preface: str) -> None:
        self.zygote_pid = zygote_pid
        self.preface = preface.encode("latin-1")
        self._ask = os.open(folder + "/ask", os.O_WRONLY | os.O_CLOEXEC)
        self._told = os.open(folder + "/told", os.O_RDONLY | os.O_CLOEXEC)
        self._partial = b""

    def __enter__(self) -> Warden:
        return self

    def __exit__(self, *failure: object) -> None:
        os.close(self._ask)
        os.close(self._told)

    def asked(self, text: str, within_s: float = ANSWER_WITHIN_S) -> str:
        """Its answer to one request (see inside/_chaos_zygote.py). Raises `WardenGone`."""
        os.write(self._ask, os.fsencode(text) + b"\n")
        until = time.monotonic() + within_s
        while b"\n" not in self._partial:
            if not select.select([self._told], [], [], max(0.0, until - time.monotonic()))[0]:
                raise WardenGone(f"no answer to {text!r} within {within_s:.0f} s")
            self._partial += os.read(self._told, 4096)
        line, _, self._partial = self._partial.partition(b"\n")
        return line.decode()


def _read(fd: int) -> tuple[bytes, bool]:
    """All that is there, and whether it was the end."""
    whole = b""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(fd, 65536):
            whole += data
        return whole, True
    return whole, False


def _shape(line: bytes) -> bytes:
    """A line of output without what differs from run to run."""
    return _DIGITS.sub(b"0", line.strip())
