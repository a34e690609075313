"""Warm starts: a process that has the target's imports behind it, and forks a fresh start of it for every case.

The zygote is executed with the very command line and environment of the case, so that its child is what an exec would
have given: see inside/_chaos_zygote.py for what that child renews. Whatever a zygote cannot do faithfully is a
reason to start cold, in words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import select
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from chaos.runner.folder import Folder
from chaos.runner.request import Request

IMPORT_WITHIN_S = 30.0
MOST_ZYGOTES = 3
"""Kept by one supervisor at a time, about 60 to 130 MB each: a plan runs through its variants one after the other."""
TRIES = 3
"""A module that logs while it is imported is left to the case itself: so often the imports are begun again without it."""
_DIGITS = re.compile(rb"\d+")


class NotWarm(Exception):
    """This case cannot be started warm; the reason, in words for the report."""


class Zygote:
    """One process to fork from, and the channels to it. ``early``: the sites that its imports reach, with how often."""

    def __init__(self, folder: Folder, ahead: Path, without: frozenset[str]) -> None:
        """Execute it. Raises `NotWarm` when it cannot be."""
        lines = ahead.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        self._said = {_shape(line.removeprefix("said\t").encode(errors="surrogateescape"))
                      for line in lines if line.startswith("said\t")}
        todo = folder.path / "ahead"
        todo.write_text("".join(f"{line}\n" for line in lines if line.removeprefix("import\t") not in without),
                        encoding="utf-8", errors="surrogateescape")
        self.early: Counter[str] = Counter()
        self.preface = b""
        asked, self._control = os.pipe2(os.O_CLOEXEC)
        self._answers, answered = os.pipe2(os.O_CLOEXEC)
        self._output, output = os.pipe2(os.O_CLOEXEC)
        folder.write_plan(f"{folder.request.places}zygote\t{asked}\t{answered}\t{os.getpid()}\t{todo}\n")
        argv = folder.argv()
        try:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            env=folder.environment(), start_new_session=True, pass_fds=(asked, answered))
        except OSError as error:
            self._close_channels()
            raise NotWarm(f"{argv[0]} cannot be executed: {error.strerror or error}") from None
        finally:
            for fd in (asked, answered, output):
                os.close(fd)

    def get_ready(self) -> set[str]:
        """Wait until it has done the imports. Returns the modules that it should have left alone; raises `NotWarm`."""
        said, printed = self._hear_out()
        loud = {words[1] for words in said if words[0] == "loud"}
        problems = [words[1] for words in said if words[0] == "problem"]
        if problems:
            raise NotWarm("; ".join(problems[:3]))
        self.early = Counter(words[1] for words in said if words[0] == "early")
        lines = printed.splitlines(keepends=True)
        self.preface = b"".join(line for line in lines if _shape(line) in self._said)
        return loud

    def _hear_out(self) -> tuple[list[list[str]], bytes]:
        """What it reports, line by line, and what its imports printed."""
        told, printed = b"", b""
        until = time.monotonic() + IMPORT_WITHIN_S
        while not told.endswith(b"ready\n"):
            readable, _, _ = select.select([self._answers, self._output], [], [], max(0.0, until - time.monotonic()))
            if not readable:
                raise NotWarm(f"its imports took more than {IMPORT_WITHIN_S:.0f} s")
            if self._output in readable:
                printed += os.read(self._output, 65536)
            if self._answers in readable:
                data = os.read(self._answers, 65536)
                if not data:
                    last = printed.decode("utf-8", "replace").strip().splitlines()[-1:]
                    raise NotWarm("it ended while it imported" + (f": {last[0]}" if last else ""))
                told += data
        os.set_blocking(self._output, False)
        with contextlib.suppress(BlockingIOError):
            printed += os.read(self._output, 1 << 20)
        return [line.split("\t") for line in told.decode("utf-8", "replace").splitlines()], printed

    def fork(self, folder: str) -> None:
        """Ask for a fresh start in ``folder``; its warden reports there. Raises `NotWarm` when nobody is there to ask."""
        try:
            os.write(self._control, os.fsencode(folder) + b"\n")
        except BrokenPipeError:
            raise NotWarm("the process to fork from is gone") from None

    def close(self) -> None:
        self._close_channels()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _close_channels(self) -> None:
        for fd in (self._control, self._answers, self._output):
            os.close(fd)


class Zygotes:
    """Those of one host: made when a case asks for one, the least recently used is given up."""

    def __init__(self) -> None:
        self._kept: dict[str, Zygote | str] = {}

    def pids(self) -> frozenset[int]:
        return frozenset(one.process.pid for one in self._kept.values() if isinstance(one, Zygote))

    def fitting(self, request: Request) -> Zygote:
        """A process from which the case can be forked. Raises `NotWarm` with the reason if there is none."""
        if not request.ahead:
            raise NotWarm(request.cold_because)
        key = key_of(request)
        known = self._kept.pop(key, None)
        if isinstance(known, Zygote) and known.process.poll() is not None:
            known.close()
            known = None
        if known is None:
            known = _made(request)
        self._kept[key] = known
        self._give_up_old()
        if isinstance(known, str):
            raise NotWarm(known)
        for fault in request.case.faults:
            if fault.site in known.early:
                raise NotWarm(f"{fault.site} is reached by the target's imports")
        return known

    def _give_up_old(self) -> None:
        living = [key for key, one in self._kept.items() if isinstance(one, Zygote)]
        for key in living[:-MOST_ZYGOTES]:
            self._forget(key)

    def _forget(self, key: str) -> None:
        one = self._kept.pop(key, None)
        if isinstance(one, Zygote):
            one.close()

    def close(self) -> None:
        for key in list(self._kept):
            self._forget(key)


def _made(request: Request) -> Zygote | str:
    """A zygote that is ready, or why there cannot be one."""
    without: set[str] = set()
    name = "0" * len(os.path.basename(request.folder))
    request = dataclasses.replace(request, folder=os.path.join(os.path.dirname(request.folder), name), given=())
    for _ in range(TRIES):
        with Folder(request) as folder:
            try:
                zygote = Zygote(folder, Path(request.ahead), frozenset(without))
            except NotWarm as reason:
                return str(reason)
            try:
                loud = zygote.get_ready()
            except NotWarm as reason:
                zygote.close()
                return str(reason)
        if not loud - without:
            return zygote
        zygote.close()
        without |= loud
    return f"its imports log: {', '.join(sorted(without)[:3])}"


def _shape(line: bytes) -> bytes:
    """A line of output without what differs from run to run."""
    return _DIGITS.sub(b"0", line.strip())


def key_of(request: Request) -> str:
    """Cases that can be forked from one process: the same command, environment, places and imports."""
    parts = (request.argv, request.env, request.script, request.places, "notify.absent" in request.given, request.ahead)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
