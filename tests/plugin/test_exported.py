"""``chaos repro --export pytest``: the file that it writes fails where the launcher breaks a promise, and else passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import cli

TESTS = Path(__file__).resolve().parents[1]
LAUNCHER = "launchers.healthy:main/threading/w1/launcher.launch@parent="
SHOWN = {"exit:0": "false-success", "raise:RuntimeError": ""}


@pytest.mark.parametrize("action", SHOWN)
def test_an_exported_case_is_a_test_that_tells_the_defect(
    action: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.syspath_prepend(TESTS)
    words = ["repro", LAUNCHER + action, "--export", "pytest", "--deadline", "9", "--", "{backend}", "{workers}"]
    assert cli.main(words) == 0
    (name,) = (path.name for path in pytester.path.glob("test_*.py"))
    assert capsys.readouterr().out == f"{name}: to run it,\npytest {name}\n"
    result = pytester.runpytest_subprocess(name, "-p", "no:cacheprovider")
    result.assert_outcomes(failed=bool(SHOWN[action]), passed=not SHOWN[action])
    if SHOWN[action]:
        result.stdout.fnmatch_lines([f"*{SHOWN[action]}*", f"*again: chaos repro {LAUNCHER}{action} --deadline 9 --*"])
    assert cli.main(words) == 64           # it is there already, and is not written over
