"""No document shows a command that nothing runs, and none names one that the command line does not take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from chaos.cli import _parsed
from chaos.errors import UsageError
from docs.commands import COMMANDS, DOCUMENTS, ROOT, Elsewhere, Run, name_of, named_in, shown_in

CASE = "scheduler/threading/w1/service.start@worker=raise:RuntimeError"
STANDS_FOR = {"TARGET": "scheduler", "CASE_ID": CASE, "K/N": "1/4", "ARGS": "--verbose", "N": "2", "S": "5"}
"""What is typed where a document names a placeholder; any other word in capitals is a path."""
TOX = (ROOT / "tox.ini").read_text(encoding="utf-8")
CI_RUN = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name != "README.md" or path.parent != ROOT], ids=name_of)
def test_every_command_of_a_document_is_run_by_somebody_and_none_is_listed_that_is_not_shown(path: Path) -> None:
    assert set(shown_in(path)) == set(COMMANDS.get(name_of(path), {}))


def test_the_blocks_of_the_readme_hold_all_its_commands() -> None:
    """Those are run by test_readme, word for word; an indented one would be missed by it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"$ {command}" in text or f"\n{command}\n" in text for command in shown_in(ROOT / "README.md"))


@pytest.mark.parametrize("command, run", [pair for table in COMMANDS.values() for pair in table.items()],
                         ids=lambda one: one if isinstance(one, str) else "")
def test_who_is_said_to_run_a_command_knows_of_it(command: str, run: Run | Elsewhere) -> None:
    if isinstance(run, Run):
        return
    if run.who == ".ci/run":
        environment = re.search(r"tox run -e (\S+)|tests/(gallery)", command)
        assert environment
        name = environment[1] or environment[2]
        assert f"[testenv:{name}]" in TOX
        assert re.search(rf"^for environment in .*\b{name}\b|^night=\"{name} ", CI_RUN, re.MULTILINE)
        assert command.partition(" -- ")[2] in CI_RUN
        return
    text = (ROOT / run.who).read_text(encoding="utf-8")
    assert command.partition(" CASE_ID")[0] in text or "shown()" in text


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_command_that_a_sentence_names_is_one_that_can_be_typed(path: Path) -> None:
    for command in named_in(path):
        if command.startswith("tox "):
            (name,) = re.findall(r"-e (\S+)", command) or ["tests"]
            assert f"[testenv:{name}]" in TOX, command
            continue
        _typed(_words(command))


def _typed(words: list[str]) -> None:
    """Parse them; what a sentence leaves out (``chaos repro``, by its name alone) is added, or a wrong option would not be
    seen for it."""
    try:
        _parsed(words)
    except UsageError as error:
        missing, _, names = str(error).partition("\n")[0].partition(": ")
        assert missing == "the following arguments are required", error
        _parsed([*words, *names.split(", ")])


def _words(command: str) -> list[str]:
    plain = re.sub(r"[\[\]]|…", " ", command.partition(" | ")[0]).replace("K/N", "1/4")
    return [STANDS_FOR.get(word, word) for word in shlex.split(plain)[1:]]


@pytest.mark.parametrize("command", ["chaos swep", "chaos repro --jbos 2", "chaos sweep --profile quick"])
def test_a_sentence_that_names_no_command_is_seen(command: str) -> None:
    with pytest.raises((UsageError, AssertionError)):
        _typed(_words(command))


def test_a_command_that_is_mistyped_in_a_document_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Type `chaos swep --jbos 2`.\n\n    chaos judge REPORT   # again\n\n```sh\nchaos plan\n```\n")
    assert list(shown_in(page)) == ["chaos plan", "chaos judge REPORT"]
    assert list(named_in(page)) == ["chaos swep --jbos 2"]
