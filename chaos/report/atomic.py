"""Writes a whole file or nothing. It knows no format."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_atomically(path: Path, parts: Iterable[str]) -> None:
    """Replace ``path`` by ``parts`` once all are on the disk; else raise ``OSError`` and leave it as it was. What is no
    character (a byte of an argument) is written as its escape.

    The temporary file lies beside the target, since ``os.replace`` is atomic only within one file system, and carries
    our pid, so that two sweeps into one folder cannot mix their halves. It is made by ``open`` and not by ``tempfile``:
    a report should have the permissions that the umask gives, not 0600. ``fsync`` before the replace, or a crash of the
    machine may leave the new name with no content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
