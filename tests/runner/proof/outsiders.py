"""What somebody outside the tree does to an exhibit, some time after its mark. Runs in a thread of whoever watches.

Each act is a generator: what it does before the exhibit starts, a ``yield``, and what it does when the time has come.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

Act = Iterator[None]
PATIENCE_S = 20.0


def _write_fifo(folder: Path) -> Act:
    yield
    with contextlib.suppress(OSError):
        writer = os.open(folder / "fifo", os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, b".")
        os.close(writer)


def _hold_fifo(folder: Path) -> Act:
    """Opens it as soon as somebody reads it, which lets the exhibit go on to its mark, and writes later."""
    os.mkfifo(folder / "fifo")
    yield
    writer = os.open(folder / "fifo", os.O_WRONLY)
    yield
    os.write(writer, b".")
    os.close(writer)


def _call_port(folder: Path) -> Act:
    yield
    socket.create_connection(("127.0.0.1", int((folder / "port").read_text())), PATIENCE_S).close()


def _answer_port(folder: Path) -> Act:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (folder / "port").write_text(str(server.getsockname()[1]))
        yield
        server.settimeout(PATIENCE_S)
        with server.accept()[0] as client:
            client.send(b".")


def _send_port(folder: Path) -> Act:
    yield
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b".", ("127.0.0.1", int((folder / "port").read_text())))


def _answer_unix(folder: Path) -> Act:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "unix"))
        server.listen()
        yield
        server.settimeout(PATIENCE_S)
        with server.accept()[0] as client:
            client.send(b".")


def _send_unix(folder: Path) -> Act:
    yield
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b".", str(folder / "datagrams"))


def _hold_flock(folder: Path) -> Act:
    with open(folder / "locked", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _hold_lockf(folder: Path) -> Act:
    with open(folder / "locked", "w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _touch(folder: Path) -> Act:
    yield
    (folder / "touched").touch()


def _take_descriptor(folder: Path) -> Act:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "unix"))
        server.listen()
        yield
        server.settimeout(PATIENCE_S)
        with server.accept()[0] as client:
            writer = socket.recv_fds(client, 1, 1)[1][0]
            client.send(b".")
            yield
            os.write(writer, b".")
            os.close(writer)


ACTS: dict[str, Callable[[Path], Act]] = {
    "write fifo": _write_fifo, "hold fifo": _hold_fifo, "call port": _call_port, "answer port": _answer_port,
    "send port": _send_port, "answer unix": _answer_unix, "send unix": _send_unix, "hold flock": _hold_flock,
    "hold lockf": _hold_lockf, "touch": _touch, "take descriptor": _take_descriptor,
}
BEFORE_THE_MARK = {"hold fifo", "take descriptor"}
"""These do their second part as soon as the exhibit lets them, for it reaches its mark only by that."""
