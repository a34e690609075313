"""Arguments that are no text, and a terminal that has not every character: neither may cost a report."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from test_report_literals import a_baseline, a_sweep, feed_all, judged

from chaos import cli
from chaos.model import Outcome
from chaos.report.files import Files

CASE_ID = "scheduler/eventlet/w1/thread.spawn#1=raise:MemoryError"


def test_a_byte_in_an_argument_costs_no_report(tmp_path: Path) -> None:
    bad = judged(CASE_ID, Outcome.KILLED, broken=(("status", "SIGSEGV"),))
    suffix = " -- " + os.fsdecode(b"--name=caf\xe9")
    feed_all(Files(tmp_path, suffix=suffix), a_sweep([bad], variants=[a_baseline("scheduler/eventlet/w1/none")]))
    for name in ("report.html", "summary.md"):
        assert "--name=caf\\udce9" in (tmp_path / name).read_text(encoding="utf-8")
    assert (tmp_path / "report.json").exists()


def test_what_the_terminal_has_no_character_for_is_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = judged(CASE_ID, Outcome.KILLED, broken=(("status", "SIGSEGV …"),))
    feed_all(Files(tmp_path), a_sweep([bad], variants=[a_baseline("scheduler/eventlet/w1/none")]))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert cli.main(["show", str(tmp_path)]) == 1
    sys.stdout.flush()
    assert b"SIGSEGV \\u2026" in written.getvalue()
