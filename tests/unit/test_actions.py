"""The action words: what each takes, and what the agent is told to do."""

from __future__ import annotations

import errno

import pytest

from chaos.actions import ACTIONS, BY_WORD, PUT_IN_PLACE, ActionError, told
from chaos.catalog import BY_NAME, SITES, By
from chaos.model import Fault
from chaos.outcomes import BENIGN

ARGS_OF = {("config.file", "set"): ("DEFAULT", "debug", "true"), ("env.variable", "set"): ("LANG", "C"),
           ("env.variable", "unset"): ("HOME",), ("workers.count", "set"): ("0",)}


def a_fault(action: str, *args: str, site: str = "service.start") -> Fault:
    return Fault(site, action, args)


def test_every_word_stands_once_and_is_documented() -> None:
    assert len(BY_WORD) == len(ACTIONS)
    assert all(action.doc for action in ACTIONS)


@pytest.mark.parametrize("site", [site.name for site in SITES if "raise" in site.actions])
def test_raise_alone_is_the_most_likely_error_of_its_site(site: str) -> None:
    first = BY_NAME[site].errors[0]
    assert told(a_fault("raise", site=site)) == ("raise", (first.cls, str(first.errno or ""), first.message))


def test_an_error_that_the_site_knows_has_its_message_and_another_has_a_plain_one() -> None:
    _, known = told(a_fault("raise", "BlockingIOError", "EAGAIN", site="process.fork"))
    assert known == ("BlockingIOError", str(errno.EAGAIN), "Resource temporarily unavailable")
    assert told(a_fault("raise", "KeyError")) == ("raise", ("KeyError", "", "injected"))
    assert told(a_fault("raise", "OSError", "EIO")) == ("raise", ("OSError", str(errno.EIO), "injected"))


def test_a_site_that_the_catalogue_does_not_know_can_fail_too() -> None:
    assert told(a_fault("raise", site="package.module:name")) == ("raise", ("RuntimeError", "", "injected"))


@pytest.mark.parametrize("args", [("OSError", "ENOSUCH"), ("OSError", "errorcode"), ("OSError", "11"), ("OSError", "")])
def test_an_errno_is_a_name_that_exists(args: tuple[str, ...]) -> None:
    with pytest.raises(ActionError, match="EAGAIN"):
        told(a_fault("raise", *args))


@pytest.mark.parametrize("action", ["delay", "latency"])
@pytest.mark.parametrize("word", ["soon", "-1", "", "1s", "nan", "inf", "1e300"])
def test_seconds_are_a_number_of_at_least_0_that_can_be_waited_for(action: str, word: str) -> None:
    with pytest.raises(ActionError, match=r"0\.5 would be right"):
        told(a_fault(action, word))


@pytest.mark.parametrize(("args", "seconds"), [((), "1"), (("0.3",), "0.3"), (("0",), "0")])
def test_a_delay_takes_seconds(args: tuple[str, ...], seconds: str) -> None:
    assert told(a_fault("delay", *args)) == ("delay", (seconds,))
    assert told(a_fault("latency", *args)) == ("delay", (seconds,))


@pytest.mark.parametrize("args", [("1", "soft"), ("1", "hard", "now")])
def test_exit_takes_a_status_and_perhaps_hard(args: tuple[str, ...]) -> None:
    with pytest.raises(ActionError, match="exit:0:hard"):
        told(a_fault("exit", *args))


@pytest.mark.parametrize("args", [("0",), ("3",), ("0", "hard"), ("no",)])
def test_exit_is_told_as_it_is_written(args: tuple[str, ...]) -> None:
    assert told(a_fault("exit", *args)) == ("exit", args)


def test_exit_alone_is_exit_0() -> None:
    assert told(a_fault("exit")) == ("exit", ("0",))


@pytest.mark.parametrize(
    ("word", "told_as"),
    [("refuse", ("ConnectionRefusedError", "ECONNREFUSED")), ("reset_peer", ("ConnectionResetError", "ECONNRESET")),
     ("timeout", ("TimeoutError", "ETIMEDOUT"))],
)
def test_a_network_word_becomes_what_the_driver_would_have_seen(word: str, told_as: tuple[str, str]) -> None:
    action, (cls, number, _) = told(a_fault(word, site="rpc.connect"))
    assert (action, cls, errno.errorcode[int(number)]) == ("raise", *told_as)


def test_a_peer_that_never_answers_is_a_stall() -> None:
    assert told(a_fault("blackhole", site="rpc.connect")) == ("stall", ())


@pytest.mark.parametrize("word", ["kill", "signal"])
def test_a_signal_that_does_not_exist_is_told(word: str) -> None:
    with pytest.raises(ActionError, match="NOSUCH"):
        told(a_fault(word, "NOSUCH"))


@pytest.mark.parametrize("args", [("TERM", "parent", "0"), ("TERM", "parent", "00"), ("TERM", "parent", "-1"),
                                  ("TERM", "parent", ""), ("TERM", "parent", "1", "2"), ("TERM", "self", "9" * 5000)])
def test_a_signal_is_sent_at_least_once(args: tuple[str, ...]) -> None:
    with pytest.raises(ActionError, match="signal:TERM:parent:2"):
        told(a_fault("signal", *args))


@pytest.mark.parametrize("word", ["stall", "freeze", "blackhole", "refuse"])
def test_a_word_that_takes_nothing_says_so(word: str) -> None:
    with pytest.raises(ActionError, match=word):
        told(a_fault(word, "5"))


@pytest.mark.parametrize("site", [site.name for site in SITES if site.by is By.AGENT])
def test_what_is_put_in_place_happens_where_something_is_put_and_nowhere_else(site: str) -> None:
    """Anywhere else it would be noted as met, and nothing would have been broken."""
    for word in ("missing", "unreadable", "unwritable", "malformed", "unquoted", "absent", "gone", "set", "unset"):
        fault = a_fault(word, *ARGS_OF.get((site, word), ()), site=site)
        if word in BY_NAME[site].actions:
            assert told(fault) == ("note", ())
        else:
            with pytest.raises(ActionError, match=f"{word} does not happen at {site}; "):
                told(fault)


@pytest.mark.parametrize("site", PUT_IN_PLACE)
def test_where_nothing_can_be_watched_nothing_else_happens(site: str) -> None:
    for word in set(BY_WORD) - set(BY_NAME[site].actions):
        with pytest.raises(ActionError, match=f"{word} does not happen at {site}; "):
            told(a_fault(word, site=site))


def test_what_breaks_nothing_is_what_the_judge_calls_benign() -> None:
    assert {action.word for action in ACTIONS if not action.breaks} & {"raise", "stall", "freeze", "exit", "kill"} == set()
    common = BENIGN & set(BY_WORD)
    assert {word for word in common if BY_WORD[word].breaks} == set()
