"""Where a tree listens, as the kernel says: a look at /proc. Reads only."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from chaos.runner.held import inodes
from chaos.runner.tree import lines

LISTEN, UNIX_LISTENS, UNIX_STREAM = "0A", "00010000", "0001"


def listens(pids: Iterable[int]) -> tuple[str, ...]:
    """Each socket on which one of ``pids`` accepts connections, as a sign of readiness: ``tcp: 127.0.0.1:80``."""
    ours = {inode for pid in pids for inode in inodes(pid)}
    found = [(inode, text) for path, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6))
             for inode, text in _tcp(path, family)]
    return tuple(text for inode, text in (*found, *_unix()) if inode in ours)


def _tcp(path: str, family: socket.AddressFamily) -> list[tuple[str, str]]:
    rows = [line.split() for line in lines(path)[1:]]
    return [(row[9], f"tcp: {_address(row[1], family)}") for row in rows if len(row) > 9 and row[3] == LISTEN]


def _address(text: str, family: socket.AddressFamily) -> str:
    """As it can be connected to: who listens everywhere listens on loopback."""
    address, _, port = text.partition(":")
    words = [struct.pack("=I", int(address[start:start + 8], 16)) for start in range(0, len(address), 8)]
    host = socket.inet_ntop(family, b"".join(words))
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{host}:{int(port, 16)}"


def _unix() -> list[tuple[str, str]]:
    rows = [line.split(None, 7) for line in lines("/proc/net/unix")[1:]]
    return [(row[6], f"unix: {row[7]}") for row in rows
            if len(row) == 8 and row[3] == UNIX_LISTENS and row[4] == UNIX_STREAM and row[7].startswith("/")]
