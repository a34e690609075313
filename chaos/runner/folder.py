"""The folder of one run: the plan, the channels through which the target's tree reports, and what it finds on its start."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
from pathlib import Path

from chaos.readiness import Wanted, wanted, without
from chaos.runner.ports import a_port
from chaos.runner.request import Request, unheard

INSIDE = str(Path(__file__).resolve().parent.parent / "inside")
FOLDERS, FILES = ("tmp", "run"), ("hits", "pids")
"""For all: the target may drop its rights before it writes there. Few: on ext4 a new inode costs up to a millisecond where
many were removed in the last five seconds, which is what a sweep does."""


class Folder:
    """Use with ``with``: entering makes it at the path that the request names, leaving removes it.

    The names of all runs have one length: a warm start has them in its arguments and environment, and exchanges them in
    place. The launch script is not in it, but beside it: the interpreter that is forked from has its path already.
    """

    def __init__(self, request: Request, transport_url: str = "") -> None:
        self.request = request
        self.transport_url = transport_url
        self.path = Path(request.folder)
        self.port = ""
        self.exits = contextlib.ExitStack()

    def __enter__(self) -> Folder:
        self.exits.callback(shutil.rmtree, self.path, ignore_errors=True)
        for name in ("", *FOLDERS):
            path = self.path / name
            path.mkdir(exist_ok=True)
            path.chmod(0o777 if name else 0o755)
        for name in FILES:
            (self.path / name).touch()
            (self.path / name).chmod(0o666)
        if self._mentions("{port}"):
            self.port = self.exits.enter_context(a_port())
        self._write_script()
        self._write_config()
        return self

    def __exit__(self, *failure: object) -> None:
        self.exits.close()

    def write_plan(self, text: str) -> None:
        (self.path / "plan").write_text(text, encoding="utf-8", errors="surrogateescape")

    def open_fifo(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Make a FIFO and open it: ``events``, into which the agent writes a line an event, or a warden's channels."""
        os.mkfifo(self.path / name)
        (self.path / name).chmod(mode)
        fifo = os.open(self.path / name, flags | os.O_CLOEXEC)
        self.exits.callback(os.close, fifo)
        return fifo

    def open_notify(self) -> socket.socket:
        """The socket that a supervisor such as systemd would listen on."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.exits.callback(notify.close)
        notify.bind(str(self.path / "notify"))
        (self.path / "notify").chmod(0o777)
        if "notify.gone" in self.request.given:
            (self.path / "notify").unlink()
        return notify

    def environment(self) -> dict[str, str]:
        env = dict(os.environ)
        env.update((name, self.filled(value)) for name, value in self.request.env)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (INSIDE, env.get("PYTHONPATH"))))
        env.update(CHAOS_AGENT=str(self.path), CHAOS_ROLE="parent", NOTIFY_SOCKET=str(self.path / "notify"),
                   TMPDIR=str(self.path / "tmp"))
        if "notify.absent" in self.request.given:
            del env["NOTIFY_SOCKET"]
        if "notify.unwritable" in self.request.given:   # for root too, whom no mode of a socket binds
            env["NOTIFY_SOCKET"] = "/proc/sys/kernel/ostype"
        for fault in self.request.case.faults:
            if fault.site == "env.variable" and fault.action == "unset":
                env.pop(fault.args[0], None)
            elif fault.site == "env.variable":
                env[fault.args[0]] = fault.args[1]
        return env

    def argv(self) -> list[str]:
        return [self.filled(word) for word in self.request.argv]

    def filled(self, word: str) -> str:
        """``word`` with what only this run knows."""
        if self.request.script:
            word = word.replace("{script}", str(self._script))
        word = word.replace("{config}", str(self.path / "target.conf")).replace("{folder}", str(self.own))
        return word.replace("{transport_url}", self.transport_url).replace("{port}", self.port)

    @property
    def trace(self) -> Path:
        """Where strace writes, below which a case may be started."""
        return self.path / "strace"

    @property
    def own(self) -> Path:
        """Where ``{folder}`` leads: what the target leaves there is left over."""
        return self.path / "run"

    def wanted(self) -> list[tuple[str, Wanted]]:
        """The signs of readiness, each once, as they are said and as they are looked at."""
        texts = without(self.request.ready, unheard(self.request))
        return [(text, wanted(text)) for text in dict.fromkeys(map(self.filled, texts))]

    def commands_environment(self) -> dict[str, str]:
        """What a command that asks whether the target is ready finds: the target's environment, chaos's part left out."""
        return dict(os.environ) | {name: self.filled(value) for name, value in self.request.env}

    def _mentions(self, word: str) -> bool:
        request = self.request
        return any(word in text for text in (*request.argv, *dict(request.env).values(), request.config, *request.ready))

    def temporary_files(self) -> list[str]:
        """What lies in the target's TMPDIR, which it may have removed."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in (self.path / "tmp").iterdir())
        return []

    def _write_script(self) -> None:
        if self.request.script and not self._script.exists():
            self._script.parent.mkdir(exist_ok=True)
            part = self._script.with_name(f"{self._script.name}.{os.getpid()}")
            part.write_text(self.request.script[1], encoding="utf-8")
            part.chmod(0o755)
            part.replace(self._script)

    @property
    def _script(self) -> Path:
        assert self.request.script is not None
        name, text = self.request.script
        return self.path.parent / f"bin-{hashlib.sha256(text.encode()).hexdigest()[:8]}" / name

    def _write_config(self) -> None:
        path = self.path / "target.conf"
        if "config.unreadable" in self.request.given:   # root may read whatever its mode is, but not a folder
            path.mkdir()
        elif self.request.config and "config.missing" not in self.request.given:
            path.write_text(self.filled(self.request.config), encoding="utf-8")
