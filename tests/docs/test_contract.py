"""docs/contract.md names every word that a report, a case id or a script may meet: none is missing, none is invented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chaos.actions import BY_WORD
from chaos.commands import COMMANDS, Status
from chaos.model import Outcome
from chaos.promises import PROMISES, SAME_ON_BOTH_BACKENDS

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return CONTRACT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(title: str) -> set[str]:
    """The words in the first column of the section's table."""
    return set(re.findall(r"^\| `([^`]+)` \|", section(title), re.MULTILINE))


def test_the_promises_are_those_that_are_judged() -> None:
    assert first_cells("The thirteen promises") == {name for name, *_ in PROMISES} | {SAME_ON_BOTH_BACKENDS}


def test_the_outcomes_are_those_that_a_report_may_hold() -> None:
    assert first_cells("Outcomes") == {outcome.value for outcome in Outcome}


def test_the_actions_are_those_that_a_case_id_may_name() -> None:
    assert first_cells("Actions") == set(BY_WORD)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named(command: str) -> None:
    assert re.search(f"`chaos {command}[ `]", section("Commands"))


@pytest.mark.parametrize("status", list(Status))
def test_every_exit_status_is_named_there_and_in_the_readme(status: Status) -> None:
    assert re.search(rf"\b{status.value} [a-z]", section("Commands"))
    assert re.search(rf"^\| {status.value} \|", README, re.MULTILINE)
