"""What README.md shows is what happens: its files are written, its commands run, and their output compared.

``…`` stands for any text. Numbers are not compared, but for those of an id and of an exit status; nor is it where a line
is broken.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMIT_S = 90.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A command, and what README.md says that it prints."""

    command: str
    output: str


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(README) if found == language]


def shown() -> Iterator[Shown]:
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Shown(command, output)


def without_numbers(text: str) -> str:
    return " ".join(re.sub(r"(?<![\w.#])(?<!exit status )\d+(\.\d+)?", "N", text).split())


LATE = "nothing can happen before N s from now, and the deadline is in N s"
NEVER = ("nothing can make the only process, pid N, go on: no thread runs, no time limit is pending, no one outside is waited"
         " for")
"""The same proof where an alarm is set somewhere on the machine meanwhile, by another test's time limit for instance: whose
it is the kernel does not tell, and a launcher that is too busy to be asked may have it."""


def missing_from(output: str, expected: str) -> list[str]:
    """The pieces between two ``…`` that do not follow one another in ``output``."""
    rest, missing = without_numbers(output).replace(LATE, NEVER), []
    for piece in filter(None, map(without_numbers, expected.split("…"))):
        _, found, after = rest.partition(piece)
        if found:
            rest = after
        else:
            missing.append(piece)
    return missing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every file that README.md shows, each named by its first line."""
    for language in ("python", "toml"):
        for text in blocks(language):
            (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("example", list(shown()), ids=lambda example: example.command)
def test_a_command_of_the_readme_prints_what_the_readme_shows(example: Shown, folder: Path) -> None:
    if " -- " in example.command:
        (folder / "chaos.toml").unlink()    # it is shown before the entry is written
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(["bash", "-c", example.command], cwd=folder, env={**os.environ, "PATH": path}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                          check=False)
    assert not missing_from(done.stdout, example.output), done.stdout


def test_the_comparison_sees_another_word_and_another_order() -> None:
    assert not missing_from("a 1 s\nb\nc 22 s\n", "a 3.5 s\n…\nc 4 s\n")
    assert missing_from("a 1 s\nb\n", "a 1 s\n…\nc\n")
    assert missing_from("c\na\n", "a\n…\nc\n")
    assert missing_from("exit status 1\n", "exit status 0\n")
    assert missing_from("x/w1/none\n", "x/w2/none\n")
    assert not missing_from(
        "proven: nothing can happen before 119.0 s from\n now, and the deadline is in 4.9 s", f"proven: {NEVER}")
    assert without_numbers(README).count(NEVER) == 1, "or there is nothing to excuse"


def test_the_first_commands_are_on_the_first_screen_and_are_what_the_integration_run_runs() -> None:
    listed = subprocess.run([ROOT / ".ci" / "run", "list"], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    commands = "".join(blocks("sh"))
    assert listed.stdout == commands
    assert commands.splitlines() == [
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/chaos sweep",
        "python3 -m venv .venv && .venv/bin/pip install -q tox && .venv/bin/tox run",
    ]
    assert all(line in README.splitlines()[:24] for line in commands.splitlines())


def test_every_document_that_the_readme_links_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
