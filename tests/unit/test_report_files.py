"""Claims about ``journal.ndjson``, ``report.json`` and ``junit.xml``, all on real files."""

from __future__ import annotations

import json
import os
import pickle
import resource
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_report_literals import (
    HOSTILE_LOG,
    LONG_LINE,
    a_baseline,
    a_hang,
    a_sweep,
    an_observation,
    evidence_of,
    feed_all,
    judged,
    results_of,
)

from chaos.events import CaseFinished, CaseRejudged, Event, SweepFinished, SweepStarted
from chaos.model import Broken, Exited, Grade, Judged, Killed, Outcome, Proof, StillRunning, Variant, Verdict
from chaos.report import html
from chaos.report.atomic import write_atomically
from chaos.report.document import case_data, judged_of
from chaos.report.files import FORMATS, Files
from chaos.report.journal import Journal, read_journal
from chaos.report.jsonfile import read_cases, read_events
from chaos.report.junit import junit_lines
from chaos.report.results import Gathering, by_grade, line_of

CASE_ID = "scheduler/threading/w2/service.start@worker.1#1..3=raise:RuntimeError"
HANG_ID = "scheduler/eventlet/w1-rabbit/service.start=stall+rpc.connect=refuse"

CONTRACT_FIELDS = {
    *("id", "target", "backend", "workers", "site", "role", "hits", "action", "fired", "outcome", "verdict"),
    *("promises_broken", "exit", "elapsed_s", "ready_after_s", "log_tail", "stacks", "reproduce"),
}


@pytest.fixture
def sweep() -> list[Event]:
    cases = [judged(CASE_ID), a_hang(HANG_ID, HOSTILE_LOG + LONG_LINE)]
    return a_sweep(
        cases, variants=[a_baseline("scheduler/eventlet/w1/none"), a_baseline("scheduler/threading/w2/none")]
    )


