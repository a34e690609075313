"""A server for the proxy's tests that gives back what it gets, and a client with a deadline. No test of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

WITHIN_S = 20.0


class Echo:
    """Echoes in threads of this process. ``accepted``: sockets of the server's side, in order. ``ended``: what came by those
    that have ended."""

    def __init__(self) -> None:
        self.accepted: list[socket.socket] = []
        self.ended: dict[socket.socket, bytes] = {}
        self._arrived = threading.Condition()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Echo:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for one in self.accepted:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WITHIN_S)
        for one in (self._listening, *self.accepted):
            one.close()

    def side(self, number: int) -> socket.socket:
        """The server's side of the n-th connection, from 1, once it is there."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.accepted) >= number, WITHIN_S), "nobody connected"
            return self.accepted[number - 1]

    def heard(self, number: int) -> bytes:
        """All that came by the n-th connection, once it has ended."""
        side = self.side(number)
        with self._arrived:
            assert self._arrived.wait_for(lambda: side in self.ended, WITHIN_S), "the connection did not end"
            return self.ended[side]

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)     # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._arrived:
                    self.accepted.append(accepted)
                    self._arrived.notify_all()
                self._start(self._give_back, accepted)

    def _give_back(self, accepted: socket.socket) -> None:
        came = b""
        with contextlib.suppress(OSError):
            while data := accepted.recv(65536):
                came += data
                accepted.sendall(data)
            accepted.shutdown(socket.SHUT_WR)
        with self._arrived:
            self.ended[accepted] = came
            self._arrived.notify_all()


class Client:
    """A plain connection to a port of loopback; every wait has a deadline."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WITHIN_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, size: int) -> bytes:
        """Exactly so much, or less where the other side has closed. Raises ConnectionResetError, TimeoutError."""
        got = b""
        while len(got) < size and (data := self.socket.recv(size - len(got))):
            got += data
        return got

    def trip(self, data: bytes = b"ping") -> float:
        """How long it takes until all of it is back, in seconds."""
        began = time.monotonic()
        self.send(data)
        assert self.receive(len(data)) == data
        return time.monotonic() - began

    def is_silent(self, *, for_s: float) -> bool:
        """Neither data nor an end comes for so long."""
        self.socket.settimeout(for_s)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(WITHIN_S)
        return False
