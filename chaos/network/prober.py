"""The companion that calls a target's RPC server from outside, through oslo.messaging, as a user of the service would.

Every call is a forked child with a connection of its own, for two reasons. One that was opened before the target's start
would prove less. And oslo.messaging reaches for a broker without end: no thread that does so can be given up, but a
process can. This one has no thread and never uses oslo.messaging itself, so that it may fork.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
import time
from typing import Any, NoReturn

from chaos.errors import UsageError
from chaos.network.companion import Message
from chaos.network.serving import Serving, run_companion

RABBIT = "oslo_messaging_rabbit"
SPARE_S = 0.2
"""oslo.messaging's own time-out comes first where it can: its reason is better than ours."""
PR_SET_PDEATHSIG = 1
REFUSALS = ("NoSuchMethod", "UnsupportedVersion")
"""What a server's dispatcher answers of itself to a call that it has no endpoint for. It serves: of others than the sample
nobody knows a method. An error of a method's own is none of these: a service that only ever answers so does no work."""


class Prober:
    """Imports oslo.messaging and looks for its drivers once: half a second that no call has to wait for."""

    def __init__(self) -> None:
        import kombu.transport.pyamqp  # noqa: F401  # the driver imports it when it first connects
        import oslo_messaging
        import oslo_messaging.opts
        import stevedore
        from oslo_config import cfg

        self.messaging = oslo_messaging
        self.conf = cfg.CONF
        for group, options in oslo_messaging.opts.list_opts():      # the driver registers its own when it is first used
            if str(getattr(group, "name", group)) == RABBIT:
                self.conf.register_opts(options, group=RABBIT)
        # Finds and imports the driver; stevedore remembers what it found, which is half of what a call would take.
        stevedore.NamedExtensionManager("oslo.messaging.drivers", ["rabbit"])
        self.conf([], project="chaos", default_config_files=[], default_config_dirs=[])
        gc.freeze()     # no collection in a child copies what all of them share

    async def handle(self, request: Message) -> Message:
        """``call``: ``url``, ``topic``, ``exchange`` ("": the usual), ``method``, ``args``, ``server`` ("": any),
        ``until_s``, ``authority`` (a PEM file for TLS). Answers ``{"answer": …, "because": "", "took_s": …}``; without an
        answer, why, and as ``refused`` whether that is an answer too: see REFUSALS."""
        if request["do"] != "call":
            raise UsageError(f"the prober does call, not {request['do']!r}")
        began = time.monotonic()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_caller(request, writer, parent)
        os.close(writer)
        try:
            found: Message = json.loads(await asyncio.wait_for(_all_of(reader), request["until_s"] + SPARE_S) or "{}")
        except TimeoutError:
            found = {"answer": None, "because": f"no answer within {request['until_s']:g} s, nor an error"}
        finally:
            os.kill(pid, signal.SIGKILL)        # its pid is ours until it is waited for
            os.waitpid(pid, 0)
        return {**(found or {"answer": None, "because": "the caller died"}), "took_s": time.monotonic() - began}

    def _be_caller(self, request: Message, writer: int, parent: int) -> NoReturn:
        """The forked child: call, say what came of it, leave. The kernel ends it when the prober is gone."""
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(2, 1)
            try:
                found: Message = {"answer": self._call(request), "because": ""}
            except Exception as error:
                found = {"answer": None, "because": " ".join(f"{type(error).__name__}: {error}".split()),
                         "refused": getattr(error, "exc_type", "") in REFUSALS}
            with open(writer, "w", encoding="utf-8") as pipe:
                json.dump(found, pipe)
            sys.stderr.flush()
        finally:
            os._exit(0)     # the connection ends with the process: cleaning up could reach for the broker again

    def _call(self, request: Message) -> Any:
        self.conf.set_override("ssl_ca_file", request["authority"], RABBIT)
        transport = self.messaging.get_rpc_transport(self.conf, url=request["url"])
        target = self.messaging.Target(topic=request["topic"], exchange=request["exchange"] or None,
                                       server=request["server"] or None)
        client = self.messaging.get_rpc_client(transport, target, timeout=request["until_s"], retry=0)
        return client.call({}, request["method"], **request["args"])


async def _all_of(reader: int) -> bytes:
    """What a pipe gives until its end; it is closed afterwards."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    with open(reader, "rb", 0) as pipe:
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
        try:
            return await stream.read()
        finally:
            transport.close()


async def serve(serving: Serving) -> None:
    await serving.run(Prober().handle)


def main() -> None:
    run_companion(serve)


if __name__ == "__main__":
    main()
