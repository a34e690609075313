"""What workers tell their parent, and the two pipes between them; must not decide what follows from it."""

import contextlib
import enum
import os
import posix
import signal
from dataclasses import dataclass
from typing import Any, NoReturn

from chaos.sample import processes
from chaos.sample.exits import Failure

MAX_BYTES = 2048  # below PIPE_BUF (4096): written whole, never mixed with another worker's
READ_BYTES = 65536
UNHEARD_S = 5.0  # as long as a start may take

HELD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that are held back in the parent, and so in what it forks then, until somebody listens to them: what a worker
inherits of its parent's handlers would swallow them."""


class Word(enum.Enum):
    """What a report says. The last three come from the parent itself, to its watch."""

    BORN = "born"
    READY = "ready"
    FAILED = "failed"
    LEAVING = "leaving"
    WAITING = "waiting"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Report:
    """One line through the pipe. Status and reason belong to FAILED."""

    word: Word
    pid: int
    status: int = 0
    reason: str = ""

    def encode(self) -> bytes:
        line = f"{self.word.value} {self.pid} {self.status} {' '.join(self.reason.split())}"
        return line.encode()[: MAX_BYTES - 1] + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Report":
        word, pid, status, reason = line.decode(errors="replace").split(" ", 3)
        return cls(Word(word), int(pid), int(status), reason)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Lifeline:
    """How a process of the tree reaches the parent, and learns of its end.

    `reports` is the write end of one pipe. `life` is the read end of another, whose write end only the parent holds.
    Both are descriptors of this process; unpickled in a spawned worker, which inherits none, they are opened anew.
    """

    parent_pid: int
    reports: int
    life: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.parent_pid, self.reports, self.life)

    def tell(self, word: Word, failure: Failure | None = None) -> None:
        status, reason = (failure.status, failure.reason) if failure else (0, "")
        # Not os.write: eventlet's may switch greenthreads, which a signal handler inside its hub must not do.
        posix.write(self.reports, Report(word, os.getpid(), status, reason).encode())

    def born(self) -> None:
        """The first thing in a worker, before it can fail: end with the parent, and tell it of this process."""
        processes.die_with(f"/proc/self/fd/{self.life}")
        self.tell(Word.BORN)

    def fail(self, failure: Failure) -> NoReturn:
        """Tell the parent why this worker failed, and end it, past every handler that would respawn or hide it."""
        try:
            self.tell(Word.FAILED, failure)
        except OSError as error:  # who dies unheard is replaced at once, again and again
            processes.say(f"worker {os.getpid()} failed, and cannot tell its parent: {error}")
            signal.sigtimedwait((), UNHEARD_S)  # not time.sleep: eventlet's would run other greenthreads
        finally:
            os._exit(failure.status)


def _reopened(parent_pid: int, reports: int, life: int) -> Lifeline:
    descriptors = f"/proc/{parent_pid}/fd"
    return Lifeline(
        parent_pid,
        os.open(f"{descriptors}/{reports}", os.O_WRONLY | os.O_CLOEXEC),
        os.open(f"{descriptors}/{life}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC),
    )


class Inbox:
    """The read end of the reports: keeps the start of a line until its end has come."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._rest = b""

    def read(self) -> tuple[Report, ...]:
        """Return what has come so far, without waiting: posix.read, for eventlet's os.read waits all the same."""
        with contextlib.suppress(BlockingIOError):
            while more := posix.read(self.descriptor, READ_BYTES):
                self._rest += more
        *lines, self._rest = self._rest.split(b"\n")
        return tuple(Report.decode(line) for line in lines)
