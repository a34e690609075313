"""Claims about the story of one case."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from rich.cells import cell_len
from test_report_literals import HOSTILE_LOG, LONG_LINE, a_firing, a_hang, an_observation, judged

from chaos.model import Exited, Grade, Holding, Killed, Milestone, Outcome, Process, StillRunning, token_of
from chaos.report.explain import ended, explain, left_behind, log_excerpt, log_title, process_tree, story, timeline

CASE_ID = "scheduler/threading/w2/process.fork@parent#1=raise:BlockingIOError:EAGAIN"
TOKEN = token_of(CASE_ID, 0)


def test_the_story_begins_with_the_verdict_and_ends_with_the_command() -> None:
    lines = explain(a_hang(CASE_ID), suffix=" -- --config-file x").splitlines()
    assert lines[0] == "FAIL hang-suspected: still running after 10.50 s"
    assert lines[1] == CASE_ID
    assert lines[-1] == f"chaos repro {CASE_ID} -- --config-file x"


def test_where_nothing_was_proven_it_says_what_could_still_have_happened() -> None:
    hang = a_hang(CASE_ID)
    title = "not proven to hang: what could still have happened"
    told = explain(replace(hang, seen=replace(hang.seen, still_possible=("worker.0 (pid 5) retries, next in 0.5 s",))))
    assert f"{title}\n  worker.0 (pid 5) retries, next in 0.5 s" in told
    assert title not in explain(hang)


def test_every_broken_promise_is_told_with_its_reason() -> None:
    text = explain(a_hang(CASE_ID))
    assert "  ends: it still ran 10.0 s after the fault" in text
    assert "  ready-means-ready: READY=1 was sent at 0.50 s" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_asked_unless_it_holds_an_id(width: int) -> None:
    log = HOSTILE_LOG + LONG_LINE + "\n日本語の長い行" * 60
    lines = explain(a_hang(CASE_ID, log), width=width).splitlines()
    assert [line for line in lines if cell_len(line) > width and CASE_ID not in line] == []


def test_nothing_of_a_hostile_log_reaches_a_terminal() -> None:
    text = explain(a_hang(CASE_ID, HOSTILE_LOG))
    assert {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs")} == {"\n"}


def test_a_note_of_an_unknown_verdict_is_told() -> None:
    seen = an_observation(stopped_watching="broken", harness="the agent's file vanished")
    case = judged(CASE_ID, Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN, note="not the target's fault", seen=seen)
    assert story(case)[:2] == ["UNKNOWN harness-error: exit status 1 after 1.25 s", CASE_ID]
    assert story(case)[2:4] == ["  not the target's fault", "  the agent's file vanished"]


def test_a_case_of_which_nothing_was_seen_has_no_empty_sections() -> None:
    assert story(judged("s/-/w1/none", seen=an_observation()), width=100) == [
        "PASS clean-exit: exit status 1 after 1.25 s",
        "s/-/w1/none",
        "",
        "timeline (seconds after exec)",
        "      1.25  the launcher ended: exit status 1 after 1.25 s",
    ]


def test_endings_are_told_in_words() -> None:
    assert ended(Exited(3), 1.0) == "exit status 3 after 1.00 s"
    assert ended(Killed("SIGSEGV"), 1.0) == "ended by SIGSEGV after 1.00 s"
    assert ended(Killed("SIGTERM", by_chaos=True), 1.0) == "ended by SIGTERM from chaos after 1.00 s"
    assert ended(StillRunning(10.0), 10.0) == "still running after 10.00 s"


# --- timeline and processes ----------------------------------------------------------------------------------------


def test_the_timeline_is_in_the_order_of_time() -> None:
    told = timeline(a_hang(CASE_ID).seen)
    assert [line.split()[0] for line in told] == sorted((line.split()[0] for line in told), key=float)
    assert any("FAULT raise at process.fork, hit 1" in line for line in told)
    assert told[-1].endswith("chaos stopped watching (deadline): the launcher still runs")


def test_a_fault_that_fires_for_ever_is_told_four_times() -> None:
    first = a_firing(CASE_ID)
    fired = tuple(replace(first, at_s=n / 100, number=n) for n in range(1, 5001))
    told = [line for line in timeline(an_observation(fired=fired)) if "FAULT" in line]
    assert len(told) == 4
    assert told[-1].endswith("5000 times in all")


def test_a_long_timeline_loses_its_middle_and_says_so() -> None:
    milestones = tuple(Milestone(n / 100, f"m{n}", "parent", 1) for n in range(500))
    told = timeline(an_observation(StillRunning(9.0), elapsed_s=9.0, milestones=milestones))
    assert len(told) == 61
    assert told[40] == "… 441 more lines …"


def a_process(pid: int, parent: int, seen_s: float = 0.0, role: str = "", command: str = "x") -> Process:
    return Process(pid, parent, role, command, seen_s, 1.0)


def test_children_stand_below_their_parent() -> None:
    tree = process_tree([a_process(1, 0), a_process(2, 1, 0.1), a_process(4, 1, 0.2), a_process(3, 2, 0.3)])
    assert [line.split(",")[0] for line in tree] == ["1", "  2", "    3", "  4"]


def test_a_pid_that_was_used_twice_makes_no_circle_and_loses_nobody() -> None:
    tree = process_tree([a_process(2, 3, 0.1), a_process(3, 2, 0.2), a_process(2, 3, 0.3)])
    assert [line.split(",")[0] for line in tree] == ["2", "  3", "    2"]


def test_what_outlived_the_launcher_is_marked_and_listed() -> None:
    orphan = Process(7, 1, "worker.0", "nova\x1b[2J worker", 0.5)
    seen = an_observation(
        processes=(orphan,), leftovers=(orphan,), holdings=(Holding("socket", "/run/x.sock", "pid 7"),)
    )
    assert process_tree(seen.processes, seen.leftovers) == [
        "7 worker.0, 0.50 until chaos ended it, LEFT OVER: nova worker"
    ]
    assert left_behind(seen) == ["process 7 as worker.0: nova worker", "socket /run/x.sock, held by pid 7"]


# --- the log -------------------------------------------------------------------------------------------------------


def test_the_line_that_names_the_injected_exception_is_marked() -> None:
    log = f"INFO up\nERROR BlockingIOError: {TOKEN}\nERROR while cleaning up\n"
    seen = an_observation(fired=(a_firing(CASE_ID),), output=log)
    assert log_excerpt(seen) == ["  INFO up", f"> ERROR BlockingIOError: {TOKEN}", "  ERROR while cleaning up"]
    assert log_title(seen) == "log, last lines: > marks the cause"


def test_a_cause_further_up_is_shown_above_the_last_lines() -> None:
    seen = an_observation(fired=(a_firing(CASE_ID),), output=f"ERROR {TOKEN}\n" + "INFO\n" * 50)
    assert log_excerpt(seen, lines=2) == [f"> ERROR {TOKEN}", "  …", "  INFO", "  INFO"]


def test_a_cause_that_is_among_the_last_lines_is_not_shown_twice() -> None:
    seen = an_observation(fired=(a_firing(CASE_ID),), output=f"ERROR {TOKEN}\n" * 5)
    assert log_excerpt(seen, lines=2) == [f"> ERROR {TOKEN}"] * 2


def test_a_process_without_a_role_is_told_by_its_command() -> None:
    told = timeline(
        an_observation(processes=(a_process(7, 1, 0.1, command="rabbitmqctl"), a_process(8, 1, 0.2, "parent")))
    )
    assert [line.split("  ")[-1] for line in told[:2]] == ["process 7 born: rabbitmqctl", "process 8 born as parent"]


def test_no_line_is_marked_when_none_names_the_exception() -> None:
    seen = an_observation(fired=(a_firing(CASE_ID),), output="ERROR AttributeError: a clean-up that hides the cause\n")
    assert log_excerpt(seen) == ["  ERROR AttributeError: a clean-up that hides the cause"]
    assert log_title(seen) == f"log, last lines: no line names {TOKEN}"


@pytest.mark.parametrize("loud", ["12 CRITICAL x [-] gave up", "oslo_config.cfg.NoSuchOptError: no option", "OSError"])
def test_without_an_injected_exception_the_last_loud_line_is_marked(loud: str) -> None:
    seen = an_observation(output=f"ERROR first\n{loud}\nINFO terrors of the night\n")
    assert [line for line in log_excerpt(seen) if line.startswith(">")] == [f"> {loud}"]
