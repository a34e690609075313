"""What the agent says, as values."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import chaos
from chaos.runner.wire import Said, parse


def _escaped(text: str) -> str:
    """As inside/_chaos_agent.py writes it; its own function is tried below, in a process of its own it is by tests/inside."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def test_a_record_is_a_value() -> None:
    assert parse("hit\t12.5\t77\tworker.0\tservice.start\t3") == Said("hit", 12.5, 77, "worker.0", ("service.start", "3"))


def test_a_record_without_fields_has_none() -> None:
    assert parse("x\t1\t2\tparent") == Said("x", 1.0, 2, "parent", ())


@pytest.mark.parametrize("line", ["", "hit", "hit\t", "hit\tsoon\t7\tparent", "hit\t1.5\tme\tparent", "hit\t1.5\t7", "\t\t"])
def test_a_line_that_is_torn_is_no_record(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "fields",
    [[], [""], ["", ""], ["\t"], ["\n"], ["\\"], ["\\n"], ["\\\n"], ["\\\\t\t"], ["a\r\nb", "\u20ac \x00"], ["\\", "\\"]],
)
def test_any_text_comes_through(fields: list[str]) -> None:
    said = parse("\t".join(("mile", "1.0", "7", "parent", *map(_escaped, fields))))
    assert said is not None
    assert list(said.fields) == fields


def test_the_agent_escapes_as_this_test_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(chaos.__file__).parent / "inside"))
    monkeypatch.delitem(sys.modules, "_chaos_agent", raising=False)
    import _chaos_agent  # type: ignore[import-not-found]

    text = "a\\t\tb\\\nc\r\\n\\\\"
    assert _chaos_agent._escaped(text) == _escaped(text)
    assert _chaos_agent._unescaped(_escaped(text)) == text
