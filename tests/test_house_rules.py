"""The architecture as a table: who may import whom, and who may touch the world. docs/architecture.md says why."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAOS = ROOT / "chaos"

PROOF = sorted(path.stem for path in (CHAOS / "runner" / "proof").glob("[!_]*.py"))
RUNNER = {"runner.pool", "runner.request"}
COMMANDS = {f"commands.{path.stem}" for path in (CHAOS / "commands").glob("[!_]*.py")}
REPORT = {"report.annotations", "report.atomic", "report.backends", "report.closing", "report.consumer", "report.document",
          "report.explain", "report.files", "report.findings", "report.history", "report.html", "report.journal",
          "report.jsonfile", "report.junit", "report.markdown", "report.matrix", "report.results", "report.safetext",
          "report.terminal"}

MAY_IMPORT: dict[str, set[str]] = {
    # values and data: nothing below them
    "": set(), "model": set(), "catalog": set(), "errorlines": set(), "errors": set(), "secrets": set(),
    "runner.tree": set(), "runner.wire": set(),
    # pure rules over values
    "actions": {"catalog", "model"},
    "calls": {"catalog"},
    "caseid": {"model"},
    "codec": {"model"},
    "discover": {"calls", "model"},
    "outcomes": {"errorlines", "model"},
    "survival": {"actions", "model"},
    "promises": {"model", "outcomes", "readiness", "survival"},
    "pairs": {"model"},
    "judge": {"caseid", "model", "outcomes", "pairs", "promises"},
    "confirm": {"caseid", "judge", "model"},
    "plan": {"calls", "catalog", "model"},
    "compare": {"model", "report.results", "report.safetext"},
    "bundle": {"actions", "arming", "caseid", "catalog", "errors", "model", "promises", "report.explain", "report.safetext",
               "runner.request", "secrets"},
    "export": {"caseid", "model"},
    "known": {"errors", "model", "promises"},
    "events": {"model"},
    "arming": {"actions", "catalog", "model"},
    # what is started, and how long it may take
    "readiness": set(),
    "entry": {"caseid", "readiness"},
    "target": {"entry", "errors", "model"},
    "installed": {"target"},
    "draft": {"model", "readiness", "target"},
    "typed": {"actions", "caseid", "catalog", "errors", "model", "target"},
    "prepare": {"arming", "caseid", "catalog", "model", "runner.request", "secrets", "survival",
                "target"},
    # the only part that has processes
    "runner.request": {"model"},
    "runner.output": set(),
    "runner.logfile": {"runner.output"},
    "runner.debugged": set(),
    "runner.held": {"model", "runner.tree"},
    "runner.ending": {"runner.tree"},
    "runner.ports": set(),
    "runner.listening": {"runner.held", "runner.tree"},
    "runner.folder": {"readiness", "runner.ports", "runner.request"},
    "runner.asker": {"runner.ending"},
    "runner.signs": {"model", "readiness", "runner.asker", "runner.facts"},
    "runner.zygote": {"runner.folder"},
    "runner.zygotes": {"runner.folder", "runner.request", "runner.zygote"},
    "runner.outside": {"catalog", "model", "runner.facts"},
    "runner.launch": {"actions", "catalog", "runner.ending", "runner.folder", "runner.tree", "runner.zygote"},
    "runner.facts": {"model", "runner.tree", "runner.wire"},
    "runner.serving": {"model", "runner.facts", "runner.request"},
    "runner.network": {"actions", "catalog", "errors", "model", "network.client", "network.companion", "network.wire",
                       "network.words", "runner.facts", "runner.request"},
    "runner.stacks": {"runner.output", "runner.tree"},
    "runner.proof": {"model", "runner.proof"} | {f"runner.proof.{name}" for name in PROOF},
    "runner.supervise": {"errorlines", "model", "runner.debugged", "runner.ending", "runner.facts", "runner.folder",
                         "runner.held", "runner.launch", "runner.listening", "runner.logfile", "runner.network",
                         "runner.outside",
                         "runner.output", "runner.proof.prover", "runner.request", "runner.serving", "runner.signs",
                         "runner.stacks", "runner.tree", "runner.wire", "runner.zygote", "secrets"},
    "runner.host": {"codec", "model", "runner.ending", "runner.launch", "runner.request", "runner.supervise",
                    "runner.tree", "runner.zygote", "runner.zygotes"},
    "runner.pool": {"codec", "model", "runner.request"},
    # what works on this machine: tried, then told
    "doctor": {"plan", "report.safetext"},
    "runner.probing": {"doctor", "runner.tree"},
    # a real wire: companions, each a process of its own, and what their users have of them
    "network": set(),
    "network.words": {"errors"},
    "network.amqp": {"network.words"},
    "network.companion": {"errors"},
    "network.serving": {"errors", "network.companion"},
    "network.effects": {"network.words"},
    "network.proxy": {"errors", "network.amqp", "network.effects", "network.words"},
    "network.peer": {"errors"},
    "network.wirehost": {"errors", "network.companion", "network.peer", "network.proxy", "network.serving",
                         "network.words"},
    "network.wire": {"network.companion"},
    "network.node": set(),
    "network.brokerhost": {"errors", "network.companion", "network.node", "network.serving", "runner.ending"},
    "network.broker": {"errors", "network.companion"},
    "network.prober": {"errors", "network.companion", "network.serving"},
    "network.client": {"network.companion"},
    "network.tls": set(),
    "transport": {"errors", "network.broker", "network.client", "network.tls", "network.wire", "runner.request"},
    # the whole way through, as events
    "feed": {"model", "runner.request"},
    "sweep": {"calls", "caseid", "catalog", "confirm", "discover", "events", "feed", "installed", "judge", "model", "pairs",
              "plan", "prepare", "runner.launch", "target"} | RUNNER,
    # the same over several machines
    "distributed": set(),
    "distributed.batch": {"", "codec", "model", "runner.request"},
    "distributed.hosting": {"", "distributed.batch", "errors", "network.companion", "runner.pool", "runner.request",
                            "transport"},
    "distributed.cluster": {"distributed.batch", "distributed.hosting", "errors", "model", "runner.pool", "runner.request"},
    # consumers of events
    "report": {"", "calls", "caseid", "catalog", "codec", "events", "known", "model", "pairs",
               "promises"} | REPORT,
    # the rims: a command line and a pytest plugin
    "merge": {"caseid", "errors", "events", "model", "pairs", "report.document", "report.jsonfile", "sweep"},
    "commands": {"actions", "bundle", "caseid", "catalog", "compare", "confirm", "distributed.cluster", "doctor",
                 "draft", "errors", "export", "events", "installed", "judge", "known", "merge", "model", "plan", "prepare",
                 "runner.launch", "runner.probing", "sweep",
                 "target", "transport", "typed"} | COMMANDS | RUNNER | REPORT,
    "cli": {"", "commands", "errors", "plan"},
    "__main__": {"cli"},
    "fixtures": {"actions", "caseid", "catalog", "errors", "judge", "model", "prepare", "promises", "sweep", "target",
                 "transport", "typed", "network.broker"} | RUNNER | REPORT,
    "plugin": {"errors", "fixtures", "model", "network.broker", "prepare", "runner.host", "target", "typed"},
}
"""Module to the modules of chaos that it may import; ``report`` stands for each of its modules."""

PURE = {"actions", "arming", "bundle", "calls", "caseid", "catalog", "codec", "compare", "confirm", "discover", "doctor",
        "entry", "errorlines", "readiness",
        "events", "export", "judge", "known", "model", "network.amqp", "network.words", "outcomes", "pairs", "plan",
        "promises", "feed",
        "report.annotations", "report.backends", "report.closing", "report.document", "report.explain", "report.findings",
        "report.markdown", "report.matrix",
        "report.results", "secrets", "distributed.batch"}
"""Values in, values out: these may not even import what could reach the world (``signal`` they need for its names)."""
WORLD = {"asyncio", "multiprocessing", "os", "posix", "psutil", "random", "selectors", "shutil", "socket", "subprocess",
         "tempfile", "threading", "time"}

CREATES = {"subprocess", "multiprocessing", "os.fork", "os.forkpty", "os.system", "os.popen", "os.posix_spawn",
           "os.posix_spawnp", "os.spawnv", "os.execv", "os.execve", "os.execvp", "pty"}
MAY_CREATE = {
    # The private broker's node and epmd; the companions; and a child for each call from outside, which can be given up.
    "network.node": {"subprocess"},
    "network.companion": {"subprocess"},
    "network.prober": {"os.fork"},
    # The commands that ask whether a target is ready, below a process that is forked for them.
    "runner.asker": {"os.fork", "subprocess"},
    "runner.pool": {"subprocess"},
    "runner.host": {"os.fork"},
    "runner.launch": {"subprocess"},
    # A child that tries what a target may be asked to bear: a filter of its own calls, orphans, to be looked into.
    "runner.probing": {"subprocess"},
    "runner.zygote": {"subprocess"},
    # It asks the target's Python where a module is, so that a mistyped target is an error before anything is started.
    "target": {"subprocess"},
    # It asks the same Python for its version and its folders, so that a report names the versions that were tested.
    "installed": {"subprocess"},
}

KILLS = {"os.kill", "os.killpg", "signal.pidfd_send_signal", ".kill", ".terminate", ".send_signal"}
MAY_KILL = {
    # What they have started themselves: a node, what is left below it, a companion that does not go, a call given up.
    "network.node": {"os.kill", ".kill"},
    "network.brokerhost": {".kill"},
    "network.companion": {".kill"},
    "network.prober": {"os.kill"},
    "runner.ending": {"os.kill"},
    "runner.host": {"os.kill"},
    # The child in which it tries things, once that has told how they went.
    "runner.probing": {".kill"},
    "runner.outside": {"os.kill"},
    "runner.stacks": {"os.kill"},
    "runner.supervise": {"os.kill"},
    "runner.zygote": {"os.kill"},
    # Its own host process, when that does not go within its time after its input was closed.
    "runner.pool": {".kill"},
}

EXITS = {"sys.exit", "os._exit", "SystemExit", "quit", "exit"}
MAY_EXIT = {
    # A forked caller must never run on into its parent's code.
    "network.prober": {"os._exit"},
    "cli": {"sys.exit"},
    "__main__": {"sys.exit"},
    # Neither must the process that asks, nor a forked supervisor.
    "runner.asker": {"os._exit"},
    "runner.host": {"os._exit", "SystemExit"},
}

INSIDE_MAY_IMPORT = {
    # The agent's modules among themselves; most of them only where a case needs them.
    "_chaos_agent", "_chaos_ahead", "_chaos_calls", "_chaos_debug", "_chaos_effects", "_chaos_limits", "_chaos_look",
    "_chaos_tally", "_chaos_zygote",
    # Loaded, or frozen into the interpreter, in every Python before sitecustomize runs.
    "_frozen_importlib", "_frozen_importlib_external", "builtins", "os",
}
INSIDE_MAY_IMPORT_LATER = {
    # Only inside a function, where the target has loaded it itself, or chaos asked for a look into a running process.
    "_chaos_look": {"eventlet", "oslo_messaging"},
    # ``freeze`` blocks without giving the interpreter's lock away (ctypes); ``preload`` and ``twice`` import what they do.
    "_chaos_effects": {"_socket", "ctypes", "eventlet", "ssl", "threading"},
    # Where a debugger is asked for, at the moment before a fault.
    "_chaos_debug": {"_socket", "pdb"},
    # The way out of a process that may not open a file any more: only where a limit fires.
    "_chaos_agent": {"fcntl"},
    # The warden of a case becomes a sub-reaper, after it has forked the case.
    "_chaos_zygote": {"_ctypes"},
    # A limit is the kernel's own, set by way of these when it fires.
    "_chaos_limits": {"ctypes", "resource", "struct"},
}

MOST_LINES_A_FUNCTION = 60
MOST_LINES_A_FILE = 600
LONGER: dict[str, str] = {}
"""``path`` or ``path:function`` to the reason why it may be longer. Empty, and meant to stay so."""

TOP_LEVEL = {"tox.ini", "pyproject.toml", "chaos", "tests", "conftest.py", "README.md", "LICENSE", "CHANGELOG.md", "docs",
             "benchmarks"}


# --- reading the source ----------------------------------------------------------------------------------------------


def _name(path: Path) -> str:
    parts = path.relative_to(CHAOS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(CHAOS.rglob("*.py"))}
OURS = sorted(name for name in MODULES if not name.startswith(("sample", "inside")))
SAMPLE = sorted(name for name in MODULES if name.startswith("sample"))
INSIDE = sorted(name for name in MODULES if name.startswith("inside"))


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def _imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, wherever the statement stands, type checking included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            known = [one for one in submodules if one.removeprefix("chaos.") in MODULES]
            yield from known or [node.module or ""]


def _imports_of_chaos(name: str) -> set[str]:
    found = (one for one in _imports(_tree(name)) if one == "chaos" or one.startswith("chaos."))
    return {one.removeprefix("chaos").removeprefix(".") for one in found}


def _others(name: str) -> set[str]:
    return {one.partition(".")[0] for one in _imports(_tree(name))} - {"chaos", "__future__"}


def _touched(name: str) -> set[str]:
    """What the module imports or names: ``os.kill`` for an attribute of a name, ``.kill`` for one of anything else."""
    found = set(_imports(_tree(name)))
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {f"{node.value.id}.{node.attr}"} | ({f".{node.attr}"} if node.value.id != "os" else set())
        elif isinstance(node, ast.Attribute):
            found.add(f".{node.attr}")
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


def _row(name: str) -> set[str]:
    """A module's row of the table, or that of the package around it."""
    while name not in MAY_IMPORT:
        assert "." in name, f"no row for {name}"
        name = name.rpartition(".")[0]
    return MAY_IMPORT[name]


