"""Reports of sweeps that could not run all their cases: no command that reads them may look as if all had passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from test_report_literals import FAILED, a_baseline, a_sweep, an_observation, feed_all, judged, results_of

from chaos import cli
from chaos.caseid import format_case
from chaos.confirm import confirmed
from chaos.events import Event, SweepStarted
from chaos.judge import judge
from chaos.model import Exited, Expectation, Firing, Grade, Judged, Outcome, Variant, token_of
from chaos.report.files import Files
from chaos.report.history import nights, remember, trend
from chaos.report.journal import Journal

BASE = "scheduler/eventlet/w1/none"
IDS = [f"scheduler/eventlet/w1/thread.spawn#{n}=raise:MemoryError" for n in (1, 2, 3)]
GOOD = a_baseline(BASE)


def a_bad_baseline() -> Variant:
    seen = an_observation(FAILED, output="ERROR no module named frob\n")
    case = GOOD.baseline.case
    return Variant(Judged(case, seen, judge(case, seen)))


def of_shard(events: Sequence[Event], *shards: str) -> list[Event]:
    first, *rest = events
    assert isinstance(first, SweepStarted)
    return [replace(first, part=tuple(f"--shard {shard}" for shard in shards)), *rest]


class Reports(NamedTuple):
    """Folders with a report each: of a whole sweep, of one that was interrupted, and of a target that does not start."""

    whole: str
    interrupted: str
    unhealthy: str


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    told = {
        "whole": a_sweep(map(judged, IDS), variants=[GOOD]),
        "interrupted": a_sweep([judged(IDS[0])], variants=[GOOD], planned=IDS, interrupted=True),
        "unhealthy": a_sweep((), variants=[a_bad_baseline()]),
    }
    for name, events in told.items():
        feed_all(Files(tmp_path / name), events)
    return Reports(*(str(tmp_path / name) for name in told))


def test_the_status_of_a_report_is_the_one_that_its_sweep_had(reports: Reports, tmp_path: Path) -> None:
    for number, words in enumerate((["show"], ["compare", reports.whole], ["compare", "--backends"], ["merge"])):
        out = ["--out", str(tmp_path / f"merged{number}")] if words == ["merge"] else []
        statuses = [cli.main([*words, report, *out]) for report in reports]
        assert statuses == [0, 130, 69], words


def test_why_a_comparison_is_not_whole_is_said(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["compare", reports.whole, reports.interrupted])
    assert f"{reports.interrupted}: interrupted, 2 planned cases were not finished\n" in capsys.readouterr().out
    cli.main(["compare", reports.whole, reports.unhealthy, "--format", "json"])
    assert capsys.readouterr().err == f"{reports.unhealthy}: {BASE} is not healthy, so nothing was injected\n"


def test_baselines_are_judged_again_too(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["judge", reports.unhealthy]) == 69
    assert capsys.readouterr().out == (f"{BASE} is not healthy, so nothing was injected\n"
                                       "0 cases judged again, 0 verdicts changed\n")


def test_nights_that_were_cut_short_are_not_kept(reports: Reports, tmp_path: Path) -> None:
    for report in (reports.interrupted, reports.unhealthy):
        cli.main(["compare", reports.whole, report, "--history", str(tmp_path / "nights")])
        cli.main(["merge", report, "--out", str(tmp_path / "out"), "--history", str(tmp_path / "nights")])
    assert not list((tmp_path / "nights").glob("*.ndjson"))


# --- shards ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_shard_whose_target_did_not_start_is_not_lost_among_the_others(
    order: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed_all(Files(tmp_path / "0"), of_shard(a_sweep(map(judged, IDS), variants=[GOOD]), "1/2"))
    feed_all(Files(tmp_path / "1"), of_shard(a_sweep((), variants=[a_bad_baseline()]), "2/2"))
    parts = [str(tmp_path / str(number)) for number in order]
    assert cli.main(["merge", *parts, "--out", str(tmp_path / "merged")]) == 69
    assert "nothing was injected where it was tried; the cases are other shards'" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["show", str(tmp_path / "merged")]) == 69


def test_a_merge_in_which_a_shard_is_missing_is_inconclusive_and_says_which_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, case_id in enumerate(IDS, 1):
        feed_all(Files(tmp_path / str(number)), of_shard(a_sweep([judged(case_id)], variants=[GOOD]), f"{number}/3"))
    parts = [str(tmp_path / str(number)) for number in (1, 2, 3)]
    assert cli.main(["merge", *parts[:2], "--out", str(tmp_path / "two")]) == 2
    assert "only a part of the plan: shard 1/3, 2/3\n" in capsys.readouterr().out
    assert "Only a part of the plan: shard 1/3, 2/3." in (tmp_path / "two" / "report.html").read_text()
    cli.main(["show", "--format", "github", str(tmp_path / "two")])
    assert "::warning title=chaos::only a part of the plan: shard 1/3, 2/3\n" in capsys.readouterr().out
    assert cli.main(["merge", *parts, "--out", str(tmp_path / "three")]) == 0
    assert "only a part" not in capsys.readouterr().out
    assert cli.main(["show", parts[0]]) == 0
    assert "only a part of the plan: shard 1/3\n" in capsys.readouterr().out


# --- nights ------------------------------------------------------------------------------------------------------------


def test_a_night_is_compared_with_the_last_one_of_the_same_part_of_the_plan(tmp_path: Path) -> None:
    bad = judged(IDS[0], Outcome.KILLED, broken=(("status", "SIGSEGV"),))
    whole, part = a_sweep([bad], variants=[GOOD]), of_shard(a_sweep([judged(IDS[1])], variants=[GOOD]), "2/2")
    for number, events in enumerate((whole, part, whole)):
        remember(tmp_path, f"2026-11-0{number}", results_of(events))
    target = "chaos.sample.launcher:main"
    assert [night.name for night in nights(tmp_path, target)] == ["2026-11-00", "2026-11-02"]
    assert trend(nights(tmp_path, target))[-1].endswith("; 0 new, 0 gone")
    assert [night.name for night in nights(tmp_path, target, part=("--shard 2/2",))] == ["2026-11-01"]


def test_what_failed_and_cannot_be_judged_now_is_not_gone(tmp_path: Path) -> None:
    bad = judged(IDS[0], Outcome.KILLED, broken=(("status", "SIGSEGV"),))
    for number, case in enumerate((bad, judged(IDS[0], Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN))):
        remember(tmp_path, f"2026-11-0{number}", results_of(a_sweep([case])))
    assert trend(nights(tmp_path, "chaos.sample.launcher:main"))[-1].endswith("; 0 new, 0 gone, 1 undecided")


def test_a_sweep_that_was_killed_is_not_shown_as_the_one_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed_all(Files(tmp_path), a_sweep(map(judged, IDS), variants=[GOOD]))
    assert cli.main(["show", str(tmp_path)]) == 0
    bad = judged(IDS[0], Outcome.KILLED, broken=(("status", "SIGSEGV"),))
    *told, _ = a_sweep([bad], variants=[GOOD], planned=IDS)
    (tmp_path / "journal.ndjson").unlink()
    with Journal(tmp_path / "journal.ndjson") as journal:
        for event in told:
            journal.write(event)
    capsys.readouterr()
    assert cli.main(["show", str(tmp_path)]) == 130
    assert "1 case: 0 pass, 1 fail" in capsys.readouterr().out


# --- what a warm and a cold run disagreed on ---------------------------------------------------------------------------


def test_a_disagreement_stays_one_when_it_is_judged_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case_id = IDS[0]
    case, token = judged(case_id).case, token_of(case_id, 0)
    fired = (Firing(0.4, 0, "thread.spawn", "parent", 101, 1, "raise", token),)
    told = an_observation(Exited(1), fired=fired, output=f"CRITICAL MemoryError: {token}\n", expected=Expectation())
    silent = replace(told, output="", started_as="warm")
    cold, warm = (Judged(case, seen, judge(case, seen)) for seen in (told, silent))
    assert (cold.verdict.outcome, warm.verdict.outcome) == (Outcome.CLEAN_EXIT, Outcome.SILENT_EXIT)
    both = confirmed(warm, cold)
    assert both.verdict.grade is Grade.UNKNOWN
    feed_all(Files(tmp_path), a_sweep([both]))
    assert cli.main(["judge", str(tmp_path)]) == 2
    assert capsys.readouterr().out == "1 cases judged again, 0 verdicts changed\n"


# --- one report's backends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [["again"], ["--history", "nights"]])
def test_what_compare_cannot_use_with_backends_is_wrong_usage(
    more: list[str], reports: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", "--backends", reports.whole, *more]) == 64
    assert "takes one report" in capsys.readouterr().err


def test_known_findings_are_excused_between_backends_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = judged(IDS[0], Outcome.KILLED, broken=(("status", "SIGSEGV"),))
    feed_all(Files(tmp_path), a_sweep([bad], variants=[GOOD]))
    known = tmp_path / "known.toml"
    known.write_text(f'[[finding]]\ncase = "{format_case(bad.case)}"\nreason = "r"\nlink = "https://e.org/1"\n'
                     "expires = 2999-01-01\n")
    assert cli.main(["compare", "--backends", str(tmp_path)]) == 1
    assert cli.main(["compare", "--backends", str(tmp_path), "--known", str(known)]) == 0
    assert cli.main(["compare", "--backends", str(tmp_path), "--known", str(tmp_path / "nowhere")]) == 64
    assert "nowhere" in capsys.readouterr().err
