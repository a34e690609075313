"""A case as a test for a suite of one's own: text for pytest, with the marks of chaos's plugin. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chaos.caseid import format_case
from chaos.model import Case


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed beside the case id, and is not in it."""

    args: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    python: str | None = None
    deadline_s: float | None = None
    grace_s: float | None = None


def file_name(case: Case) -> str:
    """The same for the same case, and of a length that a file name may have."""
    sites = "_".join(_word(fault.site) for fault in case.faults)[:60]
    return f"test_{_word(case.target)[:40]}_{sites}_{hashlib.sha256(format_case(case).encode()).hexdigest()[:8]}.py"


def pytest_text(case: Case, typed: Typed) -> str:
    """A file of one test, which fails for as long as the launcher breaks a promise in this case."""
    return "\n".join(_lines(case, typed)) + "\n"


def _lines(case: Case, typed: Typed) -> Iterator[str]:
    what = "_and_".join(_word(f"{fault.site}_{fault.action}") for fault in case.faults)
    yield f'"""What {_quotable(case.target)} does under this fault; exported by chaos repro --export pytest."""'
    yield "import pytest"
    yield ""
    yield ""
    if typed != Typed():
        yield "@pytest.mark.chaos_target("
        yield from (f"    {line}," for line in _target(case, typed))
        yield ")"
    yield f"@pytest.mark.chaos({format_case(case)!r})"
    yield f"def test_it_keeps_every_promise_under_{what}(launcher):"
    yield "    launcher.start().assert_passes()"


def _target(case: Case, typed: Typed) -> Iterator[str]:
    yield repr(case.target)
    if typed.args:
        yield f"args={list(typed.args)!r}"
    if typed.ready:
        yield f"ready={list(typed.ready)!r}"
    if typed.python:
        yield f"python={typed.python!r}"
    if typed.deadline_s:
        yield f"deadline_s={typed.deadline_s:g}"
    if typed.grace_s:
        yield f"grace_s={typed.grace_s:g}"


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "it"


def _quotable(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")
