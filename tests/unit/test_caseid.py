"""Claims about case ids: every case has one id, every id one case, and a mistyped one points at the place."""

from __future__ import annotations

import functools
import itertools
import pickle
import re
import shlex
from dataclasses import replace

import pytest

from chaos.caseid import CaseIdError, format_case, format_fault, parse_case, parse_fault
from chaos.model import Case, Fault, Hits

SITES = ("service.start", "service.stop", "rpc.connect", "process.fork")
ACTIONS = ("raise", "refuse", "delay", "exit")
PREFIX = "scheduler/eventlet/w1/"

EXAMPLES = {
    "scheduler/threading/w2/process.fork@parent#1=raise:BlockingIOError:EAGAIN": Case(
        "scheduler", "threading", 2,
        (Fault("process.fork", "raise", ("BlockingIOError", "EAGAIN"), "parent", Hits(1, 1)),),
    ),
    "scheduler/eventlet/w1/rpc.connect=refuse": Case("scheduler", "eventlet", 1, (Fault("rpc.connect", "refuse"),)),
    "scheduler/threading/w2/service.start@worker.1#1..3=raise:RuntimeError": Case(
        "scheduler", "threading", 2, (Fault("service.start", "raise", ("RuntimeError",), "worker.1", Hits(1, 3)),)
    ),
    "scheduler/-/w12-rabbit/none": Case("scheduler", "-", 12, (), "rabbit"),
    "chaos.sample.naive:main/eventlet/w1/a=delay:0.5+b@helper.3#2..=exit:0:hard": Case(
        "chaos.sample.naive:main", "eventlet", 1,
        (Fault("a", "delay", ("0.5",)), Fault("b", "exit", ("0", "hard"), "helper.3", Hits(2))),
    ),
    "%2Fopt%2Fmy%20app%2Frun.sh/-/w1-amqp:%2F%2Fh-1/a=raise:OSError:no%20such%2Bfile%3A%23%40%3D%2F%25": Case(
        "/opt/my app/run.sh", "-", 1, (Fault("a", "raise", ("OSError", "no such+file:#@=/%")),), "amqp://h-1"
    ),
}  # fmt: skip
NASTY: tuple[str, ...] = (
    "a", "-", "--x", ".", "~", "none", "ä€😀", " ", "\n", "\t\x00", "'\"\\$`", "*?[]{}()<>|&;!^", "\udcff", "a/b",
    "a+b", "a:b", "a@b", "a#b", "a=b", "a%41b", "%", "%2F", "w1", "1..", "a,b_c-d.e", "=", "#", "@", ":", "+",
)  # fmt: skip


@pytest.mark.parametrize(("text", "case"), EXAMPLES.items(), ids=EXAMPLES)
def test_an_example_is_written_and_read_as_the_contract_says(text: str, case: Case) -> None:
    assert parse_case(text) == case
    assert format_case(case) == text


@functools.cache
def everything() -> tuple[Case, ...]:
    """Each nasty text in each place, each pair of nasty arguments, each role with each kind of hits, each size."""
    plain = Fault("site", "raise")
    faults = [fault for text in NASTY for fault in (replace(plain, site=text), replace(plain, action=text))]
    faults += [replace(plain, args=pair) for pair in itertools.product(("", *NASTY), repeat=2)]
    faults += [replace(plain, args=(text,)) for text in ("", *NASTY)]
    roles = (None, "parent", "worker", "worker.0", "worker.17", "helper", "helper.2")
    hits = (Hits(), Hits(2), Hits(1, 1), Hits(7, 7), Hits(1, 3), Hits(10, 200))
    faults += [replace(plain, role=role, hits=hit) for role, hit in itertools.product(roles, hits)]
    cases = [Case(target, "threading", 2, (plain,), other) for target in NASTY for other in (None, *NASTY)]
    cases += [Case("t", "-", 1, pair) for pair in itertools.product(faults[::43], repeat=2)]
    several = ((), tuple(faults[:3]))
    cases += [Case("t", backend, n, many) for backend in ("-", "eventlet") for n in (1, 64) for many in several]
    return (*cases, *(Case("t", "eventlet", 1, (fault,)) for fault in faults))


@functools.cache
def every_id() -> tuple[str, ...]:
    return tuple(map(format_case, everything()))


def test_every_case_has_an_id_of_its_own_that_reads_back_as_that_case() -> None:
    cases, ids = everything(), every_id()
    assert [(case, text) for case, text in zip(cases, ids, strict=True) if parse_case(text) != case] == []
    assert len(set(ids)) == len(set(cases))


def test_no_id_needs_quoting_in_a_shell_or_looks_like_an_option() -> None:
    for text in every_id():
        assert re.fullmatch(r"[A-Za-z0-9_.,:@%+/=#-]+", text)
        assert not text.startswith(("-", "#"))
        assert shlex.split(f"chaos repro {text}") == ["chaos", "repro", text]


