"""Two ways to start the launcher and to hold what is below it: executed by this process, or forked by a zygote's warden."""

from __future__ import annotations

import os
import select
import subprocess
import time
from abc import ABC, abstractmethod

from chaos.runner import ending, tree
from chaos.runner.folder import Folder
from chaos.runner.zygote import NotWarm, Zygote

FORK_WITHIN_S = 10.0
ANSWER_WITHIN_S = 5.0


class CannotStart(Exception):
    """The launcher could not be executed at all: whoever named it must act. Not for one that ends at once."""


class WardenGone(Exception):
    """The process that holds the case does not answer: nothing that is seen from here on can be trusted."""


class Launch(ABC):
    """The launcher ``pid`` and the process below which its whole tree lives."""

    pid: int
    above: int

    def tree(self) -> list[tree.Seen]:
        """The launcher and all that comes from it, zombies included, also what it tried to get rid of."""
        return tree.descendants(self.above)

    @abstractmethod
    def status(self) -> os.waitid_result | None:
        """How the launcher ended, without reaping it: its pid cannot be used again before it is safe. None: it lives."""

    @abstractmethod
    def reap_others(self) -> None:
        """Take the status of the dead that fell to us: they are no zombies of the launcher's."""

    @abstractmethod
    def end(self) -> None:
        """Kill and reap everything."""


class Cold(Launch):
    """Executed by this process, which is the sub-reaper. Raises `CannotStart`."""

    def __init__(self, folder: Folder, output: int) -> None:
        argv = folder.argv()
        try:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                             env=folder.environment(), start_new_session=True)
        except OSError as error:
            raise CannotStart(f"{argv[0]} cannot be executed: {error.strerror or error}") from None
        self.pid, self.above = self._process.pid, os.getpid()

    def status(self) -> os.waitid_result | None:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def reap_others(self) -> None:
        ending.reap(lambda pid: pid != self.pid)

    def end(self) -> None:
        ending.end_all_below()
        self._process.returncode = 0    # reaped above: Popen must not warn or wait for a pid that is no longer ours


class Warm(Launch):
    """Forked from ``zygote``; a warden is its parent and sub-reaper, and does what is asked. Raises `NotWarm`."""

    def __init__(self, folder: Folder, output: int, zygote: Zygote) -> None:
        self._ask = folder.open_fifo("ask", os.O_RDWR)
        self._told = folder.open_fifo("told", os.O_RDWR)
        self._partial = b""
        (folder.path / "output").write_text(f"/proc/{os.getpid()}/fd/{output}", encoding="ascii")
        zygote.fork(str(folder.path))
        try:
            self.pid = int(self._line(FORK_WITHIN_S).removeprefix(b"case "))
        except WardenGone:
            raise NotWarm("the process to fork from did not fork") from None
        self.above = tree.parent(self.pid)

    def go(self) -> None:
        self._asked(b"go")

    def status(self) -> os.waitid_result | None:
        answer = self._asked(b"status")
        if not answer:
            return None
        code, status = map(int, answer.split())
        return os.waitid_result((self.pid, 0, 0, status, code))

    def reap_others(self) -> None:
        self._asked(b"reap")

    def end(self) -> None:
        self._asked(b"end")

    def _asked(self, word: bytes) -> bytes:
        os.write(self._ask, word + b"\n")
        return self._line(ANSWER_WITHIN_S)

    def _line(self, within_s: float) -> bytes:
        until = time.monotonic() + within_s
        while b"\n" not in self._partial:
            if not select.select([self._told], [], [], max(0.0, until - time.monotonic()))[0]:
                raise WardenGone(f"no answer within {within_s:.0f} s")
            self._partial += os.read(self._told, 4096)
        line, _, self._partial = self._partial.partition(b"\n")
        return line
