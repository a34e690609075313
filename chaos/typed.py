"""From what a person typed to a case: every name known, every argument understood, or an error that points at it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from chaos.actions import BY_WORD, ActionError, told
from chaos.caseid import CaseIdError, parse_case
from chaos.catalog import BY_NAME, By
from chaos.errors import UnknownTarget, UsageError
from chaos.model import Case, Fault
from chaos.target import TOLD_BY, Target

RABBIT = "rabbit"


def case_of(text: str) -> Case:
    """The case that ``text`` names. Raises UsageError that points at the column and suggests the nearest names.

    Not for a target that is not there: who wants to start it finds out, with the options that were typed beside the id.
    """
    try:
        case = parse_case(text, sites=BY_NAME, actions=BY_WORD)
        for fault in case.faults:
            told(fault)
    except CaseIdError as error:
        raise UsageError(pointed_out(error)) from None
    except ActionError as error:
        raise UsageError(f"{text}: {error}") from None
    must_be_on(case, text)
    return case


@contextlib.contextmanager
def target_pointed_at(text: str) -> Iterator[None]:
    """An unknown target is pointed at in ``text``, the id of a case: it is what an id begins with."""
    try:
        yield
    except UnknownTarget as error:
        raise UsageError(pointed_out(CaseIdError(text, 0, str(error)))) from None


def must_be_on(case: Case, text: str) -> None:
    """Raises UsageError for a transport that chaos cannot start, and for a fault that needs one in a case that has none."""
    if case.transport not in (None, RABBIT):
        raise UsageError(f"{text}: {case.transport!r} is no transport that chaos can start; rabbit is, and the target's own "
                         "is not named")
    real = [fault.site for fault in case.faults if fault.site in BY_NAME and BY_NAME[fault.site].by in (By.WIRE, By.NODE)]
    if real and case.transport is None:
        there = text.replace(f"/w{case.workers}/", f"/w{case.workers}-{RABBIT}/", 1)
        raise UsageError(f"{text}: {real[0]} is there on a real transport only; {there} would be right")


def must_notice(target: Target, faults: Iterable[Fault]) -> None:
    """Raises UsageError for a fault that is put in place where the target never looks: it would break nothing."""
    for fault in faults:
        if fault.site in target.untold and fault.action in BY_NAME[fault.site].actions:
            raise UsageError(f"{fault.site}={fault.action}: {target.command} would not notice; {TOLD_BY[fault.site]} in its "
                             "arguments after --, or in an entry in chaos.toml, would be right")


def pointed_out(error: CaseIdError) -> str:
    """The problem first, for a list of failures shows one line of each; then the text and a mark below the column."""
    text, column, *_ = error.render().split("\n")
    hint = f"; did you mean {' or '.join(error.suggestions)}?" if error.suggestions else ""
    return f"{error.problem}{hint}\n  {text}\n  {column}"
