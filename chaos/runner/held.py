"""What a target holds besides its processes: ports, locks, sockets with a name, pid files. Looks and tells; ends nothing.

A socket's or a pid file's name outlives its process, so it must be seen while that lives, or be known by what it holds.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from chaos.model import Holding
from chaos.runner.tree import read

_PATH = re.compile(r"/[^\s:;,='\"]+")
_PID_FILE = re.compile(r"(?:^|[._-])(?:pid|lock)$")
"""Not any file that holds a pid: a state file or somebody's notes may."""
MOST_FILES = 2000
"""A folder with more entries is nobody's run folder, and would have to be read twice a run."""


class Belongings:
    """Of one run. ``spoken``: everything that names files to the target (arguments, environment of its own,
    configuration); the folders in it, /run, the working folder and ``given`` are where its pid files are looked for. What
    else is in ``own`` is chaos's."""

    def __init__(self, spoken: Iterable[str], own: Path, given: Path) -> None:
        self._own, self._given = f"{own}{os.sep}", f"{given}{os.sep}"
        self._folders = {"/run", os.getcwd(), str(given), *(_folder(path) for text in spoken for path in _PATH.findall(text))}
        self._before = set(self._files())
        self._seen: set[str] = set()
        self._last = ""
        self._sockets: dict[str, str] = {}

    def look(self, pids: Iterable[int]) -> None:
        """Remember the sockets that were bound to a path since the last look, and are one of ``pids``'."""
        text = read("/proc/net/unix")
        if text == self._last:
            return
        self._last = text
        new = {inode: path for inode, path in _bound(text) if inode not in self._seen}
        if new:
            self._seen.update(new)
            ours = {inode for pid in pids for inode in inodes(pid)}
            self._sockets.update((inode, path) for inode, path in new.items() if inode in ours)

    def left(self, ever: Iterable[int], alive: Iterable[int]) -> tuple[Holding, ...]:
        """What is still there, now that the launcher is not; ``ever``: all pids of the tree, ``alive``: those left over."""
        pids = set(map(str, ever))
        bound = _bound(read("/proc/net/unix"))
        others = {path for inode, path in bound if inode not in self._sockets}    # of a run beside this one, by now
        sockets = [path for path in self._sockets.values()
                   if not self._is_chaoss(path) and path not in others and _is_socket(path)]
        files = [path for path in self._files() if path not in self._before and _text(path) in pids]
        return (*(Holding("socket", path) for path in sorted(sockets)),
                *(Holding("pid file", path) for path in sorted(files)),
                *(holding for pid in alive for holding in (*_locks(pid), *_ports(pid))))

    def _is_chaoss(self, path: str) -> bool:
        return path.startswith(self._own) and not path.startswith(self._given)

    def _files(self) -> Iterator[str]:
        for folder in sorted(self._folders - {"/", ""}):
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            if len(names) <= MOST_FILES:
                yield from (os.path.join(folder, name) for name in names if _PID_FILE.search(name))


def _folder(path: str) -> str:
    return path if os.path.isdir(path) else os.path.dirname(path)


def _bound(text: str) -> Iterator[tuple[str, str]]:
    """(inode, path) of every Unix socket that is bound to an absolute path, as /proc/net/unix has them."""
    for line in text.split("\n")[1:]:       # only that ends one: a path may hold what Python takes for an end too
        words = line.split(None, 7)
        if len(words) == 8 and words[7].startswith("/"):
            yield words[6], words[7]


def inodes(pid: int) -> Iterator[str]:
    """The sockets that ``pid`` has open."""
    for _, link in _descriptors(pid):
        if link.startswith("socket:["):
            yield link[8:-1]


def _locks(pid: int) -> list[Holding]:
    """What ``pid`` has locked; a flock is inherited, and then stands with every process that shares it."""
    files = {link for number, link in _descriptors(pid) if "\nlock:" in read(f"/proc/{pid}/fdinfo/{number}")}
    return [Holding("lock", path, f"pid {pid}") for path in sorted(files)]


def _ports(pid: int) -> list[Holding]:
    import psutil  # only where something was left over: 30 ms of import that most runs never need

    try:
        connections = psutil.Process(pid).net_connections(kind="inet")
    except psutil.Error:
        return []
    return [Holding("port", f"{one.laddr.ip}:{one.laddr.port}", f"pid {pid}") for one in connections
            if one.status == psutil.CONN_LISTEN]


def _descriptors(pid: int) -> Iterator[tuple[str, str]]:
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for number in numbers:
        try:
            yield number, os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            continue


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _text(path: str) -> str:
    """The first line of a small regular file: a pid, where it is a pid file."""
    try:
        known = os.lstat(path)
    except OSError:
        return ""
    return read(path).partition("\n")[0].strip() if stat.S_ISREG(known.st_mode) and known.st_size < 64 else ""
