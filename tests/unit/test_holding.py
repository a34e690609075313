"""A held run is let go by Ctrl-C from the moment at which that is said."""

from __future__ import annotations

import sys

import pytest
from observations import LAUNCHER_PROCESS, an_observation

from chaos.commands import holding


class NeverWaitedFor:
    holds = True

    def hears(self) -> int:
        return pytest.fail("it waits on, although Ctrl-C was typed")


def test_who_has_read_enough_before_the_last_line_lets_it_go_with_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    def say_and_be_interrupted(line: str = "", end: str = "\n") -> None:
        sys.stdout.write(line + end)
        if "py-spy dump" in line:
            raise KeyboardInterrupt

    monkeypatch.setattr(holding, "print", say_and_be_interrupted, raising=False)
    holding.hold(NeverWaitedFor(), an_observation(processes=(LAUNCHER_PROCESS,)), 300)
    assert capsys.readouterr().out.endswith("let go; all that is left of it is ended.\n")
