"""From what was typed, or an entry of a project file, to an argument vector. Wrong ones: tests/cli/test_wrong_usage.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from chaos.errors import UnknownTarget, UsageError
from chaos.model import Case
from chaos.target import Target, entries, must_be_known, resolve

CASE = Case("x", "eventlet", 3)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _script(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_shipped_targets_are_there_from_anywhere(project: Path) -> None:
    assert {"scheduler", "naive"} <= set(entries())
    assert resolve("scheduler").backends == ("eventlet", "threading")


def test_a_target_can_be_named_by_its_command(project: Path) -> None:
    assert resolve("chaos.sample.launcher:main").name == "scheduler"


@pytest.mark.parametrize(
    ("file", "table"), [("chaos.toml", "targets.mine"), ("pyproject.toml", "tool.chaos.targets.mine")]
)
def test_an_entry_of_the_project_is_a_target(project: Path, file: str, table: str) -> None:
    (project / file).write_text(
        f'[{table}]\ncommand = "chaos.cli:main"\nargs = ["--w={{workers}}"]\nenv = {{B = "{{backend}}"}}\n'
        "backends = ['threading']\nworkers = [2, 4]\ndeadline_s = 2.5\n"
    )
    target = resolve("mine")
    assert (target.command, target.backends, target.workers) == ("chaos.cli:main", ("threading",), (2, 4))
    assert target.deadline_s == 2.5
    assert target.argv(CASE)[0][2:] == ("--w=3",)
    assert target.environment(CASE) == (("B", "eventlet"),)


def test_a_project_may_replace_a_shipped_target(project: Path) -> None:
    (project / "chaos.toml").write_text('[targets.scheduler]\ncommand = "chaos.cli:main"\n')
    assert resolve("scheduler").command == "chaos.cli:main"


@pytest.mark.parametrize(("text", "told"), [
    ("[tool.chaos.target.mine]\ncommand = 'chaos.cli:main'\n", r"'target'; \[tool\.chaos\.targets\.NAME\] would be right"),
    ("[tool]\nchaos = 3\n", r"tool\.chaos = 3: not a table"),
    ("[tool.other]\nname = '\udcff'\n", "not valid TOML"),
])
def test_what_is_no_target_in_our_part_of_a_project_file_is_told(project: Path, text: str, told: str) -> None:
    (project / "pyproject.toml").write_text(text, errors="surrogateescape")
    with pytest.raises(UsageError, match=told):
        entries()


def test_the_python_of_an_entry_may_be_said_from_where_chaos_is_typed(project: Path) -> None:
    (project / "venv").mkdir()
    os.symlink(sys.executable, project / "venv" / "python")
    _script(project / "venv" / "shop-serve")
    (project / "chaos.toml").write_text('[targets.shop]\ncommand = "shop-serve"\npython = "venv/python"\n')
    target = resolve("shop")
    assert target.python == str(project / "venv" / "python")
    assert target.argv(CASE)[0] == (str(project / "venv" / "shop-serve"),)


def test_a_word_is_known_without_asking_a_python_by_its_name_its_command_or_where_it_leads(project: Path) -> None:
    (project / "chaos.toml").write_text('[targets.shop]\ncommand = "shop-serve"\n')
    for word in ("shop", "shop-serve", "scheduler", "sh", "./gone", "gone.cmd:main"):
        must_be_known(word)
    with pytest.raises(UnknownTarget, match=r"'shopp'.*did you mean shop"):
        must_be_known("shopp")


def test_a_file_of_other_things_has_no_targets(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert {"scheduler", "naive"} <= set(entries())


def test_a_callable_is_started_by_a_script_of_its_modules_name_under_the_targets_python(project: Path) -> None:
    argv, script = resolve("chaos.cli:main", ("--x", "{backend}")).argv(CASE)
    assert argv == (sys.executable, "{script}", "--x", "eventlet")
    assert script is not None
    assert script[0] == "cli"
    compile(script[1], "script", "exec")
    assert "from chaos.cli import main" in script[1]


def test_a_method_is_reached_through_its_class(project: Path) -> None:
    (project / "mod.py").write_text("class Cmd:\n    @staticmethod\n    def main(): ...\n")
    _, script = Target("x", "mod:Cmd.main").argv(CASE)
    assert script is not None
    assert "from mod import Cmd\n" in script[1]
    assert "sys.exit(Cmd.main())" in script[1]


def test_a_module_of_the_current_folder_is_found_without_being_run(project: Path) -> None:
    (project / "mine.py").write_text("raise SystemExit('it was run')\ndef main(): ...\n")
    assert resolve("mine:main").command == "mine:main"


@pytest.mark.parametrize(
    "source",
    ["def main(): ...", "async def main(): ...", "class main: ...", "main = print", "from os import getcwd as main",
     "if True:\n    def main(): ...", "try:\n    from x import main\nexcept ImportError:\n    main = None",
     "from os import *", "def __getattr__(name): ...", "main: object = print", "import os.path as main"],
)
def test_a_name_that_a_module_may_have_is_not_denied(project: Path, source: str) -> None:
    (project / "mine.py").write_text(source + "\n")
    assert resolve("mine:main").command == "mine:main"


def test_a_module_that_cannot_be_read_as_python_is_left_to_its_start(project: Path) -> None:
    (project / "mine.py").write_text("def main(:\n")
    assert resolve("mine:main").command == "mine:main"


def test_a_path_is_started_as_it_stands_from_anywhere(project: Path) -> None:
    script = _script(project / "launcher")
    assert resolve("./launcher", ("-v",)).argv(CASE) == ((str(script), "-v"), None)


def test_a_console_script_beside_the_targets_python_comes_before_the_path(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv, elsewhere = project / "venv", project / "elsewhere"
    for folder in (venv, elsewhere):
        folder.mkdir()
        _script(folder / "nova-scheduler")
    monkeypatch.setenv("PATH", str(elsewhere))
    python = _script(venv / "python")
    assert resolve("nova-scheduler").argv(CASE)[0] == (str(elsewhere / "nova-scheduler"),)
    assert resolve("nova-scheduler", python=str(python)).argv(CASE)[0] == (str(venv / "nova-scheduler"),)


def test_a_bare_word_is_not_looked_for_in_the_current_folder(project: Path) -> None:
    _script(project / "quiet.sh")
    (project / "folder").mkdir()
    with pytest.raises(UnknownTarget, match=r"unknown target 'quiet\.sh'.*; did you mean \./quiet\.sh\?$"):
        resolve("quiet.sh")
    with pytest.raises(UnknownTarget, match=r"unknown target 'folder'"):
        resolve("folder")
    assert resolve("./quiet.sh").command == "./quiet.sh"


def test_a_folder_on_the_path_is_no_console_script(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = _script(project / "python")
    (project / "shop").mkdir()
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(UnknownTarget):
        resolve("shop", python=str(python))


def test_of_a_launcher_that_is_not_here_the_sample_is_not_suggested_but_another_python(project: Path) -> None:
    with pytest.raises(UnknownTarget) as error:
        resolve("nova-scheduler")
    assert "--python PATH" in str(error.value)
    assert "did you mean" not in str(error.value)
    with pytest.raises(UnknownTarget, match="did you mean scheduler"):
        resolve("schedulr")


def test_what_a_module_imports_is_no_suggestion_and_what_it_offers_is(project: Path) -> None:
    (project / "mine.py").write_text("import mains\nfrom x import mainn\nif True:\n    def mani():\n        mai = 1\n")
    with pytest.raises(UsageError) as error:
        resolve("mine:main")
    assert {word.strip("?") for word in str(error.value).split() if "mine:" in word} == \
        {"'mine:main':", "mine:mani", "mine:mainn"}


def test_a_python_that_cannot_run_is_told(project: Path) -> None:
    broken = _script(project / "python")
    with pytest.raises(UsageError, match="does not run"):
        resolve("chaos.cli:main", python=str(broken))


def test_what_the_arguments_mention_is_what_a_sweep_varies(project: Path) -> None:
    assert (resolve("chaos.cli:main").backends, resolve("chaos.cli:main").workers) == (("-",), (1,))
    told = resolve("chaos.cli:main", ("{backend}", "{workers}"))
    assert (told.backends, told.workers) == (("eventlet", "threading"), (1, 2))


def test_arguments_are_added_to_those_of_an_entry(project: Path) -> None:
    known = resolve("scheduler")
    assert resolve("scheduler", ("--debug",)).args == (*known.args, "--debug")


def test_the_options_say_what_must_be_typed_to_mean_the_same_target(project: Path) -> None:
    assert resolve("scheduler").options == ""
    assert resolve("chaos.cli:main").options == ""
    assert resolve("chaos.cli:main", ("a b", "{workers}", "it's")).options == " -- 'a b' '{workers}' 'it'\"'\"'s'"


def test_the_options_say_the_arguments_that_were_added_to_an_entry(project: Path) -> None:
    assert resolve("scheduler", ("--debug",)).options == " -- --debug"


def test_the_options_name_another_python(project: Path) -> None:
    other = project / "python"
    os.symlink(sys.executable, other)
    assert resolve("json.tool:main", python=str(other)).options == f" --python {other}"