@contextmanager
def a_disk_that_is_full_after(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond ``size`` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- the journal ---------------------------------------------------------------------------------------------------


def test_a_journal_gives_back_every_event_in_full(tmp_path: Path, sweep: list[Event]) -> None:
    feed_all(Journal(tmp_path / "out" / "journal.ndjson"), sweep)
    assert list(read_journal(tmp_path / "out" / "journal.ndjson")) == sweep


def test_a_journal_begins_with_its_schema_and_has_a_line_an_event(tmp_path: Path, sweep: list[Event]) -> None:
    feed_all(Journal(tmp_path / "j"), sweep)
    header, *lines = (tmp_path / "j").read_text().splitlines()
    assert json.loads(header)["schema"] == 2
    assert [json.loads(line)["kind"] for line in lines][:4] == [
        "sweep-started",
        "variant-ready",
        "variant-ready",
        "planned",
    ]
    assert len(lines) == len(sweep)


def test_an_event_is_on_the_disk_before_the_next_one_comes(tmp_path: Path, sweep: list[Event]) -> None:
    with Journal(tmp_path / "j") as journal:
        for count, event in enumerate(sweep, 1):
            journal.feed(event)
            assert len(list(read_journal(tmp_path / "j"))) == count


def test_a_torn_last_line_is_left_out_wherever_it_was_torn(tmp_path: Path, sweep: list[Event]) -> None:
    path = tmp_path / "j"
    feed_all(Journal(path), sweep[:4])
    whole = path.read_bytes()
    last = len(whole) - whole[:-1].rfind(b"\n") - 1
    for cut in (1, 2, last // 2, last - 1):
        path.write_bytes(whole[:-cut])
        assert list(read_journal(path)) == sweep[:3]


def test_a_resumed_journal_goes_on_behind_the_last_whole_line(tmp_path: Path, sweep: list[Event]) -> None:
    path = tmp_path / "j"
    feed_all(Journal(path), sweep[:5])
    path.write_bytes(path.read_bytes()[:-7])
    feed_all(Journal.resumed(path), sweep[4:])
    assert list(read_journal(path)) == sweep


def test_resuming_what_is_not_there_begins_a_journal(tmp_path: Path, sweep: list[Event]) -> None:
    feed_all(Journal.resumed(tmp_path / "j"), sweep)
    assert list(read_journal(tmp_path / "j")) == sweep


def test_a_new_journal_does_not_mix_with_an_older_one(tmp_path: Path, sweep: list[Event]) -> None:
    feed_all(Journal(tmp_path / "j"), sweep)
    feed_all(Journal(tmp_path / "j"), sweep[:2])
    assert list(read_journal(tmp_path / "j")) == sweep[:2]


def test_every_file_says_the_last_verdict(tmp_path: Path) -> None:
    early = judged(CASE_ID)
    late = Verdict(Outcome.CLEAN_EXIT, Grade.FAIL, (Broken("same-on-both-backends", "eventlet started"),))
    feed_all(Files(tmp_path), [*a_sweep([early]), CaseRejudged(early.case, late)])
    failure = next(ET.parse(tmp_path / "junit.xml").iter("failure"))
    assert "same-on-both-backends: eventlet started" in (failure.text or "")
    page = (tmp_path / "report.html").read_text()
    assert "<b>same-on-both-backends</b>: eventlet started" in page
    assert [one.verdict for one in read_cases(tmp_path / "report.json")] == [late]


def test_the_counts_that_are_kept_are_those_that_counting_gives() -> None:
    told = Gathering()
    early = judged(CASE_ID)
    late = Verdict(Outcome.CLEAN_EXIT, Grade.FAIL, (Broken("same-on-both-backends", "x"),))
    for event in [*a_sweep([early, a_hang(HANG_ID)]), CaseRejudged(early.case, late), CaseRejudged(early.case, late)]:
        told.feed(event)
    results = told.results()
    assert results is not None
    assert told.grades == by_grade(results.cases) == {**dict.fromkeys(Grade, 0), Grade.FAIL: 2}


def test_a_case_that_the_disk_had_no_room_for_is_in_no_report(tmp_path: Path) -> None:
    first, second = judged(CASE_ID), a_hang(HANG_ID, LONG_LINE)
    told = a_sweep([first, second])
    with Files(tmp_path) as files:
        for event in told:
            if isinstance(event, CaseFinished) and event.judged is second:
                with a_disk_that_is_full_after(50_000), pytest.raises(OSError, match="File too large"):
                    files.feed(event)
            else:
                files.feed(event)
    assert list(read_cases(tmp_path / "report.json")) == [first]
    assert json.loads((tmp_path / "report.json").read_text())["summary"]["cases_not_run"] == [HANG_ID]


def test_what_was_written_can_be_read_again_by_its_place_however_long_it_is(tmp_path: Path) -> None:
    events = a_sweep([a_hang(HANG_ID, LONG_LINE), judged(CASE_ID)])
    with Journal(tmp_path / "j") as journal:
        places = [journal.write(event) for event in events]
        assert [journal.read(place) for place in reversed(places)] == events[::-1]


def test_a_second_sweep_into_the_same_folder_does_not_take_the_evidence_of_the_first(tmp_path: Path) -> None:
    first = a_sweep([a_hang(HANG_ID)])
    with Files(tmp_path) as files:
        for event in first:
            files.feed(event)
        feed_all(Files(tmp_path), a_sweep([judged(CASE_ID)]))
    assert [event.judged for event in first if isinstance(event, CaseFinished)] == list(read_cases(tmp_path / "report.json"))


def test_a_full_disk_is_told_and_leaves_only_whole_lines(tmp_path: Path, sweep: list[Event]) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.feed(sweep[0])
        with a_disk_that_is_full_after(path.stat().st_size + 20), pytest.raises(OSError, match="File too large"):
            journal.feed(sweep[1])
        assert path.read_bytes().endswith(b"\n")
        journal.feed(sweep[2])
    assert list(read_journal(path)) == [sweep[0], sweep[2]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no schema in its first line"),
        ('{"schema": 7}\n', "schema 7, wanted 2"),
        ("hello\n", "line 1 is not JSON"),
        ('{"schema": 2}\n{"kind": "case-started"\n{}\n', "line 2 is not JSON"),
        ('{"schema": 2}\n[1]\n', "line 2 is not a JSON object but list"),
        ('{"schema": 2}\n{"kind": "coffee"}\n', "line 2: kind is 'coffee', not one of sweep-started"),
        ('{"schema": 2}\n{"kind": ["a"]}\n', "line 2: kind is"),
        ('{"schema": 2}\n{"kind": "case-started"}\n', "line 2: .*case_id"),
    ],
)
def test_what_is_no_journal_is_an_error_that_names_the_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "j").write_text(text)
    with pytest.raises(ValueError, match=told):
        list(read_journal(tmp_path / "j"))


# --- report.json ---------------------------------------------------------------------------------------------------


def json_report(out: Path, suffix: str = "") -> Files:
    return Files(out, suffix=suffix, formats={"report.json": FORMATS["report.json"]})


