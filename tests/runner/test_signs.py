"""Looks at signs of readiness, one by one: whatever is answered counts, however it comes."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterator

import pytest

from chaos.readiness import wanted
from chaos.runner.asker import Asker
from chaos.runner.facts import Facts
from chaos.runner.signs import Signs


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as opened:
        yield opened


def signs_of(selector: selectors.BaseSelector, *texts: str) -> Signs:
    return Signs([(text, wanted(text)) for text in texts], selector, Facts((), 0.0, titles=False), lambda: 1.0)


def test_answers_that_are_read_together_or_in_parts_all_count(selector: selectors.BaseSelector) -> None:
    signs = signs_of(selector, "command: one", "command: two")
    asked, ask = os.pipe()
    answers, answer = os.pipe()
    asker = signs.asker = Asker.__new__(Asker)      # one whose other end is here
    asker._ask, asker.answers, asker.partial = ask, answers, b""
    try:
        signs.step()
        os.write(answer, b'[0, "status 1"]\n[1, ""]\n')
        signs._hear()
        assert [(look.said, look.asked_s) for look in signs.looks] == [("status 1", None), ("", None)]
        for look in signs.looks:
            look.again_s = 0.0
        signs.step()
        os.write(answer, b'[1, "status 2"]\n[0, ')
        signs._hear()
        assert [look.asked_s is None for look in signs.looks] == [False, True]
        os.write(answer, b'""]\n')
        signs._hear()
        assert [(look.said, look.asked_s) for look in signs.looks] == [("", None), ("status 2", None)]
    finally:
        for fd in (asked, ask, answers, answer):
            os.close(fd)


@pytest.mark.parametrize("text", ["tcp: a..b:80", "tcp: ü..b:80", "http: http://ü..b/", f"tcp: {'a' * 64}:80", "http: http://127.0.0.1:1/\udcff",
                                  f"unix: /{'a' * 200}"])
def test_an_address_that_none_can_be_is_a_sign_that_is_not_there(selector: selectors.BaseSelector, text: str) -> None:
    signs = signs_of(selector, text)
    signs.step()
    (sign,) = signs.facts.signs
    assert sign.seen_s is None
    assert sign.said not in ("", "not looked at yet")
    assert not selector.get_map(), "nothing is left of it"
    signs.close()
