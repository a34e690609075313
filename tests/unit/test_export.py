"""A case as a test: the text holds all that was typed, and its file has a name that any case can have."""

from __future__ import annotations

import pytest

from chaos.caseid import parse_case
from chaos.export import Typed, file_name, pytest_text

CASE_ID = "shop.cmd:main/threading/w2/service.start@worker#1=raise:RuntimeError"


def test_a_case_alone_is_one_mark() -> None:
    text = pytest_text(parse_case(CASE_ID), Typed())
    assert f"@pytest.mark.chaos({CASE_ID!r})" in text
    assert "chaos_target" not in text
    compile(text, "x", "exec")


def test_what_was_typed_beside_it_is_in_the_mark_of_the_target() -> None:
    text = pytest_text(parse_case(CASE_ID), Typed(("--a", "it's"), ("tcp:1",), "/usr/bin/python3", 2.5, 20.0))
    for part in ("'shop.cmd:main',", "args=['--a', \"it's\"],", "ready=['tcp:1'],", "python='/usr/bin/python3',",
                 "deadline_s=2.5,", "grace_s=20,"):
        assert part in text
    compile(text, "x", "exec")


@pytest.mark.parametrize("case_id", [
    CASE_ID, "%2Fopt%2Fa%22%5Cb/-/w1/" + "x" * 200 + ":main," + "y" * 200 + ":z=raise", "s/-/w1/a.b=stall+c.d=kill",
])
def test_every_case_has_a_file_name_and_a_program(case_id: str) -> None:
    case = parse_case(case_id)
    assert len(file_name(case)) < 200
    assert file_name(case).replace("_", "").removesuffix(".py").isalnum()
    compile(pytest_text(case, Typed(("x",))), "x", "exec")
