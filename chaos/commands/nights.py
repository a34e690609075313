"""The history of nights: checked before anything is run, told and added to at the end."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TextIO

from chaos.commands.asked import writable
from chaos.errors import UsageError
from chaos.report.history import nights, remember, trend
from chaos.report.results import Results


def check_history(folder: Path | None) -> None:
    """Before anything is run: a night that cannot be read, or a folder that cannot be written to, is found in time."""
    if folder is not None:
        try:
            nights(writable(folder, "--history"), "")
        except (OSError, ValueError) as error:
            raise UsageError(f"--history {folder}: {error}") from None


def say_trend(folder: Path | None, results: Results | None, stream: TextIO | None = None) -> None:
    """Keep this night, and tell how it went from night to night."""
    if folder is None or results is None:
        return
    try:
        remember(folder, time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime()), results)
        for line in trend(nights(folder, results.started.target)):
            print(line, file=stream or sys.stdout)
    except (OSError, ValueError) as error:
        raise UsageError(f"--history {folder}: {error}") from None