def read_report(out: Path) -> list[Judged]:
    return list(read_cases(out / "report.json"))


def written(out: Path, events: list[Event], suffix: str = "") -> Any:
    feed_all(json_report(out, suffix), events)
    return json.loads((out / "report.json").read_text())


def test_a_report_has_the_members_and_fields_of_the_contract(tmp_path: Path, sweep: list[Event]) -> None:
    report = written(tmp_path, sweep)
    assert list(report) == ["schema", "chaos", "target", "baseline", "sites", "summary", "cases"]
    assert (report["schema"], report["target"]) == (1, "chaos.sample.launcher:main")
    assert all(set(case) >= CONTRACT_FIELDS for case in (*report["cases"], *report["baseline"]))


def test_a_case_says_what_ran_and_what_it_means() -> None:
    case = case_data(a_hang(CASE_ID), " -- --config-file x")
    assert (case["site"], case["role"], case["hits"], case["action"]) == ("service.start", "worker.1", "1..3", "raise")
    assert (case["outcome"], case["verdict"], case["fired"], case["ready_after_s"]) == (
        "hang-suspected",
        "fail",
        1,
        0.5,
    )
    assert case["promises_broken"][1]["promise"] == "ready-means-ready"
    assert case["exit"] == {"running_after_s": 10.5}
    assert case["reproduce"] == f"chaos repro {CASE_ID} -- --config-file x"


def test_of_several_faults_the_first_gives_site_and_action_and_all_are_there() -> None:
    case = case_data(judged(HANG_ID))
    assert (case["site"], case["action"], case["transport"]) == ("service.start", "stall", "rabbit")
    assert [fault["site"] for fault in case["faults"]] == ["service.start", "rpc.connect"]


def test_a_baseline_has_no_site() -> None:
    case = case_data(a_baseline("s/-/w1/none").baseline)
    assert [case[name] for name in ("site", "role", "hits", "action")] == [None] * 4


def test_an_exit_is_one_of_three_shapes() -> None:
    endings = (Exited(3), Killed("SIGKILL", by_chaos=True), StillRunning(10.0))
    cases = [judged(CASE_ID, seen=an_observation(ending)) for ending in endings]
    assert [case_data(case)["exit"] for case in cases] == [{"status": 3}, {"signal": "SIGKILL"}, {"running_after_s": 10.0}]


def test_cases_are_sorted_by_id_and_the_order_of_finishing_does_not_show(tmp_path: Path) -> None:
    cases = [judged(f"s/eventlet/w1/{site}=raise") for site in "cab"]
    forth = written(tmp_path / "a", a_sweep(cases))
    back = written(tmp_path / "b", a_sweep(reversed(cases), planned=[]))
    assert [case["site"] for case in forth["cases"]] == ["a", "b", "c"]
    assert forth["cases"] == back["cases"]


def test_the_summary_counts_every_verdict_and_outcome(tmp_path: Path, sweep: list[Event]) -> None:
    summary = written(tmp_path / "r", sweep)["summary"]
    assert summary["verdicts"] == {"pass": 1, "fail": 1, "unreached": 0, "unknown": 0}
    assert (summary["outcomes"]["clean-exit"], summary["outcomes"]["livelock"]) == (1, 0)
    assert (summary["sites_found"], summary["sites_fired"], summary["cases_planned"]) == (6, 1, 2)
    assert (summary["seed"], summary["jobs"], summary["profile"], summary["elapsed_s"]) == (0, 2, "full", 63.2)


def test_a_report_can_be_judged_again_and_gives_the_same_report(tmp_path: Path, sweep: list[Event]) -> None:
    first = written(tmp_path / "a", sweep)
    assert list(map(line_of, read_report(tmp_path / "a"))) == list(results_of(sweep).cases)
    assert written(tmp_path / "b", list(read_events(tmp_path / "a" / "report.json"))) == first


def test_a_later_verdict_replaces_the_earlier_one(tmp_path: Path) -> None:
    early = judged(CASE_ID)
    broken = (Broken("same-on-both-backends", "eventlet started, threading did not"),)
    late = Verdict(Outcome.CLEAN_EXIT, Grade.FAIL, broken)
    written(tmp_path / "r", [*a_sweep([early]), CaseRejudged(early.case, late)])
    assert read_report(tmp_path / "r") == [Judged(early.case, early.seen, late)]


