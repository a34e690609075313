"""A target that has no entry: a console script, by its bare name, with all that is typed beside it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from chaos.caseid import parse_case
from chaos.commands.asked import target_of
from chaos.report.document import reproduce_line
from cli.typing_chaos import Chaos

SHOP = f"#!{sys.executable}\nimport sys\nfrom chaos.sample.naive import main\nsys.exit(main())\n"


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of PATH with a console script ``shop-serve`` in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "shop-serve"
    script.write_text(SHOP)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_the_line_that_a_report_ends_with_runs_as_it_stands(chaos: Chaos, on_path: Path) -> None:
    """The line is made as a sweep makes it, of its own options."""
    typed = Namespace(target="shop-serve", args=("--backend", "{backend}", "--workers", "{workers}"), python=None, ready=[],
                      site=[], deadline=6.0, grace=8.0)
    case_id = "shop-serve/eventlet/w1/service.start@parent=raise:RuntimeError"
    line = reproduce_line(parse_case(case_id), target_of(typed).options)
    assert line == f"chaos repro {case_id} --deadline 6 -- --backend '{{backend}}' --workers '{{workers}}'"
    answer = chaos.shell(line)
    assert (answer.status, answer.err) == (1, "")
    assert answer.out.splitlines()[-1] == "reproduced: false-success"


@pytest.mark.parametrize("command", [("repro",), ("run",), ("bundle",), ("repro", "--export", "pytest")])
def test_a_target_that_is_not_there_is_pointed_at_in_the_id(
    chaos: Chaos, command: tuple[str, ...], capsys: pytest.CaptureFixture[str],
) -> None:
    answer = chaos.here(*command, "schedular/-/w1/service.start=raise", cwd=chaos.cwd, capture=capsys)
    assert answer.status == 64
    told, case_id, mark = answer.err.splitlines()
    assert told.startswith("chaos: unknown target 'schedular': ")
    assert told.endswith("did you mean scheduler?")
    assert (case_id, mark) == ("  schedular/-/w1/service.start=raise", "  ^")
