"""A commented entry of chaos.toml for a launcher, from what one start of it showed. Pure: text out, nothing is written."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from chaos.model import Observation
from chaos.readiness import KINDS
from chaos.target import Target

_READY_WORDS = re.compile(r"\b(?:ready|listening|serving|started|running|booted|accepting)\b", re.IGNORECASE)
_OF_A_RUN = re.compile(r"(?:/[^/\s]+)*/chaos-\w{8}/\d{7,}/(run|tmp)(?=/|$)")
"""The folder that one run had, and no other will have: `{folder}` is its ``run``, TMPDIR its ``tmp``."""
BARE = re.compile(r"[A-Za-z0-9_-]+")


def name_of(target: Target) -> str:
    """What its entry is called: the console script, the script without its ending, or the package of the callable."""
    command = target.command
    if ":" in command and "/" not in command:
        module = command.partition(":")[0].split(".")
        word = module[0] if module[-1] in ("main", "__main__", "cli", "cmd") or len(module) == 1 else module[-1]
    else:
        word = command.rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", word).strip("-") or "launcher"


def as_entry(name: str, target: Target, seen: Observation) -> Target:
    """``target`` under its name, with the readiness that ``seen`` suggests, and a port of each run's own where one was
    named in its arguments, or is given to it."""
    ready, port = target.ready or readiness_of(seen), _port_of(seen)
    args = tuple("{port}".join(re.split(rf"(?<!\d){port}(?!\d)", word)) for word in target.args) if port else target.args
    if port and (args != target.args or target.mentions("{port}")):
        ready = tuple(re.sub(rf":{port}(?!\d)", ":{port}", sign) for sign in ready)
    return replace(target, name=name, args=args, ready=ready, typed_args=(), typed_ready=())


def readiness_of(seen: Observation) -> tuple[str, ...]:
    """The signs that one start suggests; none where its services tell, and where there was nothing to be seen."""
    if seen.ready_s is not None:
        return ("notify",)
    if seen.expected.servers:
        return ()
    sockets = tuple(dict.fromkeys(filter(None, map(_of_any_run, seen.listens))))
    if sockets:
        return sockets
    lines = [line.strip() for line in seen.output.splitlines() if _READY_WORDS.search(line)]
    return (f"log: {_shape(lines[-1])}",) if lines else ()


def _of_any_run(sign: str) -> str:
    """A socket as each run will have it; "" for one among its temporary files, whose name nobody can foretell."""
    found = _OF_A_RUN.search(sign)
    if found is None:
        return sign
    return "" if found[1] == "tmp" else f"{sign[:found.start()]}{{folder}}{sign[found.end():]}"


def _shape(line: str) -> str:
    """A regular expression for the part of a log line that says it, without what differs from run to run."""
    found = _READY_WORDS.search(line)
    start = 0 if found is None else line.rfind(" ", 0, max(0, line.rfind(" ", 0, found.start()))) + 1
    path = _OF_A_RUN.search(line, start)
    said = line[start:] if path is None else line[start:path.start()]
    return re.sub(r"\d+", lambda _: r"\d+", re.sub(r"([][.^$*+?{}()|\\])", r"\\\1", said[:60])).strip()


def _port_of(seen: Observation) -> str:
    """The one port at which it listens, on however many addresses; "" where there are several."""
    ports = {sign.rpartition(":")[2] for sign in seen.listens if sign.startswith("tcp:")}
    return ports.pop() if len(ports) == 1 else ""


def entry_text(target: Target, seen: Observation) -> str:
    """The entry, with what else it may say as comments. ``target``: see `as_entry`."""
    key = target.name if BARE.fullmatch(target.name) else _toml(target.name)
    lines = [f"[targets.{key}]", f"command = {_toml(target.command)}",
             "# Filled in: {backend}, {workers}, {port} (a free one), {folder} and {config} (of each run's own).",
             f"args = {_toml(target.args)}", *_ready_lines(target, seen), *_further(target)]
    return "\n".join(lines) + "\n"


def _ready_lines(target: Target, seen: Observation) -> list[str]:
    if target.ready:
        return ["# How it shows that it is ready; all of these are required.", f"ready = {_toml(target.ready)}"]
    if seen.expected.servers:
        return ["# Its services were seen to start: no readiness has to be named."]
    kinds = [f"#   {_toml(kind.example)}: {kind.doc}" for kind in KINDS.values()]
    return ["# Nothing showed when it is ready, so whether it serves or hangs cannot be decided. Name at least one:", *kinds,
            '# ready = ["…"]']


def _further(target: Target) -> list[str]:
    """Every other key: as it was said, or else as a comment with an example."""
    usual = Target("", "")
    return [
        _line("python", target.python, usual.python, "venv/bin/python", "the Python of its environment, if not chaos's own"),
        _line("backends", target.backends, usual.backends, ("eventlet", "threading")),
        '# backend.eventlet = {env = {BACKEND = "green"}, args = []}     # what chooses a backend, if not {backend}',
        _line("workers", target.workers, usual.workers, (1, 2)),
        '# env = {SETTING = "value"}',
        _line("deadline_s", target.deadline_s, None, 10, "how long after a fault it may take to end or to serve"),
        _line("extra_sites", target.extra_sites, (), ("package.module:Class.method",),
              "callables of its own that are failed as well"),
        '# package = "package"     # whose calls into others --exhaustive fails',
        '# known = "known.toml"     # findings that are known: see --known',
        '# config = """…"""     # a configuration file that every run gets at {config}',
        '# transport_url = "fake://"     # what {transport_url} stands for, if not for a broker of --transport',
        '# real_config = """…"""     # what is added to config with --transport, where waiting takes longer',
        "# broker_wait_s = 8     # how much longer it may take while its broker is away, if its log says that it waits",
        '# log_file = "{folder}/service.log"     # the log that its operators read, where that is not its output',
    ]


Value = str | float | tuple[str, ...] | tuple[int, ...] | None


def _line(key: str, said: Value, usual: Value, example: Value, what: str = "") -> str:
    is_said = said != usual
    return f"{'' if is_said else '# '}{key} = {_toml(said if is_said else example)}" + (f"     # {what}" if what else "")


def _toml(value: Value) -> str:
    if isinstance(value, str):      # what JSON escapes TOML does too, but for what is above 16 bits
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, tuple) else str(value)
