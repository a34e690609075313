"""Known findings: what a line excuses and when it fails the job, with literal cases; and how every report shows it."""

from __future__ import annotations

import datetime
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from test_report_literals import a_baseline, a_hang, a_sweep, feed_all, judged

from chaos import cli
from chaos.errors import UsageError
from chaos.events import Event
from chaos.known import Entry, Known, State, read_known, settled
from chaos.model import Grade, Outcome
from chaos.report.closing import closing
from chaos.report.files import Files
from chaos.report.results import Gathering, Line, Results, line_of

TODAY = datetime.date(2026, 11, 25)
TOMORROW, YESTERDAY = datetime.date(2026, 11, 26), datetime.date(2026, 11, 24)
HANGS = "scheduler/eventlet/w1/service.start=stall"
PASSES = "scheduler/eventlet/w1/service.create=raise:OSError"
OTHER = "scheduler/eventlet/w1/service.wait=stall"
UNREACHED = "scheduler/eventlet/w1/service.init=stall"


def a_line(case: str, expires: datetime.date = TOMORROW, **how: str) -> Entry:
    return Entry(case, "the hub is <stuck>", "https://bugs.example/1", expires, **how)


def known(*entries: Entry) -> Known:
    return Known("known.toml", entries, TODAY)


def ran() -> list[Line]:
    unreached = judged(UNREACHED, Outcome.UNREACHED, grade=Grade.UNREACHED)
    return [line_of(one) for one in (a_hang(HANGS), judged(PASSES), a_hang(OTHER), unreached)]


def became(entry: Entry, *, whole: bool = True) -> State:
    (one,) = settled(known(entry), ran(), whole=whole)
    return one.state


# --- what a line excuses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [
    a_line(HANGS), a_line("scheduler/*/service.start=*"), a_line(HANGS, outcome="hang-suspected"),
    a_line(HANGS, promise="ends"), a_line(HANGS, TODAY),
])
def test_a_failure_is_excused_by_a_line_that_names_it_and_says_how_it_fails(entry: Entry) -> None:
    assert [known(entry).excuse(line) for line in ran()] == [entry, None, None, None]
    assert became(entry) is State.HOLDS


@pytest.mark.parametrize("entry", [
    a_line(OTHER), a_line(HANGS[:-1]), a_line(HANGS, outcome="livelock"), a_line(HANGS, promise="status"),
    a_line(HANGS, YESTERDAY),
])
def test_a_failure_is_not_excused_by_a_line_about_something_else_or_of_yesterday(entry: Entry) -> None:
    assert known(entry).excuse(ran()[0]) is None


# --- when it fails the job -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "state"), [
    (a_line(PASSES), State.GONE),
    (a_line("*service.create*"), State.GONE),
    (a_line(HANGS, outcome="livelock"), State.GONE),
    (a_line(HANGS, YESTERDAY), State.EXPIRED),
    (a_line(PASSES, YESTERDAY), State.EXPIRED),
    (a_line("scheduler/threading/w1/service.start=stall", YESTERDAY), State.EXPIRED),
    (a_line("naive/eventlet/w1/service.start=stall", YESTERDAY), State.NOT_RUN),
    (a_line("*/no.such=stall", YESTERDAY), State.EXPIRED),
    (a_line("scheduler/eventlet/w1/service.stop=stall"), State.NO_CASE),
    (a_line("scheduler/*/w1/no.such*"), State.NO_CASE),
    (a_line("*no.such*"), State.NO_CASE),
    (a_line("scheduler/eventlet/w1-rabbit/amqp.connect=refuse"), State.NOT_RUN),
    (a_line("scheduler/threading/w1/service.start=stall"), State.NOT_RUN),
    (a_line(UNREACHED), State.OPEN),
    (a_line("*service.[ci]*"), State.OPEN),
    (a_line("scheduler/eventlet/*"), State.HOLDS),
])
def test_a_line_fails_the_job_when_it_excuses_nothing_any_more_or_has_expired(entry: Entry, state: State) -> None:
    assert became(entry) is state


