"""Shards of a plan, their reports merged, and the nights that are kept: on real files, with literal observations."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from test_report_literals import a_baseline, a_hang, a_sweep, feed_all, judged, results_of

from chaos import cli
from chaos.caseid import format_case, parse_case
from chaos.errors import UsageError
from chaos.events import CaseFinished, Event
from chaos.judge import judge_pairs
from chaos.merge import merged
from chaos.model import Case, Grade, Judged, Outcome
from chaos.pairs import pairs_of
from chaos.report.files import Files
from chaos.report.history import KEPT, nights, remember, trend
from chaos.report.jsonfile import read_cases
from chaos.report.results import line_of
from chaos.sweep import Options, as_pair, planned

BACKENDS = ("eventlet", "threading")
SITES = ("a", "b", "service.start")
IDS = [f"scheduler/{backend}/w{n}/{site}=stall" for backend in BACKENDS for n in (1, 2) for site in SITES]


def a_case(case_id: str) -> Judged:
    return a_hang(case_id) if "threading/w2/a" in case_id else judged(case_id)


def finished(ids: Iterable[str]) -> list[Event]:
    """A sweep of these cases as it is told: pairs of backends are judged as such."""
    first, *_, last = told = a_sweep(map(a_case, ids), variants=[a_baseline(f"scheduler/{b}/w1/none") for b in BACKENDS])
    pairs = pairs_of(map(parse_case, ids), lambda _: ())
    waiting: dict[Case, Judged] = {}
    events: list[Event] = []
    for event in told[1:-1]:
        events += [event, *(as_pair(pairs, waiting, event.judged) if isinstance(event, CaseFinished) else ())]
    return [first, *events, last]


def test_the_merged_reports_of_shards_say_what_one_run_would_have_said(tmp_path: Path) -> None:
    feed_all(Files(tmp_path / "whole", suffix=" --python P"), finished(IDS))
    for number in range(3):     # each pair is torn apart
        feed_all(Files(tmp_path / f"part{number}", suffix=" --python P"), finished(IDS[number::3][::-1]))
        assert cli.main(["judge", str(tmp_path / f"part{number}")]) in (0, 1)
    parts = [str(tmp_path / f"part{number}") for number in (2, 0, 1)]
    assert cli.main(["merge", *parts, "--out", str(tmp_path / "merged")]) == 1
    whole, again = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("whole", "merged"))
    assert again == whole
    broken = {promise["promise"] for case in again["cases"] for promise in case["promises_broken"]}
    assert "same-on-both-backends" in broken


def test_a_pair_that_two_shards_hold_is_judged_when_they_are_merged(tmp_path: Path) -> None:
    pair = ["scheduler/eventlet/w2/a=stall", "scheduler/threading/w2/a=stall"]
    for case_id in pair:
        feed_all(Files(tmp_path / case_id.split("/")[1]), finished([case_id]))
    cases = {event.judged.case: event.judged for event in finished(pair) if isinstance(event, CaseFinished)}
    told = results_of(merged([tmp_path / backend / "report.json" for backend in BACKENDS]))
    assert told.cases == tuple(map(line_of, judge_pairs(cases.values())))


def test_a_case_in_two_reports_is_an_error_that_names_both(tmp_path: Path) -> None:
    for name in "ab":
        feed_all(Files(tmp_path / name), finished(IDS[:1]))
    with pytest.raises(UsageError, match=f"{IDS[0]} is in .*/a/report.json and in .*/b/report.json"):
        list(merged([tmp_path / "a" / "report.json", tmp_path / "b" / "report.json"]))


def test_a_report_of_another_sweep_is_no_shard_of_this_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feed_all(Files(tmp_path / "a"), finished(IDS[:1]))
    feed_all(Files(tmp_path / "b"), finished(IDS[1:2]))
    path = tmp_path / "b" / "report.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 7'))
    assert cli.main(["merge", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "c")]) == 64
    assert "its seed is 7, not 0" in capsys.readouterr().err
    assert not (tmp_path / "c" / "report.json").exists()


def test_what_is_no_report_is_wrong_usage_for_a_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["merge", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 64
    assert "No such file" in capsys.readouterr().err


def test_a_merge_does_not_write_over_what_it_reads(tmp_path: Path) -> None:
    feed_all(Files(tmp_path), finished(IDS[:1]))
    assert cli.main(["merge", str(tmp_path), "--out", str(tmp_path)]) == 64
    assert len(list(read_cases(tmp_path / "report.json"))) == 1


def test_shards_are_disjoint_cover_the_plan_and_keep_the_backends_of_a_case_together() -> None:
    variants = [a_baseline(f"scheduler/{backend}/w1/none") for backend in BACKENDS]
    whole = planned(variants, Options())
    parts = [planned(variants, Options(shard=(number, 4))) for number in (1, 2, 3, 4)]
    assert sorted(map(format_case, whole)) == sorted(format_case(case) for part in parts for case in part)
    assert all(parts)
    for part in parts:
        sides = [{format_case(case).replace(name, "*") for case in part if case.backend == name} for name in BACKENDS]
        assert sides[0] == sides[1]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_cannot_be_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sweep", f"--shard={text}"]) == 64
    assert "is not K/N" in capsys.readouterr().err


# --- the last nights -------------------------------------------------------------------------------------------------


def test_the_last_nights_are_kept_with_what_each_said_of_a_case(tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        bad = judged(IDS[0], Outcome.KILLED, broken=(("status", "SIGSEGV"),))
        remember(tmp_path, f"2026-11-{number:02}", results_of(a_sweep([bad if number % 2 else judged(IDS[0])])))
    history = nights(tmp_path, "chaos.sample.launcher:main", [IDS[0]])
    assert (len(history), history[0].name) == (KEPT, "2026-11-02")
    assert history[-1].cases == {IDS[0]: (Outcome.KILLED, Grade.FAIL)}
    assert trend(history)[-2:] == [
        f"2026-11-{KEPT}  1 cases: 1 pass, 0 fail, 0 unreached, 0 unknown; 0 new, 1 gone",
        f"2026-11-{KEPT + 1}  1 cases: 0 pass, 1 fail, 0 unreached, 0 unknown; 1 new, 0 gone",
    ]
    assert nights(tmp_path, "another target") == ()


def test_what_failed_last_night_and_did_not_run_is_not_gone(tmp_path: Path) -> None:
    bad = [judged(case_id, Outcome.KILLED, broken=(("status", "SIGSEGV"),)) for case_id in IDS[:2]]
    remember(tmp_path, "2026-11-01", results_of(a_sweep(bad)))
    remember(tmp_path, "2026-11-02", results_of(a_sweep([judged(IDS[0])])))
    assert trend(nights(tmp_path, "chaos.sample.launcher:main"))[-1].endswith("; 0 new, 1 gone, 1 not run")


def test_the_last_line_is_the_command_also_where_a_trend_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = judged(IDS[0], Outcome.KILLED, broken=(("status", "SIGSEGV"),))
    feed_all(Files(tmp_path / "old"), a_sweep([bad]))
    words = ["merge", str(tmp_path / "old"), "--out", str(tmp_path / "out"), "--history", str(tmp_path / "nights")]
    assert cli.main(words) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"chaos repro {IDS[0]}"
    assert [line for line in told if "Z  1 cases: 0 pass, 1 fail" in line]
    assert "Since" not in (tmp_path / "out" / "report.html").read_text(), "it was compared with itself"
    assert len(nights(tmp_path / "nights", "chaos.sample.launcher:main")) == 1


def test_a_night_that_cannot_be_read_is_told_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22.ndjson").write_text('{"schema": 9}\n')
    with pytest.raises(ValueError, match=r"2026-11-22.ndjson is not a night .*schema 9"):
        nights(tmp_path, "t")


def test_a_history_that_cannot_be_used_is_told_before_anything_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "2026-11-22.ndjson").write_text("{}\n")
    assert cli.main(["sweep", "--out", str(tmp_path / "out"), "--history", str(tmp_path)]) == 64
    assert "2026-11-22.ndjson is not a night" in capsys.readouterr().err
    assert cli.main(["sweep", "--out", str(tmp_path / "out"), "--history", str(tmp_path / "2026-11-22.ndjson")]) == 64
    assert "--history" in capsys.readouterr().err


def test_a_night_that_spoils_while_a_sweep_runs_costs_the_page_and_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22.ndjson").write_text("{}\n")
    with pytest.raises(ValueError, match="is not a night"):
        feed_all(Files(tmp_path / "out", history=tmp_path), finished(IDS[:1]))
    assert len(list(read_cases(tmp_path / "out" / "report.json"))) == 1
    assert (tmp_path / "out" / "junit.xml").exists()


def test_compare_keeps_the_night_and_tells_the_trend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, ids in (("old", IDS[:2]), ("new", IDS[:6])):
        feed_all(Files(tmp_path / name), finished(ids))
    words = ["compare", str(tmp_path / "old"), str(tmp_path / "new"), "--history", str(tmp_path / "nights")]
    assert cli.main(words) == 0
    assert "Z  6 cases: 6 pass" in capsys.readouterr().out
    assert cli.main([*words, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["only_in_the_new_report"]) == 4
