"""What is started: from what the user typed, or an entry of a project file, to an argument vector. Starts nothing to be
tested; it asks the target's Python where a module is, and reads the module's source as text.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.entry import Choice, fields_of, nearest, problems_of, wrong_signs, wrong_sites
from chaos.errors import UnknownTarget, UsageError
from chaos.model import Case

SHIPPED = Path(__file__).parent / "sample" / "chaos.toml"
"""The entries of the targets that come with chaos, in the same format as a user's own."""
NAMES = ("chaos.toml", "pyproject.toml")
CALLABLE = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")
FIND_WITHIN_S = 30.0
TRANSPORT_URL = "{transport_url}"

TOLD_BY = {"workers.count": "{workers}", "config.file": "{config}", "log.file": "{config}"}
"""Sites that are what chaos gives its target, and the word in the target's start that leads it there."""

FIND = """
import importlib.util, json, os, sys
sys.path.append(os.getcwd())
try:
    spec = importlib.util.find_spec(sys.argv[1])
    print(json.dumps({"found": spec is not None, "origin": spec and spec.origin}))
except Exception as error:
    print(json.dumps({"found": False, "error": "%s: %s" % (type(error).__name__, error)}))
"""

SCRIPT = """\
import os
import sys
sys.path.append(os.getcwd())
from {module} import {first}
if __name__ == "__main__":
    sys.exit({callable}())
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A launcher and how it is told its backend and workers: ``{backend}`` and ``{workers}`` in args, env values and config,
    and what ``choices`` add for a backend.

    ``ready``: the signs of readiness that are all required (see ``readiness``). ``{port}`` in all of this is a port that each
    run has for itself, ``{folder}`` a folder. ``log_file``: the path of the file that its operators read, if it has one, with
    ``{folder}``. ``extra_sites``: callables of its own code that are sites as well. ``known``:
    the path of a file of known findings.

    ``{transport_url}`` in args, env values and ``config`` stands for ``transport_url``, or on a real transport for the URL
    that leads to its broker. ``config`` is the text of a configuration file that each run gets of its own, with
    ``{secret.NAME}`` and ``{quoted.NAME}`` for canaries (see ``secrets``) and ``{config}`` in args for its path;
    ``real_config`` is added to it on a real transport. ``broker_wait_s``: how much longer than others it may wait there, for
    a broker that is absent, if it says so. ``backends`` is ``("-",)`` and
    ``workers`` ``(1,)`` for a target that says nothing of them.
    """

    name: str
    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    backends: tuple[str, ...] = ("-",)
    workers: tuple[int, ...] = (1,)
    python: str = sys.executable
    deadline_s: float | None = None
    config: str = ""
    typed_args: tuple[str, ...] = ()
    package: str = ""
    transport_url: str = ""
    real_config: str = ""
    broker_wait_s: float = 0.0
    ready: tuple[str, ...] = ()
    extra_sites: tuple[str, ...] = ()
    known: str = ""
    log_file: str = ""
    choices: tuple[Choice, ...] = ()
    typed_ready: tuple[str, ...] = ()
    typed_times: tuple[str, ...] = ()

    def argv(self, case: Case) -> tuple[tuple[str, ...], tuple[str, str] | None]:
        """The argument vector for ``case``, and the launch script (name, text) that ``{script}`` in it stands for.

        A ``package.module:callable`` is started by the few lines that an installed console script consists of.
        """
        chosen = self._choice(case)
        first = len(self.args) - len(self.typed_args)
        args = tuple(self._filled(word, case) for word in (*self.args[:first], *chosen.args, *self.args[first:]))
        if CALLABLE.match(self.command):
            module, _, qualified = self.command.partition(":")
            text = SCRIPT.format(module=module, first=qualified.partition(".")[0], callable=qualified)
            return (self.python, "{script}", *args), (module.rpartition(".")[2], text)
        return (executable(self.command, self.python), *args), None

    def environment(self, case: Case) -> tuple[tuple[str, str], ...]:
        return tuple((name, self._filled(value, case)) for name, value in (*self.env, *self._choice(case).env))

    def configuration(self, case: Case) -> str:
        """The text of its configuration file; where its broker is on a real transport, the supervisor fills in."""
        return self._filled(self.config + (self.real_config if case.transport else ""), case)

    def _choice(self, case: Case) -> Choice:
        return next((one for one in self.choices if one.backend == case.backend), Choice(case.backend))

    def _filled(self, word: str, case: Case) -> str:
        return _filled(word if case.transport else word.replace(TRANSPORT_URL, self.transport_url), case)

    @property
    def takes_transport(self) -> bool:
        """Whether it can be told where its broker is."""
        return self.mentions(TRANSPORT_URL)

    def mentions(self, word: str) -> bool:
        """Whether ``word`` stands in anything that it is started with, for at least one backend."""
        args = (*self.args, *(text for choice in self.choices for text in choice.args))
        env = (*self.env, *(pair for choice in self.choices for pair in choice.env))
        return any(word in text for text in (*args, *(value for _, value in env), self.config, self.real_config))

    def must_be_told(self, backend: str | None = None, workers: int | None = None, dashes: str = "") -> None:
        """Raises UsageError for a backend or a number of workers of which nothing would tell it: the case would say one
        thing, and another would run. What its entry lists is taken for true. ``dashes``: of an option."""
        if backend == "-" and backend not in self.backends:
            raise UsageError(f"{dashes}backend -: {self.command} runs on {' or '.join(self.backends)}, one of which would be "
                             "right")
        asked = (("backend", "is", backend, self.backends), ("workers", "are", workers, self.workers))
        for name, verb, value, known in asked:
            if value is not None and value not in known and not self.mentions(f"{{{name}}}"):
                raise UsageError(f"{dashes}{name} {value}: {self.command} does not say how its {name} {verb} chosen; put "
                                 f"{{{name}}} into its arguments after -- or into an entry in chaos.toml")

    @property
    def untold(self) -> tuple[str, ...]:
        """Sites at which nothing can be put in place for it: it is never told of what chaos would give it."""
        return tuple(site for site, word in TOLD_BY.items() if not self.mentions(word))

    def must_take_transport(self, transport: str) -> None:
        """Raises UsageError for a target that cannot be told where its broker is."""
        if not self.takes_transport:
            raise UsageError(f"{self.command} cannot be started on {transport}: nothing tells it where its broker is; "
                             f"{TRANSPORT_URL} in its arguments after --, or in the args, env or config of an entry in "
                             "chaos.toml (with transport_url = \"fake://\" for its default) would be right")

    @property
    def own_package(self) -> str:
        """The package whose calls into others are the sites of the exhaustive loop; "" where it is not known."""
        return self.package or (self.command.partition(":")[0].partition(".")[0] if CALLABLE.match(self.command) else "")

    @property
    def options(self) -> str:
        """What must be typed behind a case id so that the same run is meant elsewhere. Not the URL of a broker of one's own:
        it may hold a password, and a report is shown to others."""
        parts = [] if self.python == sys.executable else ["--python", self.python]
        parts += [part for word in self.typed_ready for part in ("--ready", word)]
        parts += self.typed_times
        if self.typed_args:
            parts += ["--", *self.typed_args]
        return "".join(" " + _quoted(part) for part in parts)


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'"


