"""The other CPythons of this machine, as pyenv has them: the newest patch of each version that chaos promises to reach."""

from __future__ import annotations

import os
from pathlib import Path

VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def _newest(version: str) -> str:
    found = {int(path.parent.parent.name.rpartition(".")[2]): str(path) for path in PYENV.glob(f"{version}.*/bin/python")
             if path.parent.parent.name.rpartition(".")[2].isdecimal() and os.access(path, os.X_OK)}
    return found[max(found)] if found else ""


PYTHONS = {version: path for version in VERSIONS if (path := _newest(version))}
"""Version to path, of those that are there."""
