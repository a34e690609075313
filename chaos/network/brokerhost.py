"""The companion that has the private broker: boots it, makes virtual hosts, breaks it when asked, and leaves nothing behind.

It is the sub-reaper of all that a node starts, epmd included; the kernel kills node and epmd should it be killed itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from chaos.errors import UsageError
from chaos.network.companion import Message
from chaos.network.node import Node, NodeBroke
from chaos.network.serving import Serving, run_companion
from chaos.runner import ending

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
EVENTS = "broker"
"""As ``broker.EVENTS``."""
BOOT_TRIES = 3
"""A port that was free a moment ago may be taken by another process of the machine."""
ALARMS = ("memory", "disk")

CRASH = ("rabbit_maintenance:suspend_all_client_listeners(), "
         "[exit(P, kill) || P <- rabbit_networking:connections()], rabbit:stop()")
STOP = ("rabbit_maintenance:suspend_all_client_listeners(), "
        '[rabbit_networking:close_connection(P, "stopped by chaos") || P <- rabbit_networking:connections()], '
        "Wait = fun(_, 0) -> ok; (Again, N) -> case rabbit_networking:connections() of [] -> ok; "
        "_ -> timer:sleep(10), Again(Again, N - 1) end end, Wait(Wait, 50), rabbit:stop()")


class Host:
    """One node at a time and what may be asked of it. Every answer carries ``state``: running, stopped, paused or dead."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.state = "dead"
        self.node: Node | None = None
        self.busy = asyncio.Lock()
        self.spare = ""
        """A virtual host that nobody has had; "": none."""
        self.unsure = ""
        """One that was being made when the node was killed: it may be on disk."""
        self.made = 0
        self.refilling: asyncio.Task[None] | None = None
        self.handlers: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "boot": self.boot, "vhost": self.vhost, "borrow": self.borrow, "drop": self.drop, "kill": self.kill,
            "stop": self.stop, "crash": self.crash, "start": self.start, "restart": self.restart, "pause": self.pause,
            "resume": self.resume, "alarm": self.alarm, "calm": self.calm, "disconnect": self.disconnect, "count": self.count,
            "state": self.tell_state,
        }

    async def handle(self, request: Message) -> Message:
        do = request["do"]
        if do not in self.handlers:
            raise UsageError(f"a broker does {', '.join(self.handlers)}, not {do!r}")
        began = time.monotonic()
        # These must not wait for one who waits for a paused node, nor for a virtual host that is being deleted.
        if do in ("kill", "pause", "resume", "state", "borrow"):
            answer = await self.handlers[do](request)
        else:
            async with self.busy:
                answer = await self.handlers[do](request)
        if do not in ("vhost", "borrow", "drop", "count", "state", "calm"):
            self.serving.tell("broker", port=EVENTS, did=do, state=self.state)
        return {**answer, "state": self.state, "began_s": began, "took_s": time.monotonic() - began}

    @property
    def running(self) -> Node:
        if self.node is None or self.state != "running":
            raise UsageError(f"the broker is {self.state}; only a running one can do that")
        return self.node

    async def boot(self, request: Message) -> Message:
        """``script``, ``epmd``: paths. Returns where it listens and who may log in."""
        if self.node is not None:
            raise UsageError("this companion has a broker already")
        for left in reversed(range(BOOT_TRIES)):
            folder = Path(self.serving.folder, f"node{left}")
            folder.mkdir(mode=0o700)
            node = Node(request["script"], request["epmd"], folder, self._died)
            try:
                took_s = await node.boot()
                break
            except NodeBroke:
                node.end()
                if not left:
                    raise
        self.node, self.state = node, "running"
        assert node.process is not None and node.mapper is not None
        return {"port": node.port, "user": node.user, "password": node.password, "booted_s": took_s,
                "pids": [os.getpid(), node.process.pid, node.mapper.pid],
                "ports": [node.port, node.dist_port, node.epmd_port]}

    async def vhost(self, request: Message) -> Message:
        """Make the virtual host ``name``, in which our user may do everything."""
        return {"name": await self._make(_checked(request["name"]))}

    async def borrow(self, request: Message) -> Message:
        """A virtual host of a new name, to be dropped by it. It is there already, and the next is made while this is used: to
        make one costs as much as all else that a case needs here."""
        assert self.running
        name, self.spare = self.spare, ""
        if not name:
            async with self.busy:
                name = await self._make(self._new_name())
        if self.refilling is None or self.refilling.done():
            self.refilling = asyncio.ensure_future(self._refill())
        return {"name": name}

    async def _refill(self) -> None:
        async with self.busy:
            if self.state == "running" and not self.spare:
                self.unsure = self._new_name()
                with contextlib.suppress(NodeBroke):        # whoever asks next learns of it
                    self.spare, self.unsure = await self._make(self.unsure), ""

    def _new_name(self) -> str:
        self.made += 1
        return f"borrowed-{self.made}"

    async def _make(self, name: str) -> str:
        user = self.running.user
        await self.running.ask(
            f'ok = rabbit_vhost:add(<<"{name}">>, <<"{user}">>), ok = rabbit_auth_backend_internal:set_permissions('
            f'<<"{user}">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"{user}">>)')
        return name

    async def drop(self, request: Message) -> Message:
        """Delete the virtual host ``name`` with all in it, and close its connections. One that is not there is no error."""
        name = _checked(request["name"])
        await self.running.ask(f'case rabbit_vhost:exists(<<"{name}">>) of true -> rabbit_vhost:delete(<<"{name}">>, '
                               f'<<"{self.running.user}">>); false -> ok end')
        return {}

    async def kill(self, request: Message) -> Message:
        """SIGKILL: connections end without a word."""
        if self.node is not None:
            self.node.kill()
        self.state = "dead"
        return {}

    async def stop(self, request: Message) -> Message:
        """An orderly stop: connections get Connection.Close 320, and the port refuses. The virtual machine below goes on.

        Clients have half a second to answer the close: the reset that ends a connection here would overtake it for one
        that reads late.
        """
        await self.running.ask(STOP)
        self.state = "stopped"
        return {}

    async def crash(self, request: Message) -> Message:
        """The processes that have the connections are killed, so that their sockets close as those of a killed node do."""
        await self.running.ask(CRASH)
        self.state = "stopped"
        return {}

    async def start(self, request: Message) -> Message:
        """Serve again after ``stop`` (half a second) or ``kill`` (a whole boot), on the same port, with what it had."""
        if self.node is None:
            raise UsageError("there is no broker yet; boot it first")
        if self.state == "stopped":
            await self.node.ask("rabbit:start()")
        elif self.state == "dead":
            await self.node.boot()
            self.state = "running"
            made, self.spare, self.unsure = (self.spare, self.unsure), "", ""
            for name in filter(None, made):     # made too late to be on disk whole
                await self.drop({"name": name})
        else:
            raise UsageError(f"the broker is {self.state}; only a stopped or dead one can be started")
        self.state = "running"
        return {}

    async def restart(self, request: Message) -> Message:
        """Stop and start; ``down_s`` seconds lie between them at least."""
        await self.stop(request)
        await asyncio.sleep(float(request.get("down_s", 0.0)))
        return await self.start(request)

    async def pause(self, request: Message) -> Message:
        """SIGSTOP: connections stay, the kernel still accepts new ones, and nobody answers."""
        self.running.signal(signal.SIGSTOP)
        self.state = "paused"
        return {}

    async def resume(self, request: Message) -> Message:
        if self.node is None or self.state != "paused":
            raise UsageError(f"the broker is {self.state}; only a paused one can be resumed")
        self.node.signal(signal.SIGCONT)
        self.state = "running"
        return {}

    async def alarm(self, request: Message) -> Message:
        """``what``: memory or disk; ``on``: whether it is raised. While one is, whoever publishes is blocked."""
        what, on = request["what"], request["on"]
        if what not in ALARMS:
            raise UsageError(f"an alarm is one of {', '.join(ALARMS)}, not {what!r}")
        limit = f"{{resource_limit, {what}, node()}}"
        await self.running.ask(f"rabbit_alarm:set_alarm({{{limit}, []}})" if on else f"rabbit_alarm:clear_alarm({limit})")
        return {}

    async def calm(self, request: Message) -> Message:
        """Clear every alarm."""
        await self.running.ask("[rabbit_alarm:clear_alarm(L) || {L, _} <- rabbit_alarm:get_alarms()], ok")
        return {}

    async def tell_state(self, request: Message) -> Message:
        return {}

    async def disconnect(self, request: Message) -> Message:
        """Close every client's connection with Connection.Close 320; the broker goes on. Returns how many it asked."""
        closed = await self.running.ask('length([rabbit_networking:close_connection(P, "closed by chaos") || '
                                        "P <- rabbit_networking:connections()])")
        return {"connections": int(closed)}

    async def count(self, request: Message) -> Message:
        """How many ``connections`` clients have, and how many ``vhosts`` there are beside the spare one."""
        counts = await self.running.ask("{length(rabbit_networking:connections()), length(rabbit_vhost:list_names())}")
        connections, vhosts = counts.strip("{}").split(",")
        return {"connections": int(connections), "vhosts": int(vhosts) - bool(self.spare)}

    def _died(self, status: int) -> None:
        self.state = "dead"
        self.serving.tell("broker", port=EVENTS, did="died", state=self.state, status=status)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"a virtual host's name has letters, digits and ._- only, not {name!r}")
    return name


async def serve(serving: Serving) -> None:
    """Until the owner is gone; then everything below this process is killed and reaped."""
    ending.become_subreaper()
    host = Host(serving)
    try:
        await serving.run(host.handle)
    finally:
        if host.node is not None:
            host.node.end()
        ending.end_all_below()      # a paused node too: SIGKILL needs no SIGCONT


def main() -> None:
    run_companion(serve)


if __name__ == "__main__":
    main()
