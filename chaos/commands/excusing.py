"""``--known FILE``: read, and what its lines make of a status. A known failure stays a failure in every report."""

from __future__ import annotations

import datetime
import re
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from chaos.actions import BY_WORD
from chaos.caseid import CaseIdError, parse_fault
from chaos.catalog import BY_NAME
from chaos.commands.status import Status, status_of
from chaos.errors import UsageError
from chaos.known import NOTHING_KNOWN, Known, Settled, read_known, settled
from chaos.model import Grade
from chaos.report.results import Line, Results
from chaos.target import Target
from chaos.typed import case_of


def known_of(options: Namespace, target: Target | None = None) -> Known:
    """What ``--known`` names, or else the target's entry. Raises UsageError with every problem of the file."""
    path: Path | str = options.known or (target.known if target else "")
    if not path:
        return NOTHING_KNOWN
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--known {path}: {getattr(error, 'strerror', None) or error}; the path of a file with [[finding]] "
                         "tables would be right") from None
    return read_known(str(path), text, datetime.date.today(), _wrong_with)


def _wrong_with(case: str) -> str:
    """What is wrong with the ``case`` of a line: an id must be one, and what a glob spells out must be known."""
    if any(mark in case for mark in "*?["):
        return "; ".join(_wrong_in_glob(case))
    try:
        if case_of(case).faults:
            return ""
    except UsageError as error:
        return f"case: {error}"
    return f"case = {case!r}: a start without a fault that fails ends the sweep, and cannot be excused"


def _wrong_in_glob(glob: str) -> Iterator[str]:
    for fault in glob.rpartition("/")[2].split("+"):
        site, _, effect = fault.partition("=")
        site, action = re.split("[@#]", site, maxsplit=1)[0], effect.partition(":")[0]
        spelled = [word if word and not any(mark in word for mark in "*?[,") else known
                   for word, known in ((site, "process.fork"), (action, "raise"))]
        try:
            parse_fault("=".join(spelled), sites=BY_NAME, actions=BY_WORD)
        except CaseIdError as error:
            hint = f"; did you mean {' or '.join(error.suggestions)}?" if error.suggestions else ""
            yield f"case = {glob!r}: {error.problem}{hint}"


def excused(known: Known, lines: Iterable[Line]) -> list[Line]:
    return [replace(line, known=known.excuse(line)) for line in lines]


def say_known(known: Known, lines: Sequence[Line]) -> tuple[Settled, ...]:
    """Tell which of these few cases are known, and which lines fail the job."""
    about = settled(known, lines, whole=False)
    for line in lines:
        if line.known is not None:
            print(f"{line.case_id}\n  {line.known.told}")
    for one in about:
        if one.fails_the_job:
            print(one.told)
    return about


def status_with(lines: Iterable[Line], about: Iterable[Settled]) -> Status:
    """The worst of what is not excused; and a line that is overdue is a failure."""
    grades = {line.grade for line in lines if line.known is None}
    return status_of(grades | {Grade.FAIL for one in about if one.fails_the_job})


def status_of_results(results: Results | None) -> Status:
    """What a sweep with these results ends with; nothing has begun: nothing is wrong."""
    if results is None:
        return Status.PASS
    if results.interrupted:
        return Status.INTERRUPTED
    return Status.UNAVAILABLE if results.unhealthy_baselines else status_with(results.cases, results.settled)
