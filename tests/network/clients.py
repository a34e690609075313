"""py-amqp, the client below oslo.messaging, with deadlines. No test of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import amqp

WITHIN_S = 20.0


@contextlib.contextmanager
def connected(url: str, *, within_s: float = WITHIN_S, heartbeat: float = 0) -> Iterator[amqp.Connection]:
    """A connection to a transport URL, opened. Whatever came of it, nothing of it is left."""
    parts = urlsplit(url)
    connection = amqp.Connection(f"127.0.0.1:{parts.port}", userid=unquote(parts.username or ""),
                                 password=unquote(parts.password or ""), virtual_host=unquote(parts.path[1:]),
                                 connect_timeout=within_s, read_timeout=within_s, write_timeout=within_s,
                                 heartbeat=heartbeat)
    try:
        connection.connect()
        yield connection
    finally:
        connection.collect()
