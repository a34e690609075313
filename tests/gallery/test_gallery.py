"""Chaos catches what each launcher of the gallery does wrong, under the right promise, and finds no fault with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

import gallery
from chaos.promises import PROMISES, SAME_ON_BOTH_BACKENDS
from chaos.report.explain import explain


@pytest.fixture(scope="session")
def shown_in_gallery() -> Iterator[gallery.Gallery]:
    with gallery.Gallery() as opened:
        yield opened


@pytest.mark.parametrize("exhibit", gallery.EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_chaos_judges_the_exhibit_rightly(shown_in_gallery: gallery.Gallery, exhibit: gallery.Exhibit) -> None:
    (shown,) = shown_in_gallery.show([exhibit])
    if not shown.is_right:
        told = "\n\n".join(explain(run) for run in shown.runs)
        pytest.fail(f"{exhibit.promise}\n{gallery.row(shown)}\n\n{told}\n\n"
                    f"again: python tests/gallery/gallery.py {exhibit.name}", pytrace=False)


@pytest.mark.parametrize("promise", [*(name for name, _, _ in PROMISES), SAME_ON_BOTH_BACKENDS])
def test_every_promise_has_three_exhibits_that_break_it_and_two_that_do_not(promise: str) -> None:
    count = Counter(one.breaks for one in gallery.EXHIBITS if one.promise == promise)
    assert count[True] >= 3, f"{promise} is broken by too few launchers"
    assert count[False] >= 2, f"too few launchers come close to breaking {promise}"


def test_every_exhibit_has_a_name_of_its_own_and_a_promise_that_exists() -> None:
    names = Counter(one.name for one in gallery.EXHIBITS)
    assert [name for name, count in names.items() if count > 1] == []
    known = {*(name for name, _, _ in PROMISES), SAME_ON_BOTH_BACKENDS}
    assert {promise for one in gallery.EXHIBITS for promise in (one.promise, *one.also)} <= known


def test_no_launcher_is_without_an_exhibit() -> None:
    shared = {"plain.py", "backends.py", "rpc_service.py"}
    there = {path.name for path in gallery.LAUNCHERS.iterdir() if path.suffix in (".py", ".sh")}
    assert there == shared | {one.launcher for one in gallery.EXHIBITS}
