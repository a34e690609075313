"""``chaos nightly``: everything that a night is for, part by part, and one status over all of it.

A part is a sweep, with a folder, a history and a command of its own that repeats it: the target's own transport first, then
a real RabbitMQ where the target can be told of one. A part that cannot run costs the others nothing.
"""

from __future__ import annotations

import datetime
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.commands.asked import target_of, writable
from chaos.commands.status import Status, worst
from chaos.commands.sweeping import do_sweep
from chaos.errors import MissingPart, UsageError
from chaos.target import Target
from chaos.transport import FAKE, RABBIT

COMMANDS_FILE = "commands.txt"
"""What ran, a command a line, so that the folder alone tells how to repeat the night."""


@dataclass(frozen=True, slots=True)
class Part:
    """``options``: those of the sweep that it is; ``command``: the same as words to type."""

    name: str
    options: Namespace
    command: str


def do_nightly(options: Namespace) -> Status:
    target, out = target_of(options), writable(options.out)
    seed = options.seed if options.seed is not None else seed_of(datetime.datetime.now(datetime.UTC).date())
    parts = parts_of(options, target, seed)
    (out / COMMANDS_FILE).write_text("".join(f"{part.command}\n" for part in parts), encoding="utf-8",
                                    errors="backslashreplace")
    ended: dict[str, Status] = {}
    for number, part in enumerate(parts, 1):
        print(f"part {number} of {len(parts)}, {part.name}, seed {seed}:\n{part.command}", flush=True)
        ended[part.name] = _status_of(part)
        if ended[part.name] is Status.INTERRUPTED:
            break
    for line in told(parts, ended):
        print(line)
    return worst(ended.values())


def seed_of(day: datetime.date) -> int:
    """``20261125``: the same all night long, and known the day after."""
    return int(f"{day:%Y%m%d}")


def parts_of(options: Namespace, target: Target, seed: int) -> tuple[Part, ...]:
    """In the order in which they run."""
    return tuple(_part(name, options, target, seed) for name in transports(options, target))


def transports(options: Namespace, target: Target) -> tuple[str, ...]:
    """Both that there are; one where the target knows no other, or only one was asked for."""
    if options.transport is not None:
        return (options.transport,)
    try:
        target.must_take_transport(RABBIT)
    except UsageError:
        return (FAKE,)
    return FAKE, RABBIT


def _part(name: str, options: Namespace, target: Target, seed: int) -> Part:
    kind = name if name in (FAKE, RABBIT) else "broker"     # a URL is no name of a folder, nor to be shown
    history = options.history or options.out / "history"
    sweep = Namespace(**{**vars(options), "command": "sweep", "transport": name, "seed": seed, "out": options.out / kind,
                         "history": history / kind, "require_rabbit": options.require_rabbit and name != FAKE})
    return Part(kind, sweep, " ".join(_words(sweep, target)))


def _words(sweep: Namespace, target: Target) -> Iterator[str]:
    """The sweep as it is typed: what was asked for; a default stays one. The target adds its own options and its times."""
    yield from ("chaos", "sweep", shlex.quote(target.name))
    part = "" if sweep.shard == (1, 1) else "/".join(map(str, sweep.shard))
    pairs = (("--profile", sweep.profile), ("--transport", _spoken(sweep.transport)), ("--seed", str(sweep.seed)),
             ("--backend", ",".join(sweep.backend)), ("--workers", ",".join(map(str, sweep.workers))),
             ("--jobs", str(sweep.jobs or "")), ("--scheduler", sweep.scheduler or ""),
             *(("--site", shlex.quote(site)) for site in sweep.site),
             *(("--only", shlex.quote(glob)) for glob in sweep.only), ("--shard", part),
             ("--known", shlex.quote(str(sweep.known)) if sweep.known else ""), ("--out", shlex.quote(str(sweep.out))),
             ("--history", shlex.quote(str(sweep.history))))
    yield from (f"{option} {value}" for option, value in pairs if value)
    yield from (option for option, is_set in (("--cold", sweep.cold), ("--require-rabbit", sweep.require_rabbit)) if is_set)
    if target.options:
        yield target.options.strip()


def _spoken(transport: str) -> str:
    """A URL may hold a password, so it is not repeated."""
    return {FAKE: "", RABBIT: RABBIT}.get(transport, "URL")


def _status_of(part: Part) -> Status:
    try:
        return do_sweep(part.options)
    except UsageError as error:
        print(f"chaos: {part.name}: {error}", file=sys.stderr)
        return Status.USAGE
    except MissingPart as error:
        print(f"chaos: {part.name}: {error}", file=sys.stderr)
        return Status.UNAVAILABLE


def told(parts: Sequence[Part], ended: dict[str, Status]) -> Iterator[str]:
    """A line a part: how it ended, where its report is, and the command that repeats it."""
    yield ""
    for part in parts:
        how = f"status {ended[part.name].value}" if part.name in ended else "not run"
        yield f"{part.name}: {how}; {part.options.out / 'report.html'}"
        yield f"  {part.command}"