def test_of_a_part_of_the_plan_only_a_line_that_names_one_case_is_decided() -> None:
    assert became(a_line("*service.create*"), whole=False) is State.OPEN
    assert became(a_line(PASSES), whole=False) is State.GONE
    for expires in (TOMORROW, YESTERDAY):
        assert became(a_line("scheduler/eventlet/w1/service.stop=stall", expires), whole=False) is State.NOT_RUN


def test_a_line_that_names_no_case_is_told_in_the_terminal_and_on_the_page_and_fails_nothing(tmp_path: Path) -> None:
    stale = a_line("scheduler/eventlet/w1/service.stop=stall")
    told = Gathering(known(a_line(HANGS), stale))
    with Files(tmp_path, told=told) as files:
        for event in a_night([HANGS]):
            told.feed(event)
            files.feed(event)
    found = told.results()
    assert found is not None
    sentence = f"known.toml: {stale.case}: names no case of this sweep"
    assert sentence in "\n".join(line.plain for line in closing(found, width=200))
    for name in ("report.html", "summary.md", "report.json"):
        assert sentence in (tmp_path / name).read_text(encoding="utf-8").replace("\\", "")
    assert not [line for line in found.settled if line.fails_the_job]


# --- the file --------------------------------------------------------------------------------------------------------

GOOD = f"""
[[finding]]
case = "{HANGS}"
outcome = "hang-suspected"
reason = "the hub is stuck"
link = "https://bugs.example/1"
expires = 2027-03-01
"""


def read(text: str) -> Known:
    return read_known("known.toml", text, TODAY, lambda case: "" if case.startswith("scheduler/") else f"no id: {case}")


def test_a_file_is_read_as_its_lines() -> None:
    assert read(GOOD).entries == (Entry(HANGS, "the hub is stuck", "https://bugs.example/1", datetime.date(2027, 3, 1),
                                        "hang-suspected"),)


def test_all_problems_of_a_file_are_told_at_once_with_the_nearest_names() -> None:
    bad = GOOD.replace("hang-suspected", "hang-suspectd").replace("2027-03-01", '"soon"').replace("reason", "raeson")
    with pytest.raises(UsageError) as error:
        read(bad + GOOD.replace("scheduler/", "/") + GOOD + GOOD + "[finding_s]\n")
    told = str(error.value)
    for part in ("did you mean hang-suspected?", "'soon'; a day such as", "did you mean reason?", "'reason' is missing",
                 "finding 2: no id: /eventlet", "finding 4: the same as finding 3", "'finding_s'; did you mean finding?"):
        assert part in told


@pytest.mark.parametrize("text", [
    "finding = 1", "[finding]\ncase = 1", "not toml", "[[finding]]\nexpires = 2027-03-01T00:00:00",
])
def test_what_is_no_such_file_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match=r"known\.toml"):
        read(text)


# --- the reports -----------------------------------------------------------------------------------------------------

ENTRIES = known(a_line(HANGS), a_line(PASSES))


def a_night(only: Iterable[str] = (HANGS, PASSES, OTHER)) -> list[Event]:
    cases = [a_hang(one) if one.endswith("stall") else judged(one) for one in only]
    return a_sweep(cases, variants=[a_baseline("scheduler/eventlet/w1/none")])


def results(events: Iterable[Event], what: Known = ENTRIES) -> Results:
    told = Gathering(what)
    for event in events:
        told.feed(event)
    found = told.results()
    assert found is not None
    return found


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    told = Gathering(ENTRIES)
    with Files(tmp_path, told=told) as files:
        for event in a_night():
            told.feed(event)
            files.feed(event)
    yield tmp_path