# --- the rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_a_module_imports_only_what_the_table_lets_it(name: str) -> None:
    if name == "runner":
        assert not _imports_of_chaos(name)
        return
    assert _imports_of_chaos(name) <= _row(name)


def test_the_table_names_only_modules_that_exist() -> None:
    known = set(MODULES) | {"report"}
    assert set(MAY_IMPORT) <= known
    assert set().union(*MAY_IMPORT.values()) <= known
    assert PURE | set(MAY_CREATE) | set(MAY_KILL) | set(MAY_EXIT) <= known


def test_the_directions_form_no_circle() -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"{' -> '.join((*way, name))}"
        if name not in done:
            for below in sorted(_imports_of_chaos(name)):
                visit(below, (*way, name))
            done.add(name)

    for name in OURS:
        visit(name, ())


def test_the_package_itself_imports_nothing() -> None:
    assert not list(_imports(_tree("")))


def test_nothing_in_chaos_imports_the_sample_or_the_part_inside_the_target() -> None:
    for name in OURS:
        assert not [one for one in _imports_of_chaos(name) if one.startswith(("sample", "inside"))], name


@pytest.mark.parametrize("name", SAMPLE)
def test_the_sample_imports_nothing_of_chaos_outside_itself(name: str) -> None:
    assert all(one.startswith("sample") for one in _imports_of_chaos(name))


