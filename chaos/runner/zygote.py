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
import shutil
import signal
import subprocess
import time
from pathlib import Path

from chaos.runner.folder import Folder
from chaos.runner.request import Request

IMPORT_WITHIN_S = 30.0
ANSWER_WITHIN_S = 8.0
MOST_ZYGOTES = 3
"""Kept by one host at a time, about 60 to 130 MB each: a plan runs through its variants one after the other."""
TRIES = 3
"""A module that logs while it is imported is left to the case itself: so often the imports are begun again without it."""
_DIGITS = re.compile(rb"\d+")


class WardenGone(Exception):
    """The process that holds the case does not answer: nothing that is seen from here on can be trusted."""


class NotWarm(Exception):
    """This case cannot be started warm; the reason, in words for the report."""


class Zygote:
    """One process to fork from, and the channels to it. ``early``: the sites that its imports reach."""

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

    def get_ready(self) -> set[str]:
        """Wait until it has done the imports. Returns the modules that it should have left alone; raises `NotWarm`."""
        said, printed = self._hear_out()
        loud = {words[1] for words in said if words[0] == "loud"}
        problems = [words[1] for words in said if words[0] == "problem"]
        if problems:
            raise NotWarm("; ".join(problems[:3]))
        self.early = frozenset(words[1] for words in said if words[0] == "early")
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

class Zygotes:
    """Those of one host: made when a case asks for one, the least recently used is given up."""

    def __init__(self) -> None:
        self._kept: dict[str, Zygote | str] = {}
        self._wardens: set[Kept] = set()
        self._count = 0

    def pids(self) -> frozenset[int]:
        return frozenset(one.process.pid for one in self._kept.values() if isinstance(one, Zygote))

    def warden(self, request: Request) -> Kept:
        """A process that forks the case. Raises `NotWarm` with the reason if there is none."""
        zygote = self._fitting(request)
        self._count += 1
        kept = zygote.free_warden(Path(os.path.dirname(request.folder), f"warden-{self._count}"))
        self._wardens.add(kept)
        zygote.busy += 1
        return kept

    def close_channels(self) -> None:
        """In a forked supervisor: they belong to the host alone, or nobody would see it end."""
        for kept in self._wardens:
            kept.close_channels()
        for zygote in self._kept.values():
            if isinstance(zygote, Zygote):
                zygote.close_channels()

    def give_back(self, kept: Kept, *, in_order: bool) -> None:
        """Its case is over; ``in_order``: it can have another one."""
        kept.zygote.busy -= 1
        if in_order and kept.zygote in self._kept.values():
            kept.zygote.free.append(kept)
        else:
            self._wardens.discard(kept)
            kept.close()

    def _fitting(self, request: Request) -> Zygote:
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
        """Not one that has a case under way: its wardens would fall to the host, which ends what it finds below itself."""
        living = [(key, one) for key, one in self._kept.items() if isinstance(one, Zygote)]
        for key, one in living[:-MOST_ZYGOTES]:
            if not one.busy:
                self._forget(key)

    def _forget(self, key: str) -> None:
        one = self._kept.pop(key, None)
        if isinstance(one, Zygote):
            self._wardens -= set(one.free)
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
