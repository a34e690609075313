"""``chaos doctor`` on the machine that the tests run on: what it says is so."""

from __future__ import annotations

from cli.typing_chaos import Chaos


def test_where_these_tests_run_the_default_sweep_has_what_it_needs(chaos: Chaos) -> None:
    answer = chaos("doctor")
    assert (answer.status, answer.err) == (0, "")
    assert "works: sub-reaper: an orphan falls to it" in answer.out
    assert "works: calls in /proc: the call of a child can be read" in answer.out
    assert "The default sweep has all that it needs" in answer.out


def test_what_is_really_missing_is_said_with_its_cure(chaos: Chaos) -> None:
    """A PATH without programs, a temporary folder that is none, few open files: each as an operator may have it."""
    nowhere = chaos.cwd / "nothing"
    line = f"ulimit -n 100; PATH= TMPDIR={nowhere} HOME={nowhere} PYENV_ROOT= chaos doctor"
    answer = chaos.shell(line)
    assert (answer.status, answer.err) == (69, "")
    assert "missing, needed: open files: at most 100 open files a process" in answer.out
    assert "missing: gdb: not on PATH" in answer.out
    assert "missing: RabbitMQ: a private broker needs " in answer.out
    assert "The default sweep does not run here: open files." in answer.out
