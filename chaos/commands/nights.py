"""The history of nights: checked before anything is run, told and added to at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chaos.commands.asked import writable
from chaos.errors import UsageError
from chaos.report.history import nights, remember, tonight, trend
from chaos.report.results import Results


def check_history(folder: Path | None) -> None:
    """Before anything is run: a night that cannot be read, or a folder that cannot be written to, is found in time."""
    if folder is not None:
        with _readable(folder):
            nights(writable(folder, "--history"), "")


@dataclass(frozen=True, slots=True)
class Keeping:
    """This night: told among the others before it is kept, since it is kept last of all, when its reports are written."""

    folder: Path | None
    name: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime()))

    def trend(self, results: Results) -> list[str]:
        """A line a night, this one last. Of a sweep that was cut short, or could not begin, there is none."""
        if self.folder is None or results.cut_short:
            return []
        with _readable(self.folder):
            started = results.started
            return trend((*nights(self.folder, started.target, part=started.part), tonight(self.name, results)))

    def keep(self, results: Results | None) -> None:
        if self.folder is not None and results is not None and not results.cut_short:
            with _readable(self.folder):
                remember(self.folder, self.name, results)


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UsageError(f"--history {folder}: {error}") from None
