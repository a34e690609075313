"""Two ways to start the launcher and to hold what is below it: executed by this process, or forked by a warden."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod

from chaos.actions import traced
from chaos.catalog import SYSCALL
from chaos.runner import ending, tree
from chaos.runner.folder import Folder
from chaos.runner.zygote import Warden

TRACER = "strace"
STRACE = ("-D", "-f", "--seccomp-bpf", "-qq", "-e", "signal=none")
"""-D: the target is our child as always, and strace the one that is not."""


class CannotStart(Exception):
    """The launcher could not be executed at all: whoever named it must act. Not for one that ends at once."""


class Launch(ABC):
    """The launcher ``pid`` and the process below which its whole tree lives."""

    pid: int
    above: int
    beside: frozenset[int] = frozenset()
    """What is below ``above`` and not of the tree."""

    def tree(self) -> list[tree.Seen]:
        """The launcher and all that comes from it, zombies included, also what it tried to get rid of."""
        return tree.descendants(self.above, self.beside)

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

    def __init__(self, folder: Folder, output: int, asker_pid: int = 0) -> None:
        argv = self.argv_of(folder)
        self.beside = frozenset({asker_pid})
        try:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                             env=folder.environment(), start_new_session=True)
        except OSError as error:
            raise CannotStart(f"{argv[0]} cannot be executed: {error.strerror or error}") from None
        self.pid, self.above = self._process.pid, os.getpid()

    def argv_of(self, folder: Folder) -> list[str]:
        return folder.argv()

    def status(self) -> os.waitid_result | None:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def reap_others(self) -> None:
        ending.reap(lambda pid: pid != self.pid and pid not in self.beside)

    def end(self) -> None:
        ending.end_all_below()
        self._process.returncode = 0    # reaped above: Popen must not warn or wait for a pid that is no longer ours


def tracer() -> str:
    """The path of strace; "" where there is none."""
    return shutil.which(TRACER) or ""


class Traced(Cold):
    """The same below strace, which attaches itself from a process of its own: that one is not of the tree."""

    def argv_of(self, folder: Folder) -> list[str]:
        request = folder.request
        faults = {fault: fault.site.removeprefix(SYSCALL) for fault in request.case.faults if fault.site.startswith(SYSCALL)}
        names = dict.fromkeys((*request.traces, *faults.values()))
        injected = [word for fault, name in faults.items() for word in ("-e", f"inject={name}:{traced(fault)}")]
        traces = ",".join(f"?{name}" for name in names)     # a machine may lack one that another has
        return [tracer() or TRACER, *STRACE, "-o", str(folder.trace), "-e", f"trace={traces}", *injected, "--",
                *folder.argv()]

    def tree(self) -> list[tree.Seen]:
        seen = tree.descendants(self.above, self.beside)
        tracers = {one.pid for one in seen if one.pid != self.pid and tree.name(one.pid) == TRACER}
        if tracers - self.beside:
            self.beside |= tracers
        return [one for one in seen if one.pid not in tracers]


class Warm(Launch):
    """Forked by ``warden``, its parent and sub-reaper, which does what is asked. Raises `WardenGone`."""

    def __init__(self, folder: Folder, output: int, warden: Warden) -> None:
        self._warden = warden
        self.pid = int(warden.asked(f"case {folder.path} /proc/{os.getpid()}/fd/{output}"))
        self.above = tree.parent(self.pid)

    def go(self) -> None:
        self._warden.asked("go")

    def status(self) -> os.waitid_result | None:
        answer = self._warden.asked("status")
        if not answer:
            return None
        code, status = map(int, answer.split())
        return os.waitid_result((self.pid, 0, 0, status, code))

    def reap_others(self) -> None:
        self._warden.asked("reap")

    def end(self) -> None:
        self._warden.asked("end")
        ending.end_all_below()      # who asked for signs of readiness is below this process, not below the warden
