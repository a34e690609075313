"""A port of loopback that a run has for itself, for as long as it lives. Binds nothing there: the target does."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

FIRST, LAST = 20000, 32000
"""Below those that the kernel gives to connections (from 32768 on), so that none of those gets in the way."""


@contextlib.contextmanager
def a_port() -> Iterator[str]:
    """Its number, in five digits. An abstract socket of that name is the lock: the kernel frees it, whatever happens."""
    start = int.from_bytes(os.urandom(2), "big")
    for offset in range(LAST - FIRST):
        port = FIRST + (start + offset) % (LAST - FIRST)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as lock:
            try:
                lock.bind(f"\0chaos-port-{port}")
            except OSError:
                continue
            if _is_free(port):
                yield str(port)
                return
    raise OSError(f"no port between {FIRST} and {LAST} is free")


def _is_free(port: int) -> bool:
    """Also of connections that linger: a target that does not ask for SO_REUSEADDR would meet them."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
