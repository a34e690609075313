"""``chaos bundle``: a finding as one script that shows it without chaos; from a report, or a fresh run."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from pathlib import Path

from chaos.bundle import script_of
from chaos.caseid import format_case
from chaos.commands.asked import case_and_target, timing_of
from chaos.commands.running import run_cases, stored_case
from chaos.commands.status import Status
from chaos.errors import UsageError
from chaos.installed import python_of, versions_of
from chaos.model import Grade, Judged
from chaos.prepare import request_for
from chaos.target import Target, executable


def do_bundle(options: Namespace) -> Status:
    case, target = case_and_target(options.case_ids[0], options)
    if not case.faults:
        raise UsageError(f"{options.case_ids[0]}: a start without a fault needs no script; a case that failed would be right")
    python = _python_of(target)
    judged = stored_case(options.report, case)
    if judged is None or judged.verdict.grade is not Grade.FAIL or not any(one.where for one in judged.seen.fired):
        done, status = run_cases(options)
        if not done:
            return status
        judged = done[0][0]
    if judged.verdict.grade is not Grade.FAIL:
        print(f"{format_case(case)}: {judged.verdict.outcome}, {judged.verdict.grade}: there is no defect to show")
        return Status.INCONCLUSIVE
    request = request_for(target, case, timing_of(options), judged.seen.expected)
    _hand_out(script_of(request, target.command, judged, versions_of(target)), options.out, judged, python)
    return Status.PASS


def _python_of(target: Target) -> str:
    """The interpreter that the script is to be run with. Raises UsageError for a target in which nothing can be patched."""
    python = python_of(target)
    if python is None or python == executable(target.command, target.python):
        what = "no Python launcher, and only in one a place can be patched" if python is None else \
            "the interpreter itself; a package.module:callable or a Python script would be right"
        raise UsageError(f"{target.command} is {what}. chaos repro shows the case, and chaos repro --export pytest makes a "
                         "test of it")
    return python


def _hand_out(text: str, out: Path | None, judged: Judged, python: str) -> None:
    if out is None:
        print(text, end="")
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o755)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}; the path of a file that is not there yet would be right") \
            from None
    print(f"{out}: {judged.verdict.outcome}, in {text.count(chr(10))} lines, without chaos. To see it:\n"
          f"{shlex.join((python, str(out)))}")