def test_a_terminal_shows_what_is_known_apart_with_its_reason_and_names_the_line_to_remove() -> None:
    text = "\n".join(line.plain for line in closing(results(a_night()), width=200))
    new, _, rest = text.partition("Known findings, which do not fail the job: 1 cause, 1 case")
    assert OTHER in new and HANGS not in new
    assert HANGS in rest and "known until 2026-11-26: the hub is <stuck> (https://bugs.example/1)" in rest
    assert f"known.toml: {PASSES}: fails no longer: it passes; remove the line" in rest
    assert text.endswith(f"chaos repro {OTHER}")


def test_where_all_is_known_the_last_line_is_the_summary_and_not_a_command() -> None:
    lines = closing(results(a_night([HANGS])), width=200)
    assert lines[-1].plain.startswith("1 case: 0 pass, 1 fail")


def test_the_json_report_has_the_line_beside_the_case_and_what_became_of_each_line(written: Path) -> None:
    report = json.loads((written / "report.json").read_text())
    by_id = {case["id"]: case for case in report["cases"]}
    assert by_id[HANGS]["verdict"] == "fail"
    assert by_id[HANGS]["known"] == {"case": HANGS, "reason": "the hub is <stuck>", "link": "https://bugs.example/1",
                                     "expires": "2026-11-26", "outcome": None, "promise": None}
    assert by_id[OTHER]["known"] is None
    assert [one["state"] for one in report["summary"]["known"]["findings"]] == ["still fails", "fails no longer"]


def test_junit_skips_what_is_known_with_the_reason_and_fails_for_the_line_to_remove(written: Path) -> None:
    suite = ET.parse(written / "junit.xml").getroot()[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "2", "0", "1"]
    by_name = {(one.get("classname"), one.get("name")): one for one in suite.iter("testcase")}
    skipped = by_name["scheduler.eventlet", HANGS].find("skipped")
    assert skipped is not None and "the hub is <stuck>" in (skipped.get("message") or "")
    overdue = by_name["chaos.known", PASSES].find("failure")
    assert overdue is not None and "remove the line" in (overdue.get("message") or "")


def test_the_page_has_a_section_of_what_is_known_and_escapes_its_reason(written: Path) -> None:
    page = (written / "report.html").read_text()
    section = page.partition('<h2 id="known">')[2].partition("<h2")[0]
    assert HANGS in section and "the hub is &lt;stuck&gt;" in section
    assert "remove the line" in page


# --- statuses ----------------------------------------------------------------------------------------------------------


def a_file(folder: Path, *cases: str) -> str:
    path = folder / "known.toml"
    path.write_text("".join(GOOD.replace(HANGS, case).replace('outcome = "hang-suspected"\n', "") for case in cases)
                    .replace("2027", "9999"))
    return str(path)


@pytest.mark.parametrize(("cases", "lines", "status"), [
    ((HANGS, PASSES), [HANGS], 0),
    ((HANGS, PASSES, OTHER), [HANGS], 1),
    ((HANGS, PASSES), [HANGS, PASSES], 1),
    ((PASSES,), [HANGS], 0),
    ((HANGS,), ["scheduler/*/service.st*=stall"], 0),
])
@pytest.mark.parametrize("command", ["merge", "compare"])
def test_a_job_fails_for_what_is_new_and_for_a_line_that_excuses_nothing(
    tmp_path: Path, command: str, cases: tuple[str, ...], lines: list[str], status: int,
) -> None:
    feed_all(Files(tmp_path / "night"), a_night(cases))
    night, where = str(tmp_path / "night"), a_file(tmp_path, *lines)
    words = [night, "--out", str(tmp_path / "merged")] if command == "merge" else [night, night]
    assert cli.main([command, *words, "--known", where]) == status


def test_a_mistyped_site_in_a_line_is_wrong_usage_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    where = a_file(tmp_path, "scheduler/eventlet/w1/service.strat=stall", "scheduler/*/service.strat@*=*")
    assert cli.main(["judge", "nowhere", "--known", where]) == 64
    told = capsys.readouterr().err
    assert told.count("did you mean service.start") == 2