def _filled(word: str, case: Case) -> str:
    asked = next((fault.args[0] for fault in case.faults if fault.site == "workers.count" and fault.args), case.workers)
    return word.replace("{backend}", case.backend).replace("{workers}", str(asked))


def executable(command: str, python: str) -> str:
    """A path to a script, or a console script beside the target's Python or on PATH."""
    return os.path.abspath(command) if os.sep in command else _console_script(command, python) or command


def _console_script(command: str, python: str) -> str | None:
    """Where a bare word leads, which is never the current folder, unless PATH names that."""
    beside = os.path.join(os.path.dirname(python), command)
    return beside if os.path.isfile(beside) and os.access(beside, os.X_OK) else shutil.which(command)


# --- entries ---------------------------------------------------------------------------------------------------------


def entries() -> dict[str, Target]:
    """Every target that has a name: the shipped ones, then those of the project in the current folder."""
    return _right(_every_entry())


def _entries_for(typed: str) -> dict[str, Target]:
    """The entries among which ``typed`` is looked for. A wrong one is in nobody's way who asks for another by its name."""
    every = _every_entry()
    if isinstance(every.get(typed), Target):
        every = {name: entry for name, entry in every.items() if isinstance(entry, Target)}
    return _right(every)


def _right(every: dict[str, Target | str]) -> dict[str, Target]:
    if wrong := [entry for entry in every.values() if isinstance(entry, str)]:
        raise UsageError("\n".join(wrong))
    return {name: entry for name, entry in every.items() if isinstance(entry, Target)}


