"""One RabbitMQ node and its epmd as processes of this one: starts them, asks the node by its standard input, ends them.

The node runs Debian's own start script; an Erlang loop that it gets by ``-eval`` reads one expression a line and prints
its value. A virtual host costs about 15 ms that way; every call of ``rabbitmqctl`` starts a virtual machine of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BOOTS_WITHIN_S = 60.0
"""3.5 s on a quiet machine, 12 to 24 s on a loaded one."""
ANSWERS_WITHIN_S = 20.0
EPMD_WITHIN_S = 10.0
MOST_KEPT = 200
PR_SET_PDEATHSIG = 1

CONTROL = (
    'F = fun(G) -> case io:get_line("") of L when is_list(L) -> '
    '{ok, T, _} = erl_scan:string(L), {ok, E} = erl_parse:parse_exprs(T), {value, {N, Do}, _} = erl_eval:exprs(E, []), '
    'R = try {done, Do()} catch C:X -> {broke, {C, X}} end, '
    'io:format("~n=~b ~0p~n", [N, R]), G(G); _ -> halt(1) end end, '
    'case whereis(rabbit) of undefined -> io:format("~n=0 {broke, not_running}~n"); '
    '_ -> io:format("~n=0 {done,ready}~n"), spawn(fun() -> F(F) end) end.'
)
"""The loop inside the node. A line is ``{Number, fun() -> Expression end}.``; its answer begins with ``=Number``, on a line
of its own, for the script writes titles without an end of line."""

CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users = none
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 1MB
log.console = false
log.file.level = warning
"""


class NodeBroke(RuntimeError):
    """The node or its epmd did not start, died, or answered with an error of its own."""


libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """In a child, before exec: the kernel kills it when this process is gone, by SIGKILL too."""
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def free_port() -> int:
    """A port of loopback that nobody has at this moment; another may take it before we do, which is then an error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass(slots=True)
class Node:
    """``script``: Debian's rabbitmq-server. ``folder``: the node's own. ``on_death``: called when it ends by itself."""

    script: str
    epmd: str
    folder: Path
    on_death: Callable[[int], None]
    user: str = "chaos"
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    mapper: subprocess.Popen[bytes] | None = None
    said: list[bytes] = field(default_factory=list)
    _partial: bytes = b""
    _count: int = 0
    _waiting: dict[int, asyncio.Future[str]] = field(default_factory=dict)

    async def boot(self) -> float:
        """Start epmd and the node; return after how many seconds it served. Raises NodeBroke with its last words."""
        began = time.monotonic()
        self._write_files()
        await self._start_mapper()
        loop = asyncio.get_running_loop()
        ready = self._waiting[0] = loop.create_future()
        self.said.clear()
        self._partial = b""
        self.process = subprocess.Popen(
            [self.script, "-noshell", "-eval", CONTROL], cwd=self.folder, env=self._environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent, start_new_session=True)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        loop.add_reader(self.process.stdout.fileno(), self._hear, self.process)
        try:
            await self._answer(0, ready, BOOTS_WITHIN_S, "the node's boot")
        except NodeBroke:
            self.kill()     # or the next would run beside it
            raise
        return time.monotonic() - began

    async def ask(self, expression: str, *, within_s: float = ANSWERS_WITHIN_S) -> str:
        """The value of an Erlang expression in the node, as Erlang prints it. Raises NodeBroke."""
        if self.process is None or self.process.poll() is not None:
            raise NodeBroke(f"the node is not running; asked {expression}")
        assert self.process.stdin is not None
        self._count += 1
        future = self._waiting[self._count] = asyncio.get_running_loop().create_future()
        line = f"{{{self._count}, fun() -> {expression} end}}.\n"
        with contextlib.suppress(BrokenPipeError):      # its end is told by its output
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()
        return await self._answer(self._count, future, within_s, expression)

    async def _answer(self, number: int, future: asyncio.Future[str], within_s: float, what: str) -> str:
        try:
            answer = await asyncio.wait_for(future, within_s)
        except TimeoutError:
            raise NodeBroke(f"waited {within_s:g} s for {what}; {self._last_words()}") from None
        finally:
            self._waiting.pop(number, None)
        if not answer.startswith("{done,"):
            raise NodeBroke(f"{what}: {answer}; {self._last_words()}")
        return answer.removeprefix("{done,").removesuffix("}")

    def _last_words(self) -> str:
        words = [line.decode("utf-8", "replace").strip() for line in self.said]
        return "it said: " + " | ".join([line for line in words if line.isprintable() and line][-8:])

    def _hear(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        data = process.stdout.read(1 << 16)
        if data is None:
            return
        if not data:
            self._gone(process)
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if line.startswith(b"="):
                number, _, answer = line[1:].decode("utf-8", "replace").partition(" ")
                future = self._waiting.get(int(number))
                if future is not None and not future.done():
                    future.set_result(answer)
            else:
                self.said = [*self.said[-MOST_KEPT:], line]

    def _gone(self, process: subprocess.Popen[bytes]) -> None:
        """Its output has ended, and nobody has ended it on purpose."""
        try:
            status = process.wait(5)
        except subprocess.TimeoutExpired:
            status = 0          # it closed its output and lives: whoever asks next learns that it does not answer
        self.process = None
        self._let_go(process, status)
        self.on_death(status)

    def _let_go(self, process: subprocess.Popen[bytes], status: int) -> None:
        """Not when its output ends: what it had started may hold that open until the next boot is under way."""
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(RuntimeError):     # no loop runs any more
            asyncio.get_running_loop().remove_reader(process.stdout.fileno())
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_result(f"{{broke, node_ended_with_status_{status}}}")

    def kill(self) -> None:
        """End the node at once, as a power cut would; its epmd stays. Nothing to do for one that is gone."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            self._let_go(process, process.wait())

    def signal(self, number: signal.Signals) -> None:
        if self.process is None:
            raise NodeBroke(f"no node runs that could get {number.name}")
        os.kill(self.process.pid, number)

    def end(self) -> None:
        """Kill node and epmd."""
        self.kill()
        mapper, self.mapper = self.mapper, None
        if mapper is not None:
            mapper.kill()
            mapper.wait()

    async def _start_mapper(self) -> None:
        """epmd in the foreground, so that it is a child of ours: the one that a node starts by itself outlives it."""
        if self.mapper is not None and self.mapper.poll() is None:
            return
        self.mapper = subprocess.Popen([self.epmd, "-port", str(self.epmd_port), "-address", "127.0.0.1"],
                                       env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, preexec_fn=die_with_parent, start_new_session=True)
        until = time.monotonic() + EPMD_WITHIN_S
        while time.monotonic() < until:
            if self.mapper.poll() is not None:
                raise NodeBroke(f"epmd ended with status {self.mapper.returncode} on port {self.epmd_port}")
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.epmd_port), 1):
                return
            await asyncio.sleep(0.01)
        raise NodeBroke(f"epmd did not listen on port {self.epmd_port} within {EPMD_WITHIN_S:g} s")

    def _write_files(self) -> None:
        if (self.folder / ".erlang.cookie").exists():
            return
        self._write(".erlang.cookie", secrets.token_hex(16), 0o400)
        self._write("rabbitmq.conf", CONFIG.format(port=self.port, user=self.user, password=self.password), 0o600)
        self._write("enabled_plugins", "[].\n", 0o600)

    def _write(self, name: str, text: str, mode: int) -> None:
        with open(os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)

    def _environment(self) -> dict[str, str]:
        """Nothing of ours but PATH: no NOTIFY_SOCKET, no ERL_… of the user's, no cookie of the user's home."""
        here = str(self.folder)
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": here, "LANG": "C.UTF-8", "TERM": "dumb",
            "RABBITMQ_NODENAME": "chaos@localhost", "RABBITMQ_CONF_ENV_FILE": f"{here}/no-such-file",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port), "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{here}/advanced.config", "RABBITMQ_GENERATED_CONFIG_DIR": f"{here}/generated",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/enabled_plugins", "RABBITMQ_MNESIA_BASE": f"{here}/mnesia",
            "RABBITMQ_LOG_BASE": f"{here}/log", "RABBITMQ_PID_FILE": f"{here}/pid", "RABBITMQ_ALLOW_INPUT": "1",
            "ERL_EPMD_PORT": str(self.epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_CRASH_DUMP": "/dev/null",
            # By the environment, so that the virtual machines that the node starts for a moment listen on loopback too.
            "ERL_AFLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
