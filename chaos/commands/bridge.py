"""What a debugger in the target says, to the terminal, and what is typed there, to it: one process after the other.

It listens on a socket beside the folders of the runs; a thread copies. Where nobody can type (standard input is at its end)
the debugger is told so, and goes on.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class Bridge:
    """Use with ``with``, before the target is started. ``folder``: the one in which the runs have theirs; ``count``: how
    many debuggers it has had."""

    def __init__(self, folder: str, typed: int, shown: int) -> None:
        self._path = os.path.join(folder, "debug")
        self._typed, self._shown = typed, shown
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stop, self._stopping = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._has_input = True
        self.count = 0

    def __enter__(self) -> Self:
        self._listening.bind(self._path)
        Path(self._path).chmod(0o777)       # the target may have dropped its rights
        self._listening.listen(64)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        os.close(self._stopping)
        self._thread.join()
        os.close(self._stop)
        self._listening.close()

    def _serve(self) -> None:
        while self._is_readable(self._listening.fileno()):
            channel, _ = self._listening.accept()
            with channel, contextlib.suppress(OSError):
                self.count += 1
                self._copy(channel)

    def _copy(self, channel: socket.socket) -> None:
        """Until the debugger leaves."""
        while True:
            if not self._has_input:
                channel.shutdown(socket.SHUT_WR)
            ready = self._ready(channel.fileno(), *([self._typed] if self._has_input else []))
            if self._stop in ready:
                return
            if self._typed in ready:
                typed = os.read(self._typed, 4096)
                self._has_input = bool(typed)
                channel.sendall(typed)
            if channel.fileno() in ready:
                said = channel.recv(4096)
                if not said:
                    return
                os.write(self._shown, said)

    def _is_readable(self, fd: int) -> bool:
        """Wait for ``fd``; False: it is time to stop."""
        return self._stop not in self._ready(fd)

    def _ready(self, *fds: int) -> set[int]:
        with selectors.DefaultSelector() as selector:
            for fd in (self._stop, *fds):
                with contextlib.suppress(PermissionError):      # a plain file, which is always readable, cannot be waited for
                    selector.register(fd, selectors.EVENT_READ)
                    continue
                return {fd}
            return {key.fd for key, _ in selector.select()}
