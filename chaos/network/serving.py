"""The companion's side: answers JSON lines on a unix socket, and ends when its owner is gone. Does not know what is asked.

    {"id": 7, "do": "vhost", "name": "a"}   ->   {"id": 7, "ok": {...}}  or  {"id": 7, "error": why, "kind": who must act}

Events (``{"event": name, "port": of what, "at_s": time.monotonic(), ...}``) go to the lines that have asked for those of
their port: ``{"do": "hear", "port": name}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable

from chaos.errors import MissingPart, UsageError
from chaos.network.companion import Message, opened

Handler = Callable[[Message], Awaitable[Message]]
"""Answers one request, which has ``do`` and its words. May raise UsageError or MissingPart."""

MOST_UNHEARD_BYTES = 4 << 20
"""Whoever lets so much wait has stopped listening: the line is closed, which it will notice when it listens again."""


class Serving:
    """Lines to whoever asks, and the wait for the owner's end."""

    def __init__(self, folder: str, owner_pid: int) -> None:
        self.folder = folder
        self.owner_pid = owner_pid
        self.over = asyncio.Event()
        self._lines: dict[asyncio.StreamWriter, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, event: str, *, port: str, **fields: object) -> None:
        """Send an event to every line that hears of ``port``."""
        message = {"event": event, "at_s": time.monotonic(), "port": port, **fields}
        for line, heard in tuple(self._lines.items()):
            if port in heard:
                _send(line, message)

    async def run(self, handle: Handler) -> None:
        """Serve until the owner is gone or has closed our input, or SIGTERM came."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.over.set)
        self._end_with_owner(loop)
        server = None
        try:
            with opened(self.folder) as path:
                server = await asyncio.start_unix_server(lambda r, w: self._line(r, w, handle), path, limit=1 << 20)
                os.chmod(path, 0o600)       # whoever may enter the folder must not break what others use
            os.write(1, b"ready\n")
            await self.over.wait()
        finally:
            if server is not None:
                server.close()
            for line in tuple(self._lines):
                line.close()
            for task in tuple(self._tasks):
                task.cancel()

    def _end_with_owner(self, loop: asyncio.AbstractEventLoop) -> None:
        """Both: a forked child of the owner may hold our input open, and an owner may want us gone before it goes."""
        loop.add_reader(0, self._heard_input, loop)
        try:
            owner = os.pidfd_open(self.owner_pid)
        except ProcessLookupError:
            self.over.set()
            return
        loop.add_reader(owner, self.over.set)

    def _heard_input(self, loop: asyncio.AbstractEventLoop) -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            self.over.set()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler) -> None:
        self._lines[writer] = set()
        try:
            while line := await reader.readline():
                request = json.loads(line)
                if request["do"] == "hear":
                    self._lines[writer].add(request["port"])
                    _send(writer, {"id": request["id"], "ok": {}})
                    continue
                # A task each: one who waits for a node to boot must not hold up one who pauses it.
                task = asyncio.ensure_future(_answer(request, writer, handle))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (ConnectionError, ValueError, KeyError):
            pass        # gone in the middle of a word, or not one of ours
        finally:
            del self._lines[writer]
            writer.close()


async def _answer(request: Message, writer: asyncio.StreamWriter, handle: Handler) -> None:
    number = request.pop("id", 0)
    try:
        answer: Message = {"id": number, "ok": await handle(request)}
    except UsageError as error:
        answer = {"id": number, "error": str(error), "kind": "usage"}
    except MissingPart as error:
        answer = {"id": number, "error": str(error), "kind": "missing"}
    except Exception as error:
        traceback.print_exc()
        answer = {"id": number, "error": f"{type(error).__name__}: {error}", "kind": "broke"}
    _send(writer, answer)


def _send(writer: asyncio.StreamWriter, message: Message) -> None:
    if writer.transport.get_write_buffer_size() > MOST_UNHEARD_BYTES:
        writer.transport.abort()
    elif not writer.is_closing():
        writer.write(json.dumps(message).encode() + b"\n")


def run_companion(body: Callable[[Serving], Awaitable[None]]) -> None:
    """What a companion's ``main()`` does: run ``body`` with its lines; the folder is removed at the end.

    ``sys.argv``: the folder, and the owner's pid. SIGINT is ignored: it is for the owner, who then lets us end.
    """
    folder, owner_pid = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_run(body, folder, owner_pid))
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


async def _run(body: Callable[[Serving], Awaitable[None]], folder: str, owner_pid: int) -> None:
    await body(Serving(folder, owner_pid))
