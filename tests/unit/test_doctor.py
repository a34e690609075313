"""What is told of a machine: from literal facts, without trying anything."""

from __future__ import annotations

import pytest

from chaos.doctor import PARTS, Fact, Lack, is_fit, lines
from chaos.plan import ON_THE_NODE, ON_THE_WIRE, WHILE_IT_WAITS

NEEDED = [part.name for part in PARTS if part.lack is Lack.NEEDED]


def facts(*missing: str, seen: str = "as it should be") -> list[Fact]:
    return [Fact(part.name, part.name not in missing, "not there" if part.name in missing else seen) for part in PARTS]


def told(*missing: str, width: int = 100) -> str:
    return "\n".join(lines(facts(*missing), width))


def test_a_machine_that_has_everything_is_told_a_line_a_part_and_is_fit() -> None:
    assert is_fit(facts())
    assert told().splitlines()[-1] == "The default sweep has all that it needs, and so has everything else."
    assert told().count("works: ") == len(PARTS)


@pytest.mark.parametrize("name", NEEDED)
def test_each_part_that_the_default_sweep_needs_makes_the_machine_unfit(name: str) -> None:
    title = next(part.title for part in PARTS if part.name == name)
    assert not is_fit(facts(name))
    assert f"missing, needed: {title}: not there" in told(name)
    assert told(name).endswith(f"The default sweep does not run here: {title}.")


def test_what_is_only_left_out_leaves_the_machine_fit_and_says_what_to_do() -> None:
    others = [part.name for part in PARTS if part.lack is not Lack.NEEDED]
    assert is_fit(facts(*others))
    text = told(*others, width=2000)
    count = len(ON_THE_WIRE) + len(WHILE_IT_WAITS) + len(ON_THE_NODE)
    assert f"left out: every case of --transport rabbit, {count} a variant of the target" in text
    assert "broker.ready" in text
    assert "to have it: apt-get install rabbitmq-server" in text
    assert "left out: every case at a call of the kernel (syscall.NAME)" in text
    assert "missing, weaker: calls in /proc: not there\n    without it: no hang is proven" in text


def test_what_was_not_tried_does_not_count_as_there() -> None:
    assert not is_fit([])
    assert "missing, needed: Linux: not tried" in "\n".join(lines([], 80))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for missing in ((), tuple(part.name for part in PARTS)):
        assert max(map(len, told(*missing, width=width).splitlines())) <= width


def test_what_a_program_said_is_one_harmless_line() -> None:
    text = "\n".join(lines(facts(seen="a\x1b[2Jb\nworks: c"), 100))
    assert "\x1b" not in text
    assert text.count("\n") == len(PARTS) + 1
