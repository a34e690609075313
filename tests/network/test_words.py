"""What the proxy can be told is checked before anything is armed, and what is wrong is said with what would be right."""

from __future__ import annotations

import pytest

from chaos.errors import UsageError
from chaos.network.words import WORDS, Kind, Moment, Stream, arguments, parse_moment, toxic

TOXIPROXY = {"latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "down"}


def test_toxiproxys_words_are_all_there_and_three_of_ours() -> None:
    assert {word.name for word in WORDS} == TOXIPROXY | {"refuse", "blackhole", "half_open"}


@pytest.mark.parametrize("text", ["now", "before:Connection.Start", "at:Queue.Declare", "at:Queue.Declare#2",
                                  "after:Connection.Tune", "at:Basic.Consume", "frames:5", "bytes:64", "seconds:0.5"])
def test_a_moment_is_read_and_written_as_the_same_text(text: str) -> None:
    assert str(parse_moment(text)) == text


def test_a_moment_says_which_time_a_method_is_meant() -> None:
    assert parse_moment("at:Queue.Declare#2") == Moment(Kind.AT, "Queue.Declare", 2)


@pytest.mark.parametrize(("text", "said"), [
    ("soon", "before:Connection.Start"), ("now:5", "is no moment"), ("at:Queue.Declared", "did you mean Queue.Declare?"),
    ("at:", "is no moment"), ("at:Queue.Declare#0", "from 1 on"), ("at:Queue.Declare#", "from 1 on"),
    ("frames:few", "not a number"), ("seconds:-1", "not a number"), ("bytes:nan", "not a number")])
def test_a_moment_that_is_none_is_an_error_that_helps(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        parse_moment(text)


@pytest.mark.parametrize(("word", "given", "said"), [
    ("latancy", {}, "did you mean latency"), ("latency", {"delay": 1}, "takes latency_s, jitter_s, not delay"),
    ("down", {"x": 1}, "takes nothing"), ("bandwidth", {"rate_kb_s": 0}, "never let anything through"),
    ("latency", {"latency_s": "long"}, "not a number"), ("latency", {"latency_s": -1}, "not a number")])
def test_a_toxic_that_makes_no_sense_is_an_error_that_helps(word: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        toxic("t", word, given)


@pytest.mark.parametrize("wrong", [{"stream": "sideways"}, {"first": 0}, {"first": 3, "last": 2}, {"lasts_s": -1.0}])
def test_a_stream_or_connections_that_there_are_not_are_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        toxic("t", "latency", **wrong)      # type: ignore[arg-type]


def test_arguments_that_are_not_given_have_their_defaults() -> None:
    assert arguments("latency", {"jitter_s": 0.5}) == {"latency_s": 1.0, "jitter_s": 0.5}


def test_a_toxic_meets_the_connections_it_is_for_and_the_stream_it_is_on() -> None:
    some = toxic("t", "latency", first=2, last=3, stream="upstream")
    assert [some.meets(number) for number in (1, 2, 3, 4)] == [False, True, True, False]
    assert some.touches(Stream.UP) and not some.touches(Stream.DOWN)
    whole = toxic("t", "blackhole")
    assert whole.touches(Stream.UP) and whole.touches(Stream.DOWN)
