"""Claims about the form of stored values: what is written reads back equal, and what is wrong says where."""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Any

import pytest

from chaos import events, model
from chaos.codec import from_data, to_data
from chaos.model import (
    Broken,
    Case,
    Exited,
    Expectation,
    Fault,
    Firing,
    Grade,
    Hit,
    Hits,
    Holding,
    Judged,
    Killed,
    Limits,
    Milestone,
    Notice,
    Observation,
    Outcome,
    Peak,
    Phase,
    Process,
    Proof,
    SentSignal,
    Sign,
    Site,
    StillRunning,
    Variant,
    Verdict,
    Warm,
)

FAULT = Fault("process.fork", "raise", ("BlockingIOError", "EAGAIN"), "parent", Hits(1, 3))
CASE = Case("scheduler", "threading", 2, (FAULT, Fault("rpc.connect", "refuse")), "rabbit")
PROCESS = Process(101, 100, "worker.0", "scheduler: wörker", 0.25, 1.5)
SEEN = Observation(
    ending=Killed("SIGKILL"),
    elapsed_s=3.0,
    limits=Limits(5.0),
    expected=Expectation(2, False, 3, 10, 40, 0.9),
    stopped_watching="ended",
    hits=(Hit(0.1, "process.fork", "parent", 1),),
    fired=(Firing(0.1, 0, "process.fork", "parent", 100, 1, "raise", "chaos-0123456789", Phase.STOP),),
    milestones=(Milestone(0.2, "configured", "parent", 100),),
    notices=(Notice(0.3, "READY=1\nSTATUS=up"),),
    signs=(Sign("notify", 0.3), Sign("tcp: 127.0.0.1:1", None, "Connection refused")),
    processes=(PROCESS,),
    signals=(SentSignal(1.0, "SIGTERM", 100, "it serves: stop it"),),
    leftovers=(PROCESS,),
    holdings=(Holding("port", "127.0.0.1:80", "pid 101"),),
    peak=Peak(2, 9, 30),
    ready_s=0.3,
    served_s=0.4,
    stop_sent_s=1.0,
    alive_workers=0,
    cpu_share=0.25,
    output="a log\x00 with \udcff and \n lines",
    stacks="stacks",
    still_possible=("it may",),
    proof=Proof("late", 1.0, "text", not_before_s=3600.0),
    leaks=("secret 0",),
    harness="why",
    started_as="cold: why",
    ahead=("import os",),
)
VERDICT = Verdict(Outcome.KILLED, Grade.FAIL, (Broken("status", "SIGKILL"),), "note")
JUDGED = Judged(CASE, SEEN, VERDICT)
VALUES = (
    Hits(), Hits(2), Hits(2, 2), FAULT, Fault("a", "b"), CASE, Case("a", "-", 1), Exited(3), Killed("SIGTERM", True),
    StillRunning(10.0), *SEEN.hits, *SEEN.fired, *SEEN.milestones, *SEEN.notices, *SEEN.signs, PROCESS,
    Process(1, 0, "", "", 0.0), *SEEN.signals, *SEEN.holdings, SEEN.peak, SEEN.limits, Expectation(), SEEN.expected, SEEN,
    VERDICT, JUDGED,
    *SEEN.leftovers, Broken("ends", "why"), Site("a", "parent", 1, 0.1, Phase.SERVING),
    Variant(JUDGED, (Site("a", "parent", 1, 0.1),)), dataclasses.replace(SEEN, ending=Exited(0)),
    dataclasses.replace(SEEN, ending=StillRunning(1.5)), Variant(JUDGED),
    SEEN.proof, Variant(JUDGED, warm=Warm("/ahead", "", ("site",))), Warm(), dataclasses.replace(JUDGED, beside=SEEN),
    events.SweepStarted("t", 0, 2, "smoke", (("oslo.service", "4.8"), ("eventlet", "0.41"))),
    events.VariantReady(Variant(JUDGED)), events.Planned(("a", "b")), events.CaseStarted("a"),
    events.CaseFinished(JUDGED), events.CaseRejudged(CASE, VERDICT), events.SweepFinished(1.0, True),
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_value_reads_back_equal_from_the_text_that_json_made_of_it(value: Any) -> None:
    again = from_data(type(value), json.loads(json.dumps(to_data(value))))
    assert again == value
    assert repr(again) == repr(value)  # 10 == 10.0 and StrEnum == str: equal is not enough


def test_the_round_trip_covers_every_dataclass_of_the_model_and_of_the_events() -> None:
    classes = {cls for module in (model, events) for cls in vars(module).values() if dataclasses.is_dataclass(cls)}
    assert classes == {type(value) for value in VALUES}


@pytest.mark.parametrize(
    ("ending", "data"),
    [
        (Exited(3), {"status": 3}),
        (Killed("SIGKILL"), {"signal": "SIGKILL", "by_chaos": False}),
        (StillRunning(10.0), {"running_after_s": 10.0}),
    ],
)
def test_an_ending_is_written_as_the_contract_says(ending: Any, data: dict[str, Any]) -> None:
    assert to_data(ending) == data
    assert to_data(dataclasses.replace(SEEN, ending=ending))["ending"] == data


def test_enums_are_written_as_plain_words_and_not_as_members() -> None:
    data = to_data(VERDICT)
    assert (type(data["outcome"]), data["outcome"], data["grade"]) == (str, "killed", "fail")
    assert not isinstance(data["outcome"], enum.Enum)


def test_a_key_that_a_newer_chaos_wrote_is_ignored_at_every_depth() -> None:
    data = to_data(JUDGED)
    data["newer"] = data["seen"]["newer"] = data["seen"]["ending"]["core"] = data["case"]["faults"][0]["newer"] = [1]
    assert from_data(Judged, data) == JUDGED


def test_a_key_that_an_older_chaos_did_not_write_takes_its_default() -> None:
    assert from_data(Case, {"target": "t", "backend": "-", "workers": 1}) == Case("t", "-", 1)
    assert from_data(Killed, {"signal": "SIGTERM"}) == Killed("SIGTERM")


@pytest.mark.parametrize(
    ("cls", "data", "words"),
    [
        (Case, {"target": "t", "workers": 1}, ["Case", "'backend'"]),
        (Variant, {"baseline": {**to_data(JUDGED), "seen": {}}},
         ["Variant.baseline.seen", "Observation", "'elapsed_s'"]),
        (Case, {**to_data(CASE), "faults": [to_data(FAULT), {"site": "s"}]}, ["Case.faults[1]", "Fault", "'action'"]),
        (StillRunning, {"after_s": 1.0}, ["StillRunning", "'running_after_s'"]),
        (Observation, {**to_data(SEEN), "ending": {}}, ["Observation.ending", "Exited (status)", "running_after_s"]),
        (Observation, {**to_data(SEEN), "ending": {"status": 1, "signal": "SIGINT"}},
         ["Observation.ending", "exactly one"]),
        (Verdict, {"outcome": "fine", "grade": "pass"}, ["Verdict.outcome", "Outcome", "'fine'", "'started'"]),
        (Case, {**to_data(CASE), "workers": "2"}, ["Case.workers", "int", "'2'"]),
        (Case, {**to_data(CASE), "workers": True}, ["Case.workers", "int", "True"]),
        (Case, {**to_data(CASE), "workers": 1.5}, ["Case.workers", "int", "1.5"]),
        (Limits, {"deadline_s": True}, ["Limits.deadline_s", "float", "True"]),
        (Killed, {"signal": "SIGKILL", "by_chaos": 0}, ["Killed.by_chaos", "bool", "0"]),
        (Case, {**to_data(CASE), "faults": "none"}, ["Case.faults", "list", "'none'"]),
        (Case, {**to_data(CASE), "target": None}, ["Case.target", "str", "None"]),
        (events.SweepStarted, {**to_data(events.SweepStarted("t", 0, 1, "p")), "versions": [["a"]]},
         ["versions[0]", "2"]),
        (Case, ["scheduler"], ["Case", "object"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_that_names_class_key_and_value(cls: Any, data: Any, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        from_data(cls, data)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_whole_number_that_json_wrote_for_seconds_is_read_as_seconds() -> None:
    after_s = from_data(StillRunning, {"running_after_s": 10}).after_s
    assert (after_s, type(after_s)) == (10.0, float)


def test_an_error_does_not_quote_a_whole_log() -> None:
    with pytest.raises(ValueError) as caught:
        from_data(Limits, {"deadline_s": "x" * 100_000})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), Exited])
def test_a_value_that_no_field_can_hold_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        to_data(value)
