"""What is installed where a target runs: the versions that a finding depends on. It imports nothing of it, and starts nothing
to be tested: it asks the target's Python where it looks for modules, and reads what lies there.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from chaos.target import CALLABLE, Target, executable

PACKAGES = ("oslo.service", "cotyledon", "oslo.messaging", "eventlet")
"""The packages whose behaviour a sweep of an OpenStack launcher shows."""
ASK = "import json, platform, sys; print(json.dumps([platform.python_version(), list(filter(None, sys.path))]))"
ANSWERS_WITHIN_S = 30.0
LONG_SHEBANG = re.compile(rb"#!/bin/sh\n'''exec' (?:\"([^\"\n]+)\"|(\S+))")
"""How an installer writes the path of an interpreter that is too long for the kernel, or has a space."""


def versions_of(target: Target) -> tuple[tuple[str, str], ...]:
    """(name, version): of the Python that runs the target, of the package that the target is of, and of those whose behaviour
    it shows, as far as they are there. () for a target that is not Python, or whose Python does not answer."""
    python = python_of(target)
    answer = _asked(python, target) if python else None
    if answer is None:
        return ()
    version, path = answer
    there = ((name, _installed(name, path)) for name in dict.fromkeys((*_owners(target, path), *PACKAGES)))
    return (("Python", version), *((name, found) for name, found in there if found))


def python_of(target: Target) -> str | None:
    """The interpreter that runs it: for a script the one that its first line names. None: it is no Python."""
    if CALLABLE.match(target.command):
        return target.python
    path = executable(target.command, target.python)
    try:
        with open(path, "rb") as file:
            first = file.read(512)
    except OSError:
        return None
    return _python_named(path) if first.startswith(b"\x7fELF") else _python_named(_interpreter(first))


def _interpreter(first: bytes) -> str:
    if long := LONG_SHEBANG.match(first):
        return os.fsdecode(long[1] or long[2])
    words = first[2:].partition(b"\n")[0].split() if first.startswith(b"#!") else []
    named = [os.fsdecode(word) for word in words if not word.startswith(b"-")]
    if named and os.path.basename(named[0]) == "env":
        return shutil.which(named[1]) or "" if len(named) > 1 else ""
    return named[0] if named else ""


def _python_named(path: str) -> str | None:
    return path if re.match(r"(python|pypy)[\d.]*$", os.path.basename(path)) else None


def _asked(python: str, target: Target) -> tuple[str, Sequence[str]] | None:
    """Its version and where it looks for modules; None where it does not say."""
    if python == sys.executable and not target.env:
        return platform.python_version(), sys.path
    try:
        answer = subprocess.run([python, "-c", ASK], capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=True,
                                env=os.environ | {name: value for name, value in target.env if name.startswith("PYTHON")})
        version, path = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return str(version), [str(place) for place in path]


def _installed(name: str, path: Sequence[str]) -> str:
    """A folder of metadata can be half of one: what it does not say is not known."""
    found = next(iter(importlib.metadata.distributions(name=name, path=list(path))), None)
    return str(found.metadata["Version"] or "") if found else ""


def _owners(target: Target, path: Sequence[str]) -> tuple[str, ...]:
    """The package that brought the command: the one of the module's name, or the one that the console script is of."""
    if CALLABLE.match(target.command):
        return (target.command.partition(":")[0].partition(".")[0],)
    script = os.path.basename(target.command)
    for found in importlib.metadata.distributions(path=list(path)):
        if any(one.group == "console_scripts" and one.name == script for one in found.entry_points):
            return (str(found.metadata["Name"]),)
    return ()