def test_an_interrupted_sweep_reports_what_was_finished(tmp_path: Path) -> None:
    report = written(tmp_path / "r", a_sweep([judged(CASE_ID)], planned=[CASE_ID, HANG_ID], interrupted=True))
    summary = report["summary"]
    assert (summary["interrupted"], summary["cases_planned"], summary["cases_finished"]) == (True, 2, 1)
    assert summary["cases_not_run"] == [HANG_ID]
    assert written(tmp_path / "again", list(read_events(tmp_path / "r" / "report.json"))) == report


def test_a_sweep_that_was_torn_down_is_reported_as_interrupted(tmp_path: Path, sweep: list[Event]) -> None:
    def torn_down() -> Iterator[Event]:
        yield from sweep[:-1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        feed_all(json_report(tmp_path / "r"), torn_down())
    assert json.loads((tmp_path / "r" / "report.json").read_text())["summary"]["interrupted"] is True
    assert len(read_report(tmp_path / "r")) == 2


def test_an_empty_sweep_is_a_report_and_one_that_never_began_leaves_the_older_one(tmp_path: Path) -> None:
    assert written(tmp_path, a_sweep([]))["cases"] == []
    feed_all(json_report(tmp_path), [])
    assert read_report(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON .line 1, column 2"),
        ("[]", "a report must be a JSON object, not list"),
        ('{"schema": 7, "chaos": "9.0"}', "schema is 7, written by 9.0"),
        ('{"schema": 1}', "a report has no 'cases'"),
        ('{"schema": 1, "cases": {}}', "'cases' of a report must be a JSON list"),
        ('{"schema": 1, "cases": [{"target": "s"}]}', "a case has no 'backend'; it has target"),
    ],
)
def test_what_is_no_report_is_an_error_that_says_why(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ValueError, match=told):
        read_report(tmp_path)


def test_a_report_that_was_cut_off_is_not_taken_for_a_shorter_one(tmp_path: Path, sweep: list[Event]) -> None:
    written(tmp_path, sweep)
    path = tmp_path / "report.json"
    whole = path.read_text().splitlines(keepends=True)
    half = [*whole[:-2], whole[-2][:99]]
    for lines, told in ((whole[:-1], "ends in the middle of its cases"), (half, "is not JSON .line 10,")):
        path.write_text("".join(lines))
        with pytest.raises(ValueError, match=told):
            list(read_cases(path))


def test_a_report_that_something_else_has_laid_out_anew_is_read_as_well(tmp_path: Path, sweep: list[Event]) -> None:
    path = tmp_path / "report.json"
    report = written(tmp_path, sweep)
    first = read_report(tmp_path)
    for indent in (None, 2):
        path.write_text(json.dumps(report, indent=indent))
        assert read_report(tmp_path) == first


def test_bytes_that_are_no_text_are_no_report(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="is not text"):
        read_report(tmp_path)


def test_what_a_warm_run_showed_beside_a_cold_one_is_kept_with_how_it_was_started_and_why_it_hangs() -> None:
    warm = an_observation(started_as="warm")
    cold = an_observation(started_as="cold: it confirms a warm run", proof=Proof("tree", 1.0, "nothing can wake it"))
    case = replace(judged(CASE_ID, seen=cold), beside=warm)
    data = json.loads(json.dumps(case_data(case)))
    assert judged_of(data) == case
    assert (data["started_as"], data["proof"]["kind"]) == ("cold: it confirms a warm run", "tree")
    assert data["beside"]["started_as"] == "warm"


def test_a_case_without_its_newer_fields_can_still_be_read() -> None:
    data = case_data(judged(CASE_ID))
    older = {name: value for name, value in data.items() if name not in ("note", "transport", "args", "milestones")}
    assert judged_of(older) == judged(CASE_ID)


# --- writing -------------------------------------------------------------------------------------------------------


def test_a_report_that_cannot_be_written_costs_neither_the_others_nor_the_error(tmp_path: Path, sweep: list[Event]) -> None:
    (tmp_path / "junit.xml" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"junit\.xml"):
        feed_all(Files(tmp_path), sweep)
    assert len(read_report(tmp_path)) == 2
    assert (tmp_path / "report.html").exists()


def test_a_write_that_fails_raises_and_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("older")
    with a_disk_that_is_full_after(100), pytest.raises(OSError, match="File too large"):
        write_atomically(path, ["x" * 1000])
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "older"


def test_a_renderer_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("older")

    def parts() -> Iterator[str]:
        yield "half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(path, parts())
    assert [*tmp_path.iterdir()] == [path]


