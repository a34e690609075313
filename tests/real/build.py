"""Builds the real launchers that chaos is tried on, from the package index, into a folder; done again, it does nothing.

    python tests/real/build.py FOLDER

FOLDER/web gets celery, gunicorn and uvicorn, FOLDER/nova nova, FOLDER/cinder cinder, in the newest releases that this Python
can have; FOLDER/state and FOLDER/cinder-state their databases in sqlite, and FOLDER/chaos.toml the entries that sweep them.
What was broken off is begun anew.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = {"web": ("celery", "gunicorn", "uvicorn"), "nova": ("nova",), "cinder": ("cinder",)}
WITHIN_S = 600
NOVA_CONF = """\
[database]
connection = sqlite:///{state}/main.db
[api_database]
connection = sqlite:///{state}/api.db
"""
CINDER_CONF = """\
[database]
connection = sqlite:///{state}/main.db
"""


def build(folder: Path) -> None:
    """Everything that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, packages in PACKAGES.items():
        _once(folder / name, " ".join(packages), lambda place, packages=packages: _install(place, packages))
    _once(folder / "state", "nova", lambda place: _databases(place, folder / "nova" / "bin" / "nova-manage", NOVA_CONF,
                                                             ("api_db", "sync"), ("db", "sync", "--local_cell")))
    _once(folder / "cinder-state", "cinder", lambda place: _databases(place, folder / "cinder" / "bin" / "cinder-manage",
                                                                      CINDER_CONF, ("db", "sync")))
    entries = (HERE / "entries.toml").read_text(encoding="utf-8")
    (folder / "chaos.toml").write_text(entries.replace("@FOLDER@", str(folder)), encoding="utf-8")
    shutil.copy(HERE / "shop.py", folder / "shop.py")


def _once(place: Path, what: str, make: Callable[[Path], None]) -> None:
    """The mark is written last: without it a folder is half of what it should be."""
    mark = place / "whole"
    if mark.exists() and mark.read_text(encoding="utf-8") == what:
        return
    shutil.rmtree(place, ignore_errors=True)
    make(place)
    mark.write_text(what, encoding="utf-8")


def _install(place: Path, packages: tuple[str, ...]) -> None:
    venv.create(place, with_pip=True)
    _run(place / "bin" / "python", "-m", "pip", "install", "--quiet", *packages)


def _databases(place: Path, manage: Path, text: str, *commands: tuple[str, ...]) -> None:
    place.mkdir()
    config = place / "service.conf"
    config.write_text(text.format(state=place), encoding="utf-8")
    for words in commands:
        _run(manage, "--config-file", config, *words)


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, timeout=WITHIN_S)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("one folder is needed: python tests/real/build.py FOLDER")
    build(Path(sys.argv[1]).resolve())
