"""The log file that a target's entry names: what the run wrote to it. Reads; judges and masks nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from chaos.runner.output import Output

BLOCK_BYTES = 64 * 1024


class LogFile:
    """What is in it before the start is another run's."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.before = self._identity()

    def text(self) -> str:
        """Its beginning and its end, as of the output; "" where there is no such file, or none that may be read."""
        now = self._identity()
        if now is None:
            return ""
        goes_on = self.before is not None and now[0] == self.before[0] and now[1] >= self.before[1]
        return self._read(self.before[1] if goes_on and self.before else 0)

    def _read(self, offset: int) -> str:
        kept = Output()
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                while data := file.read(BLOCK_BYTES):
                    kept.add(data)
        except OSError:
            return ""
        return kept.text()

    def _identity(self) -> tuple[int, int] | None:
        """Inode and size. Only of a plain file: to open a FIFO would wait."""
        try:
            known = os.stat(self.path)
        except OSError:
            return None
        return (known.st_ino, known.st_size) if stat.S_ISREG(known.st_mode) else None
