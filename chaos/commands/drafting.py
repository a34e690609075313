"""``chaos init``: an entry of chaos.toml for a launcher, tried once before it is written and once after."""

from __future__ import annotations

import os
import tomllib
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from chaos.commands.asked import options_of, pool_on, target_of, timing_of
from chaos.commands.shown import say_case, say_unhealthy
from chaos.commands.status import Status, status_of
from chaos.draft import as_entry, entry_text, name_of
from chaos.errors import UsageError
from chaos.model import Case, Variant
from chaos.sweep import healthy, run_baselines
from chaos.target import Target, entries

FILE = Path("chaos.toml")
HEADER = "# Targets of chaos: chaos check NAME, chaos sweep NAME. docs/targets.md of chaos says what each key means.\n"


def do_init(options: Namespace) -> Status:
    name = _name(options)
    target = target_of(options)
    _must_be_new(name, target)
    asked = options_of(options, target)
    target = replace(target, backends=asked.backends or target.backends, workers=asked.workers or target.workers,
                     deadline_s=options.deadline)
    variant = _tried(options, target)
    if not healthy(variant):
        return say_unhealthy([variant], target)
    entry = as_entry(name, target, variant.baseline.seen)
    _write(entry_text(entry, variant.baseline.seen))
    print(f"{FILE}: wrote [targets.{name}]")
    again = _tried(options, entries()[name])
    say_case(again.baseline, entries()[name])
    print(f"next: chaos check {name}, then chaos sweep {name}")
    silent = again.baseline.seen.expected.silent
    return Status.INCONCLUSIVE if silent and healthy(again) else status_of([again.baseline.verdict.grade])


def _name(options: Namespace) -> str:
    return options.name or name_of(Target(options.target, options.target))


def _must_be_new(name: str, target: Target) -> None:
    """Raises UsageError rather than write over anything."""
    known = entries()
    if target.name in known and not target.name.startswith((".", "/")):
        raise UsageError(f"{target.name!r} is an entry already: chaos check {target.name} starts it")
    if name in known:
        raise UsageError(f"there is a target {name!r} already, and it is not written over; --name {name}2 would be right")
    if FILE.exists():
        try:
            tomllib.loads(FILE.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{FILE}: {error}; nothing was written") from None
    elif not os.access(os.curdir, os.W_OK):
        raise UsageError(f"{FILE}: {os.getcwd()} cannot be written to; another folder would be right")


def _tried(options: Namespace, target: Target) -> Variant:
    """How its first variant starts with no fault."""
    timing = replace(timing_of(options), boot_s=options.deadline)
    with pool_on(None) as pool:
        return next(iter(run_baselines(pool, target, [Case(target.name, target.backends[0], target.workers[0])], timing)))


def _write(text: str) -> None:
    """Added at the end, where there is a file."""
    before = FILE.read_text(encoding="utf-8").rstrip("\n") + "\n\n" if FILE.exists() else HEADER + "\n"
    part = FILE.with_name(f"{FILE.name}.{os.getpid()}.part")
    part.write_text(before + text, encoding="utf-8")
    part.replace(FILE)
