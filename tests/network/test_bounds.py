"""A sweep on RabbitMQ from outside: all that listens is on loopback, one node serves all cases, nothing is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import psutil
import pytest

from chaos.network.broker import Broker
from processes import Deadline, below, is_alive

SWEEP = [sys.executable, "-m", "chaos", "sweep", "--transport", "rabbit", "--backend", "threading", "--workers", "1"]
CASES = ("amqp.peer=denied", "amqp.peer=garbage", "amqp.hosts=first_dead", "amqp.connect#1=refuse", "tls.certificate=expired",
         "broker.declare#1=restart")
"""A hostile peer, a port of the proxy that refuses and listens again, one that speaks TLS, two at once, and a node that
listens anew."""
LISTENS = {"tcp": "0A", "udp": "07"}
"""The state in the kernel's table of a socket that takes what comes to it: of UDP, one that is bound to nobody."""
NODE, EPMD, PORTS = "rabbit boot", "epmd", "wirehost"
"""Words of the command lines of those that have to listen: the node, its epmd, the proxy's and the peers' ports."""
WITHIN_S = 300.0
"""A boot takes half a minute on a busy machine, and its half-dozen cases another."""


@dataclass
class Seen:
    """What was seen below a process. ``listening``: (command line, address, port, "tcp" or "udp"); ``pidfds``: by pid, all;
    ``lines``: pid and command line; ``parents``: pid by pid."""

    listening: set[tuple[str, str, int, str]] = field(default_factory=set)
    most_ports: int = 0
    pidfds: dict[int, int] = field(default_factory=dict)
    lines: set[tuple[int, str]] = field(default_factory=set)
    parents: dict[int, int] = field(default_factory=dict)

    def look(self, pid: int) -> None:
        sockets = _listening_sockets()
        for one in below(pid):
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                if one not in self.pidfds:
                    self.pidfds[one] = os.pidfd_open(one)
                    self.parents[one] = psutil.Process(one).ppid()
                line = Path(f"/proc/{one}/cmdline").read_text(errors="replace").replace("\0", " ")
                self.lines.add((one, line))
                own = {sockets[name] for name in _open_files(one) if name in sockets}
                self.listening |= {(line, *place) for place in own}
                self.most_ports = max(self.most_ports, len(own) * (PORTS in line))

    def pids(self, word: str) -> set[int]:
        """Of those that had the word in a command line at some time: a zombie has none. Without what one of them had just
        forked, and what has its command line until it becomes another program."""
        found = {pid for pid, line in self.lines if word in line}
        return {pid for pid in found if self.parents.get(pid) not in found}


def _open_files(pid: int) -> Iterator[str]:
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/{pid}/fd/{name}")


def _listening_sockets() -> dict[str, tuple[str, int, str]]:
    """Every socket of this machine that listens, as ``socket:[inode]``, with its address, port and protocol."""
    found = {}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            address, _, port = words[1].partition(":")
            if words[3] == LISTENS[table[:3]]:
                found[f"socket:[{words[9]}]"] = (str(_address(address)), int(port, 16), table[:3])
    return found


def _address(text: str) -> IPv4Address | IPv6Address:
    """As the kernel prints it: words of four bytes, each in the machine's own order."""
    words = [bytes.fromhex(text[at:at + 8]) for at in range(0, len(text), 8)]
    return ip_address(b"".join(word[::-1] if sys.byteorder == "little" else word for word in words))


def _is_erlangs_question(line: str, protocol: str) -> bool:
    """Erlang asks the kernel for the machine's interfaces through a UDP socket, which it binds to any port and closes again,
    within a millisecond or, on a busy machine, within seconds. Nothing is sent or taken through it (seen with strace)."""
    return protocol == "udp" and "/erts-" in line


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


@contextmanager
def _sweeping(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Seen]]:
    """A sweep whose temporary files are all in ``folder``; all that was seen of it and lives at the end is killed."""
    words = [word for case in CASES for word in ("--only", f"*/{case}")]
    seen = Seen()
    with subprocess.Popen([*SWEEP, *words, "--out", str(folder / "out")], env={**os.environ, "TMPDIR": str(folder / "tmp")},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as chaos:
        try:
            yield chaos, seen
        finally:
            chaos.kill()
            for pidfd in seen.pidfds.values():
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's, whose path is too long for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="bounds-") as name:
        Path(name, "tmp").mkdir()
        yield Path(name)


def _mentions(folder: Path) -> list[int]:
    """Processes of which command line or environment name the folder: also those that nobody has seen below chaos."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                if os.fsencode(folder) in Path("/proc", entry, name).read_bytes() and is_alive(int(entry)):
                    found.append(int(entry))
    return found


def test_all_that_listens_below_a_sweep_is_on_loopback_and_one_node_serves_it(rabbit: Broker, folder: Path) -> None:
    deadline = Deadline(WITHIN_S)
    with _sweeping(folder) as (chaos, seen):
        while chaos.poll() is None:
            seen.look(chaos.pid)
            deadline.left_s("the end of a sweep")
        assert chaos.stdout is not None
        said = chaos.stdout.read()
        assert chaos.returncode == 0 and f"{len(CASES)} cases: {len(CASES)} pass" in said, said
        assert not [pid for pid in seen.pidfds if is_alive(pid)], "chaos ends when all below it is gone"
    assert not _mentions(folder)
    assert not list((folder / "tmp").iterdir()), "nor is a folder left"
    outside = [one for one in seen.listening if not _is_loopback(one[1]) and not _is_erlangs_question(one[0], one[3])]
    assert not outside
    assert all(any(word in line for line, *_ in seen.listening) for word in (NODE, EPMD, PORTS)), "or nothing was looked at"
    assert seen.most_ports >= 2, "a peer, or a second port of the proxy, beside the first"
    assert len(seen.pids(NODE)) == 1, "a node a sweep, also where a case restarts it"


def test_nothing_is_left_of_a_sweep_that_was_killed(rabbit: Broker, folder: Path) -> None:
    deadline = Deadline(WITHIN_S)
    with _sweeping(folder) as (chaos, seen):
        while not all(map(seen.pids, (NODE, EPMD, PORTS, "prober", "target.conf"))):
            seen.look(chaos.pid)
            deadline.left_s("a broker, its epmd, the ports, a caller and a launcher")
        os.kill(chaos.pid, signal.SIGKILL)
        deadline.gone(seen.pidfds.values(), "everything that the sweep had started")
        while left := _mentions(folder):
            deadline.left_s(f"the end of {left}")
        while kept := list((folder / "tmp").iterdir()):
            deadline.left_s(f"the end of {kept}")