def test_a_fault_alone_reads_back_as_that_fault() -> None:
    for fault in {fault for case in everything() for fault in case.faults}:
        assert parse_fault(format_fault(fault)) == fault


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("a#1..=exit", "a=exit"), ("a#3..3=exit", "a#3=exit"), ("a#01=exit", "a#1=exit"), ("%61=exit", "a=exit"),
        ("a=raise:%c3%a4", "a=raise:%C3%A4"), ("a=raise:", "a=raise:"), ("a=raise", "a=raise"),
    ],
)  # fmt: skip
def test_what_can_be_typed_in_two_ways_is_written_in_one(typed: str, canonical: str) -> None:
    assert format_fault(parse_fault(typed)) == canonical


FAULT = Fault("a", "b")


@pytest.mark.parametrize(
    "case",
    [
        Case("", "eventlet", 1), Case("t", "asyncio", 1), Case("t", "*", 1), Case("t", "-", 0), Case("t", "-", -1),
        Case("t", "-", 1, (), ""), Case("t", "-", 1, (Fault("", "b"),)), Case("t", "-", 1, (Fault("a", ""),)),
        Case("t", "-", 1, (replace(FAULT, role="child"),)), Case("t", "-", 1, (replace(FAULT, role=""),)),
        Case("t", "-", 1, (replace(FAULT, hits=Hits(0)),)), Case("t", "-", 1, (replace(FAULT, hits=Hits(3, 2)),)),
        Case("t", "-", 1, (replace(FAULT, role="parent#2"),)), Case("t", "-", 1, (replace(FAULT, role="worker.01"),)),
        Case("\ud800", "-", 1),
    ],
)  # fmt: skip
def test_a_case_that_no_id_can_say_is_refused_and_not_written_as_another(case: Case) -> None:
    with pytest.raises(ValueError):
        format_case(case)
    for fault in case.faults:
        with pytest.raises(ValueError):
            format_fault(fault)


# (id, what the caret points at: the text from there on, words of the problem, suggestions)
MISTYPED = [
    ("", "", "a target is missing", ()),
    ("scheduler", "", "'/' and a backend must follow", ()),
    ("scheduler/eventlet", "", "'/' and w<workers> must follow", ()),
    ("scheduler/eventlet/w1", "", "'none' or a fault must follow", ()),
    (PREFIX, "", "'none' or a fault is missing", ()),
    ("scheduler/eventlett/w1/none", "eventlett", "'eventlett'", ("eventlet",)),
    ("scheduler/Threading/w1/none", "Threading", "'Threading'", ("threading",)),
    ("scheduler/eventlet/2/none", "2/", "w<workers>", ("w2",)),
    ("scheduler/eventlet/w0/none", "w0", "at least 1", ("w1",)),
    ("scheduler/eventlet/w/none", "w/", "w<workers>", ("w1",)),
    ("scheduler/eventlet/w2-/none", "/none", "a transport is missing", ()),
    ("scheduler/eventlet/w2-a~b/none", "~b", "write it %7E", ()),
    (PREFIX + "non", "non", "neither 'none' nor a fault", ("none",)),
    (PREFIX + "None", "None", "neither 'none' nor a fault", ("none",)),
    (PREFIX + "service.strat=raise", "service.strat", "'service.strat'", ("service.start",)),
    (PREFIX + "xyz=raise", "xyz", "service.start", ()),
    (PREFIX + "=raise", "=raise", "a site is missing", ()),
    (PREFIX + "rpc.connect", "", "no '=<action>'", ()),
    (PREFIX + "rpc.connect=", "", "an action is missing", ()),
    (PREFIX + "rpc.connect=raize", "raize", "'raize'", ("raise",)),
    (PREFIX + "rpc.connect=raise:a=b", "=b", "write it %3D", ()),
    (PREFIX + "rpc.connect=raise:a b", " b", "write it %20", ()),
    (PREFIX + "rpc.connect=raise:ä", "ä", "write it %C3%A4", ()),
    (PREFIX + "rpc.connect=raise:%zz", "%zz", "%25", ()),
    (PREFIX + "rpc.connect=raise:50%", "%", "%25", ()),
    (PREFIX + "rpc.connect=raise:%4", "%4", "%25", ()),
    (PREFIX + "rpc.connect=raise:a/b", "/b", "write it %2F", ()),
    (PREFIX + "rpc.connect/b=raise", "/b", "write it %2F", ()),
    (PREFIX + "rpc.connect@=raise", "=raise", "role ''", ()),
    (PREFIX + "rpc.connect@paremt=raise", "paremt", "'paremt'", ("parent",)),
    (PREFIX + "rpc.connect@worker1=raise", "worker1", "'worker1'", ("worker.1",)),
    (PREFIX + "rpc.connect@parent.1=raise", "parent.1", "'parent.1'", ("parent",)),
    (PREFIX + "rpc.connect#=raise", "=raise", "hits", ()),
    (PREFIX + "rpc.connect#0=raise", "0", "from 1", ()),
    (PREFIX + "rpc.connect#x=raise", "x", "'x'", ()),
    (PREFIX + "rpc.connect#1.3=raise", "1.3", "n..m", ()),
    (PREFIX + "rpc.connect#3..1=raise", "3..1", "end before they begin", ("#1..3",)),
    (PREFIX + "rpc.connect#..3=raise", "..3", "'..3'", ()),
    (PREFIX + "rpc.connect#-1=raise", "-1", "'-1'", ()),
    (PREFIX + "rpc.connect#\u0661=raise", "\u0661", "n from 1", ()),
    (PREFIX + f"rpc.connect#{'9' * 5000}=raise", "9" * 5000, "n from 1", ()),
    (PREFIX + "rpc.connect#1@parent=raise", "1@parent", "role stands before", ("@parent#1",)),
    (PREFIX + "rpc.connect=refuse+", "", "a site is missing", ()),
    (PREFIX + "rpc.connect=refuse++rpc.connect=refuse", "+rpc", "a site is missing", ()),
    (PREFIX + "rpc.connect=refuse+none", "none", "'none'", ()),
    (PREFIX + "rpc.connect=refuse+rpc.conect=refuse", "rpc.conect", "'rpc.conect'", ("rpc.connect",)),
    ("schedular/eventlett/w0/x=y", "eventlett", "'eventlett'", ("eventlet",)),
    ("scheduler/eventlett/w0/x=y", "eventlett", "'eventlett'", ("eventlet",)),
    (PREFIX + "rpc.connect@paremt#0=raize", "paremt", "'paremt'", ("parent",)),
    ("schedular", "", "'/' and a backend must follow", ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "at", "words", "suggestions"), MISTYPED, ids=[row[0][:60] for row in MISTYPED])