def _every_entry() -> dict[str, Target | str]:
    found = _entries_of(SHIPPED)
    for name in NAMES:
        if os.path.isfile(name):
            found.update(_entries_of(Path(name)))
    return found


def _entries_of(path: Path) -> dict[str, Target | str]:
    """By name; of an entry that is wrong, all that is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:     # TOML or its UTF-8
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    targets = _table_of_chaos(path, data).get("targets", {})
    if not isinstance(targets, dict) or not all(isinstance(entry, dict) for entry in targets.values()):
        wrong = [name for name, entry in targets.items() if not isinstance(entry, dict)] \
            if isinstance(targets, dict) else ["targets"]
        raise UsageError(f"{path}: {', '.join(map(repr, wrong))}: not a table; [targets.NAME] with a command would be right")
    return {name: _entry(path, name, entry) for name, entry in targets.items()}


def _table_of_chaos(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """All of a chaos.toml, or its part of a pyproject.toml. Raises UsageError for what else is there: it would count for
    nothing, and nobody would know why."""
    tool = data.get("tool", {}) if path.name == "pyproject.toml" else {"chaos": data}
    table = tool.get("chaos", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{path}: tool.chaos = {table!r}: not a table; [tool.chaos.targets.NAME] would be right")
    if unknown := sorted(set(table) - {"targets"}):
        right = "[tool.chaos.targets.NAME]" if path.name == "pyproject.toml" else "[targets.NAME]"
        raise UsageError(f"{path}: unknown table or key {', '.join(map(repr, unknown))}; {right} would be right")
    return table


def _entry(path: Path, name: str, entry: dict[str, Any]) -> Target | str:
    if problems := problems_of(entry):
        return f"{path}: target {name!r}: " + "; ".join(problems)
    return Target(name=name, **fields_of(entry))


# --- from what was typed -----------------------------------------------------------------------------------------------


def resolve(typed: str, args: tuple[str, ...] = (), *, python: str | None = None, ready: tuple[str, ...] = (),
            sites: tuple[str, ...] = ()) -> Target:
    """The target that ``typed`` names. Raises UsageError when there is none, or when it could not possibly start.

    ``ready`` is said instead of what its entry says, ``sites`` besides.
    """
    known = _entries_for(typed)
    if not typed.strip():
        raise UsageError(f"target {typed!r}: nothing is named; one of {', '.join(sorted(known))}, a "
                         "package.module:callable, a console script or a path would be right")
    entry = _called(typed, known)
    target = entry or Target(typed, typed)
    if python is not None:
        target = dataclasses.replace(target, python=_python(python, "--python"))
    elif target.python != sys.executable:
        target = dataclasses.replace(target, python=_python(target.python, f"target {target.name!r}: python ="))
    if args:
        target = dataclasses.replace(target, args=target.args + args, typed_args=args)
    if wrong := [*wrong_signs(ready), *wrong_sites(sites)]:
        raise UsageError("; ".join(text.replace("ready = ", "--ready ") for text in wrong))
    if ready:
        target = dataclasses.replace(target, ready=ready, typed_ready=ready)
    if sites:
        target = dataclasses.replace(target, extra_sites=(*target.extra_sites, *sites))
    if target.backends == ("-",) and target.mentions("{backend}"):
        target = dataclasses.replace(target, backends=("eventlet", "threading"))
    if entry is None and target.mentions("{workers}"):
        target = dataclasses.replace(target, workers=(1, 2))
    _must_be_startable(target, known)
    return target


def must_be_known(typed: str, python: str | None = None) -> None:
    """Raises UnknownTarget for a word that nothing is called by. Asks no Python: what is no bare word may turn out wrong."""
    known = _entries_for(typed)
    if _called(typed, known) is None:
        _must_be_called_so(Target(typed, typed, python=python or sys.executable), known)


def _called(typed: str, known: dict[str, Target]) -> Target | None:
    """The entry of that name, or of that command."""
    return known.get(typed) or next((one for one in known.values() if one.command == typed), None)


def _python(path: str, said: str) -> str:
    found = shutil.which(path)
    if found is None:
        raise UsageError(f"{said} {path!r}: not an executable file; the path of a Python interpreter would be right")
    return os.path.abspath(found)


def _must_be_startable(target: Target, known: dict[str, Target]) -> None:
    command = target.command
    if CALLABLE.match(command):
        _must_have_callable(target)
    elif os.sep in command:
        _must_be_script(command)
    else:
        _must_be_called_so(target, known)


def _must_be_called_so(target: Target, known: dict[str, Target]) -> None:
    command = target.command
    if os.sep in command or CALLABLE.match(command):
        return
    found = _console_script(command, target.python)
    if found is None:
        raise UnknownTarget(f"unknown target {command!r}: it is neither a known target ({', '.join(sorted(known))}) nor a "
                            f"console script {_looked_for(target)} nor package.module:callable nor a path"
                            f"{_meant(command, known)}")
    _must_have_interpreter(found)


def _looked_for(target: Target) -> str:
    if target.python == sys.executable:
        return "on PATH (--python PATH, of the environment that has it, would find it there)"
    return f"beside {target.python} or on PATH"


def _meant(command: str, known: Iterable[str]) -> str:
    """A file that is here, or else a name that is near. The sample is nobody's ``nova-scheduler``, mistyped."""
    if os.path.isfile(command):
        return f"; did you mean ./{command}?"
    return nearest(command, [name for name in known if name not in command.split("-")])


