"""From what a person typed to a case: every name known, every argument understood, or an error that points at it."""

from __future__ import annotations

from chaos.actions import BY_WORD, ActionError, told
from chaos.caseid import CaseIdError, parse_case
from chaos.catalog import BY_NAME
from chaos.errors import UsageError
from chaos.model import Case
from chaos.target import entries


def case_of(text: str) -> Case:
    """The case that ``text`` names. Raises UsageError that points at the column and suggests the nearest names."""
    try:
        case = parse_case(text, sites=BY_NAME, actions=BY_WORD, targets=entries())
        for fault in case.faults:
            told(fault)
    except CaseIdError as error:
        raise UsageError(pointed_out(error)) from None
    except ActionError as error:
        raise UsageError(f"{text}: {error}") from None
    return case


def pointed_out(error: CaseIdError) -> str:
    """The problem first, for a list of failures shows one line of each; then the text and a mark below the column."""
    text, column, *_ = error.render().split("\n")
    hint = f"; did you mean {' or '.join(error.suggestions)}?" if error.suggestions else ""
    return f"{error.problem}{hint}\n  {text}\n  {column}"
