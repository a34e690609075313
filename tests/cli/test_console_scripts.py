"""A target that has no entry: a console script, by its bare name, with all that is typed beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

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


def test_the_line_at_the_end_of_a_sweep_runs_as_it_stands(chaos: Chaos, on_path: Path) -> None:
    swept = chaos("sweep", "shop-serve", "--backend", "eventlet", "--workers", "1", "--cold", "--deadline", "6",
                  "--only", "*/service.start@parent=raise:*Error", "--", "--backend", "{backend}", "--workers", "{workers}")
    assert swept.status == 1
    line = swept.out.splitlines()[-1]
    assert line.startswith("chaos repro shop-serve/eventlet/w1/service.start@parent=raise:RuntimeError --deadline 6 -- ")
    answer = chaos.shell(line)
    assert (answer.status, answer.err) == (1, "")
    assert answer.out.splitlines()[-1] == "reproduced: false-success, fail, as in the report"


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
