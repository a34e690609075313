"""The log file of a target: what a run wrote to it, and nothing of the runs before."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.model import Fault
from chaos.runner.logfile import LogFile
from chaos.runner.pool import Pool
from runner.starting import LONG, Stage

WRITES = """
with open(sys.argv[1] + "/service.log", "a") as file:
    file.write("cannot start: the password is a-sécret-of-nobody\\n")
sys.exit(3)
"""


def test_what_a_run_wrote_to_its_log_file_is_seen_and_its_secrets_are_not_shown(stage: Stage) -> None:
    request = stage.request(WRITES, limits=LONG)
    request = replace(request, argv=(*request.argv, "{folder}"), log_file="{folder}/service.log",
                      secrets=("a-sécret-of-nobody",))
    with Pool() as pool:
        seen = pool.run_one(request)
    assert seen.log is not None and seen.log.startswith("cannot start: the password is ")
    assert "sécret" not in seen.log
    assert [leak for leak in seen.leaks if "in its log file, line 1" in leak]
    assert seen.output == ""


def test_a_target_without_a_log_file_has_none(stage: Stage) -> None:
    with Pool() as pool:
        assert pool.run_one(stage.request("sys.exit(3)", Fault("start.exec", "delay"), limits=LONG)).log is None


@pytest.mark.parametrize(("before", "after", "read"), [
    (None, None, ""),
    (None, "new\n", "new\n"),
    ("old\n", "old\nnew\n", "new\n"),
    ("old and long\n", "new\n", "new\n"),       # cut to nothing, and begun anew
])
def test_what_was_in_it_before_the_start_is_not_of_this_run(
        tmp_path: Path, before: str | None, after: str | None, read: str) -> None:
    path = tmp_path / "service.log"
    if before is not None:
        path.write_text(before)
    log = LogFile(str(path))
    if after is not None:
        path.write_text(after)
    assert log.text() == read


def test_one_that_was_rotated_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    path.write_text("old\n")
    log = LogFile(str(path))
    path.rename(tmp_path / "service.log.1")
    path.write_text("anew\n")
    assert log.text() == "anew\n"


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert LogFile(str(tmp_path / "fifo")).text() == ""
