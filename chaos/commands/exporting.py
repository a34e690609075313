"""``chaos repro --export pytest``: the case as a test, written into the current folder. Nothing is run."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from chaos.commands.asked import case_and_target
from chaos.commands.status import Status
from chaos.errors import UsageError
from chaos.export import Typed, file_name, pytest_text
from chaos.prepare import Timing


def do_export(options: Namespace) -> Status:
    case, target = case_and_target(options.case_ids[0], options)
    if not case.faults:
        raise UsageError(f"{options.case_ids[0]}: chaos check is for a start without a fault; a case with one would be right")
    python = target.python if options.python else None
    grace_s = options.grace if options.grace != Timing().grace_s else None
    path = Path(file_name(case))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(pytest_text(case, Typed(options.args, tuple(options.ready), python, options.deadline, grace_s)))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; a folder that can be written to, and in which there is no such "
                         "file, would be right") from None
    print(f"{path}: to run it,\npytest {path}")
    return Status.PASS