def test_a_mistyped_id_points_at_the_leftmost_problem(text: str, at: str, words: str, suggestions: tuple[str]) -> None:
    with pytest.raises(CaseIdError) as caught:
        parse_case(text, sites=SITES, actions=ACTIONS)
    error = caught.value
    assert error.text == text
    assert text[error.column :].startswith(at) if at else error.column == len(text)
    assert words in error.problem
    assert error.suggestions[: len(suggestions)] == suggestions and bool(error.suggestions) == bool(suggestions)


@pytest.mark.parametrize("target", ["nova.cmd.scheduler:main", "%2Fusr%2Fbin%2Fnova", "bin%2Fx", "run.sh", "scheduler",
                                    "nova-scheduler", "python3", "schedular"])
def test_whether_a_well_formed_target_is_there_is_for_who_starts_it_to_say(target: str) -> None:
    assert parse_case(f"{target}/-/w1/none", sites=SITES, actions=ACTIONS)


def test_without_known_names_every_well_formed_name_is_accepted() -> None:
    assert parse_case("x/-/w1/y=z") == Case("x", "-", 1, (Fault("y", "z"),))


def test_known_names_are_compared_after_decoding() -> None:
    assert parse_fault("my%20site=my%20act", sites=["my site"], actions=["my act"]) == Fault("my site", "my act")


def test_the_column_of_a_fault_alone_counts_within_that_fault() -> None:
    with pytest.raises(CaseIdError) as caught:
        parse_fault("rpc.connect=raize", actions=ACTIONS)
    assert caught.value.column == len("rpc.connect=")


def test_the_rendered_error_shows_the_id_a_caret_the_problem_and_the_nearest_names() -> None:
    with pytest.raises(CaseIdError) as caught:
        parse_case("scheduler/eventlett/w1/none")
    assert caught.value.render().splitlines() == [
        "scheduler/eventlett/w1/none",
        "          ^",
        "unknown backend 'eventlett'; it must be eventlet, threading or - (a target that has neither)",
        "did you mean eventlet?",
    ]


def test_the_rendered_error_suggests_nothing_where_nothing_is_near() -> None:
    with pytest.raises(CaseIdError) as caught:
        parse_case(PREFIX + "xyz=raise", sites=SITES)
    assert "did you mean" not in caught.value.render() + str(caught.value)


def test_a_control_character_in_an_id_neither_breaks_the_caret_line_nor_reaches_the_terminal() -> None:
    with pytest.raises(CaseIdError) as caught:
        parse_case("a\nb\x1b[31m/eventlet/w1/none")
    lines = caught.value.render().splitlines()
    assert lines[:2] == ["a?b?[31m/eventlet/w1/none", " ^"]
    assert "\x1b" not in caught.value.render()


def test_an_error_is_one_line_as_text_and_survives_the_way_between_two_test_workers() -> None:
    error = CaseIdError("text", 2, "problem", ("a", "b"))
    again = pickle.loads(pickle.dumps(error))
    assert str(error) == "column 2 of case id 'text': problem; did you mean a or b?"
    assert (again.text, again.column, again.problem, again.suggestions) == ("text", 2, "problem", ("a", "b"))