def _must_be_script(path: str) -> None:
    if not os.path.exists(path):
        raise UsageError(f"target {path!r}: no such file; the path of an executable script would be right")
    if os.path.isdir(path):
        raise UsageError(f"target {path!r}: is a folder; the path of an executable script would be right")
    if not os.access(path, os.X_OK):
        raise UsageError(f"target {path!r}: not executable; chmod +x {path} would make it so")
    _must_have_interpreter(path)


def _must_have_interpreter(path: str) -> None:
    """What the kernel would refuse to execute, told before anything is started."""
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except PermissionError:     # a program may be executed and not read
        return
    if first.startswith(b"\x7fELF"):
        return
    words = first[2:].split() if first.startswith(b"#!") else []
    if not words:
        raise UsageError(f"target {path!r}: neither a program nor a script that names its interpreter; a first line such as "
                         "#!/usr/bin/env python3 would be right")
    interpreter = os.fsdecode(words[0])
    if not os.access(interpreter, os.X_OK):
        raise UsageError(f"target {path!r}: its first line names {interpreter}, which cannot be executed; the path of an "
                         "interpreter would be right")


def _must_have_callable(target: Target) -> None:
    module, _, qualified = target.command.partition(":")
    answer = subprocess.run([target.python, "-c", FIND, module], capture_output=True, text=True,
                            timeout=FIND_WITHIN_S, check=False)
    try:
        found = json.loads(answer.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise UsageError(f"{target.python} does not run: {answer.stderr.strip()[-300:]}") from None
    if not found["found"]:
        why = f" ({found['error']})" if found.get("error") else ""
        raise UsageError(f"target {target.command!r}: {target.python} finds no module {module!r}{why}; "
                         "an importable package.module before the colon would be right")
    tree = _source(found["origin"])
    first = qualified.partition(".")[0]
    names = None if tree is None else _names(tree)
    if tree is not None and names is not None and first not in names:
        offered = set(_offered(tree))
        near = difflib.get_close_matches(first, offered, 3) or sorted(offered & {"main"})
        hint = f"; did you mean {' or '.join(f'{module}:{name}' for name in near)}?" if near else ""
        raise UsageError(f"target {target.command!r}: module {module!r} has no {first!r}{hint}")


def _source(origin: str | None) -> ast.Module | None:
    """None where it cannot be read as Python."""
    if not origin or not origin.endswith(".py"):
        return None
    try:
        return ast.parse(Path(origin).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None


def _offered(node: ast.AST) -> Iterator[str]:
    """What a module may have to be started by: no module that it imports, and no variable of a function."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                yield name
            case ast.Assign(targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in child.names)
            case ast.If() | ast.Try() | ast.With() | ast.ExceptHandler():
                yield from _offered(child)


def _names(tree: ast.Module) -> set[str] | None:
    """The names that a module may bind; None where that cannot be told without running it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name.partition(".")[0]) for alias in node.names)
    return None if {"*", "__getattr__"} & names else names