def test_a_place_that_is_no_folder_is_an_os_error(tmp_path: Path, sweep: list[Event]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        feed_all(json_report(tmp_path / "file"), sweep)
    with pytest.raises(OSError, match="file"):
        feed_all(Journal(tmp_path / "file" / "journal.ndjson"), sweep)


def test_a_report_has_the_permissions_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "r", ["x"])
    finally:
        os.umask(before)
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o640


# --- junit.xml -----------------------------------------------------------------------------------------------------


def junit(events: list[Event], suffix: str = "") -> ET.Element:
    return ET.fromstring("".join(junit_lines(results_of(events), evidence_of(events), suffix)))


def test_a_testcase_a_case_with_its_id_as_the_name(sweep: list[Event]) -> None:
    cases = junit(sweep).findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == [HANG_ID, CASE_ID]
    assert [case.get("classname") for case in cases] == ["scheduler.eventlet", "scheduler.threading"]
    assert [case.get("time") for case in cases] == ["10.500", "1.250"]


def test_a_failure_begins_with_the_command_then_the_promises_the_log_and_the_stacks(sweep: list[Event]) -> None:
    failure = junit(sweep, " --python P").find("testsuite/testcase/failure")
    assert failure is not None
    lines = (failure.text or "").splitlines()
    assert lines[0] == f"chaos repro {HANG_ID} --python P"
    assert [line.split(":")[0] for line in lines[1:3]] == ["ends", "ready-means-ready"]
    assert lines.index("last log lines:") < lines.index("stacks:")


def test_what_proves_nothing_is_an_error_and_nothing_is_ever_skipped() -> None:
    unreached = judged("s/-/w1/a=raise", Outcome.UNREACHED, grade=Grade.UNREACHED, note="never reached")
    unknown = judged("s/-/w1/b=raise", Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN, note="chaos failed")
    root = junit(a_sweep([unreached, unknown, judged("s/-/w1/c=raise")]))
    assert [error.get("type") for error in root.iter("error")] == ["unreached", "harness-error"]
    assert [*root.iter("skipped"), *root.iter("failure")] == []
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("3", "2", "0")


def test_a_hostile_log_leaves_the_file_well_formed_and_readable(tmp_path: Path, sweep: list[Event]) -> None:
    feed_all(Files(tmp_path), sweep)
    text = "".join(ET.parse(tmp_path / "junit.xml").getroot().itertext())
    assert "</script>" in text
    assert "]]>" in text
    assert "nul \\x00 bell \\x07" in text


def test_hostile_reasons_are_escaped_in_attributes_too() -> None:
    reason = (("cause", 'said "\x00<&]]>\n\x1b[31m\udc80" '),)
    failure = next(junit(a_sweep([judged("s/-/w1/a=raise", broken=reason)])).iter("failure"))
    assert failure.get("message") == 'clean-exit: cause: said "\\x00<&]]> \\udc80"'


def test_a_sweep_that_ended_at_its_baseline_is_not_green() -> None:
    dead = judged("s/eventlet/w1/none", grade=Grade.FAIL, note="exit status 1 without being told")
    root = junit(a_sweep([], variants=[Variant(dead)]))
    assert [case.get("name") for case in root.iter("testcase")] == ["s/eventlet/w1/none"]
    assert root.get("failures") == "1"


def test_of_a_finished_case_no_evidence_stays_in_memory(tmp_path: Path) -> None:
    told = Gathering()
    log = LONG_LINE + "the only one"
    for event in a_sweep([a_hang(HANG_ID, log)]):
        told.feed(event)
    results = told.results()
    assert results is not None
    assert len(pickle.dumps(results)) < 10_000


def test_a_testcase_that_passed_shows_no_log(tmp_path: Path) -> None:
    passed = judged(CASE_ID, seen=an_observation(output="SECRET"))
    events = [SweepStarted("t", 0, 1, "smoke"), CaseFinished(passed), SweepFinished(1.0)]
    feed_all(Files(tmp_path), events)
    assert "SECRET" not in (tmp_path / "junit.xml").read_text()


def test_a_page_is_made_from_what_stood_on_the_disk_when_the_sweep_began(
    tmp_path: Path, sweep: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    html._own.cache_clear()
    with Files(tmp_path) as files:
        monkeypatch.setattr(html.resources, "files", lambda package: tmp_path / "of the next release")
        for event in sweep:
            files.feed(event)
    assert "</html>" in (tmp_path / "report.html").read_text()
