"""In which order cases are begun: literal plans in, an order out."""

from __future__ import annotations

from chaos.feed import LAST, LONG_S, Feed
from chaos.model import Case, Fault, Limits
from chaos.runner.request import Request


def case(number: int, action: str = "raise") -> Case:
    return Case("shop", "-", number, (Fault("service.start", action),))


def request(one: Case) -> Request:
    return Request(case_id=f"{one.workers}", case=one, argv=("shop",), plan="", limits=Limits())


def begun(feed: Feed) -> list[int]:
    return [one.case.workers for one in feed]


def test_cases_are_begun_as_planned() -> None:
    assert begun(Feed(request(case(number)) for number in range(2 * LAST))) == list(range(2 * LAST))


def test_among_the_last_what_takes_long_is_begun_first_and_all_else_as_planned() -> None:
    plan = [case(number, "stall" if number % 10 == 9 else "raise") for number in range(LAST + 30)]
    feed = Feed(map(request, plan))
    feed.note(case(1000, "stall"), LONG_S)
    found = begun(feed)
    first, last = found[:30], found[30:]
    assert first == list(range(30))
    assert last == sorted(last, key=lambda number: (number % 10 != 9, number))
    assert sorted(found) == list(range(LAST + 30))


def test_what_is_soon_over_changes_no_place() -> None:
    feed = Feed(map(request, [case(1), case(2, "stall"), case(3)]))
    feed.note(case(1000, "stall"), LONG_S - 0.1)
    assert begun(feed) == [1, 2, 3]


def test_what_is_to_be_run_again_comes_first_also_when_all_seemed_to_be_begun() -> None:
    feed = Feed(map(request, [case(1), case(2)]))
    assert next(feed).case == case(1)
    feed.run_again(request(case(1)))
    assert begun(feed) == [1, 2]
    feed.run_again(request(case(2)))
    assert begun(feed) == [2]