@pytest.mark.parametrize("name", INSIDE)
def test_the_part_inside_the_target_imports_only_what_every_interpreter_has_built_in(name: str) -> None:
    assert not _imports_of_chaos(name)
    short = name.removeprefix("inside.")
    built_in = set(sys.builtin_module_names) | INSIDE_MAY_IMPORT
    assert _others(name) <= built_in | INSIDE_MAY_IMPORT_LATER.get(short, set())
    at_import = {one for node in _tree(name).body for one in _imports(_without_functions(node))}
    assert at_import <= built_in


def _without_functions(node: ast.stmt) -> ast.AST:
    return ast.Module([], []) if isinstance(node, ast.FunctionDef | ast.ClassDef) else node


@pytest.mark.parametrize("name", OURS)
def test_only_the_runner_creates_processes(name: str) -> None:
    assert _touched(name) & CREATES <= MAY_CREATE.get(name, set())


@pytest.mark.parametrize("name", OURS)
def test_only_the_supervisor_and_its_host_kill(name: str) -> None:
    assert _touched(name) & KILLS <= MAY_KILL.get(name, set())


@pytest.mark.parametrize("name", OURS)
def test_only_the_command_line_exits(name: str) -> None:
    assert _touched(name) & EXITS <= MAY_EXIT.get(name, set())


@pytest.mark.parametrize("name", OURS)
def test_only_the_plugin_imports_pytest(name: str) -> None:
    assert name == "plugin" or not _others(name) & {"pytest", "_pytest"}


@pytest.mark.parametrize("name", sorted(PURE))
def test_what_is_pure_cannot_reach_the_world(name: str) -> None:
    assert not _others(name) & WORLD


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_function_and_no_file_is_too_long_to_read(name: str) -> None:
    path = MODULES[name].relative_to(ROOT).as_posix()
    functions = [node for node in ast.walk(_tree(name)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f"{path}:{node.name}" for node in functions
            if (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_A_FUNCTION]
    if MODULES[name].read_text(encoding="utf-8").count("\n") > MOST_LINES_A_FILE:
        long.append(path)
    assert set(long) <= set(LONGER)


def test_the_top_level_holds_nothing_else() -> None:
    """What a build, a run or a tool leaves is ignored by git, and named there."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - {"__pycache__"} - ignored
    assert {name for name in found if not name.endswith(".egg-info")} == TOP_LEVEL
