"""The command at work: what each verdict looks like, what a reader that goes away or an interruption leaves behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from cli.typing_chaos import BOTH, FAILS, HEALTHY, PASSES, TESTS, Chaos, change, report_of
from processes import Deadline, below, watched

BACKENDS = pytest.mark.parametrize("backend", ["eventlet", "threading"])


# --- check: the start that fails right now ---------------------------------------------------------------------------


def _check(chaos: Chaos, launcher: str, backend: str, workers: int = 1, *, deadline_s: str = "2.5") -> tuple[int, str]:
    answer = chaos.on_launchers("check", f"launchers.{launcher}:main", "--backend", backend, "--workers", str(workers),
                                "--deadline", deadline_s)
    assert answer.err == ""
    return answer.status, answer.out


@BACKENDS
def test_a_launcher_that_raises_in_start_is_said_to_announce_what_is_not_there(chaos: Chaos, backend: str) -> None:
    status, out = _check(chaos, "raises_in_start", backend)
    assert status == 1
    assert "ready-means-ready: READY=1 came" in out
    assert "the database schema is 3 versions behind" in out


@BACKENDS
def test_a_launcher_that_hangs_in_start_is_shown_with_the_line_where_it_hangs(chaos: Chaos, backend: str) -> None:
    status, out = _check(chaos, "hangs_in_start", backend)
    assert status == 1
    assert "ends: still running" in out
    assert "wait_for_a_peer_that_never_answers" in out


@BACKENDS
def test_a_launcher_that_exits_0_without_serving_is_a_false_success(chaos: Chaos, backend: str) -> None:
    status, out = _check(chaos, "exits_zero", backend, deadline_s="20")
    assert status == 1
    assert "FAIL false-success" in out
    assert "status: it exited 0" in out


def test_a_launcher_that_respawns_for_ever_is_said_not_to_give_up(chaos: Chaos) -> None:
    status, out = _check(chaos, "respawns", "eventlet", 2, deadline_s="4")
    assert status == 1
    assert "FAIL respawn-loop" in out
    assert "gives-up: " in out


@BACKENDS
def test_a_launcher_that_leaves_a_child_behind_is_told_which(chaos: Chaos, backend: str) -> None:
    status, out = _check(chaos, "leaves_a_child", backend, deadline_s="20")
    assert status == 1
    assert "nobody-left: 1 process outlived it" in out
    assert "sleep 1000" in out


@BACKENDS
@pytest.mark.parametrize("target", [HEALTHY, "scheduler"])
def test_of_a_launcher_that_keeps_its_promises_nothing_is_broken(chaos: Chaos, target: str, backend: str) -> None:
    words = ("check", target, "--backend", backend, "--workers", "2")
    answer = chaos.on_launchers(*words) if target == HEALTHY else chaos(*words)
    assert (answer.status, answer.err) == (0, ""), answer.out
    assert "nothing is broken" in answer.out


# --- sweep: an unhealthy baseline ------------------------------------------------------------------------------------


@pytest.mark.parametrize("older", [True, False])
def test_an_unhealthy_baseline_injects_nothing_is_status_69_and_costs_no_older_report(
    chaos: Chaos, stored: Path, older: bool, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    if older:
        shutil.copytree(stored, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()} if older else {}
    answer = chaos.on_launchers("sweep", "launchers.exits_zero:main", "--backend", "threading", "--workers", "1",
                                "--out", str(out))
    assert answer.status == 69
    assert answer.out.count("FAIL false-success: ") == 1
    assert answer.out.count("nothing was injected") == answer.out.count("chaos repro ") == 1
    if older:
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    else:
        assert report_of(out)["cases"] == []
        assert report_of(out)["baseline"][0]["outcome"] == "false-success"


def test_a_case_of_a_target_that_does_not_start_is_status_69(chaos: Chaos) -> None:
    answer = chaos.on_launchers("repro", "launchers.exits_zero:main/threading/w1/service.start=raise", "--out", "none")
    assert answer.status == 69
    assert "false-success" in answer.out


def test_a_plan_of_a_target_that_does_not_start_is_status_69(chaos: Chaos) -> None:
    answer = chaos.on_launchers("plan", "launchers.exits_zero:main", "--backend", "threading", "--workers", "1")
    assert answer.status == 69
    assert "false-success" in answer.out


# --- run, repro, judge, compare --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one case that passes and one that fails."""
    folder = tmp_path_factory.mktemp("stored")
    answer = Chaos(folder, Deadline(60.0)).on_launchers("run", PASSES, FAILS, "--out", str(folder / "report"))
    assert answer.status == 1
    assert "false-success" in answer.out
    assert "clean-exit" in answer.out
    return folder / "report"


@pytest.fixture
def stored(stored_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored_once, tmp_path / "stored"))


def test_a_run_writes_what_a_sweep_writes(stored: Path) -> None:
    names = {"report.json", "journal.ndjson", "junit.xml", "report.html", "summary.md"}
    assert {path.name for path in stored.iterdir()} == names
    assert {case["id"]: case["verdict"] for case in report_of(stored)["cases"]} == {PASSES: "pass", FAILS: "fail"}


@pytest.mark.parametrize(
    ("case_id", "stored_as", "word", "status"),
    [
        (FAILS, None, "reproduced: false-success", 1),
        (FAILS, {}, "reproduced: false-success, fail, as in the report", 1),
        (FAILS, {"outcome": "hang-suspected"}, "diverged: false-success now, hang-suspected in the report", 1),
        (PASSES, None, "not reproduced: clean-exit, pass", 2),
        (PASSES, {}, "reproduced: clean-exit, pass, as in the report", 0),
        (PASSES, {"outcome": "silent-exit", "verdict": "fail"}, "not reproduced: clean-exit, pass now, silent-exit", 2),
    ],
)
def test_repro_says_truthfully_whether_it_happened_again(
    chaos: Chaos, stored: Path, case_id: str, stored_as: dict[str, str] | None, word: str, status: int
) -> None:
    if stored_as:
        change(stored, case_id, **stored_as)
    out = stored if stored_as is not None else stored / "nowhere"
    answer = chaos.on_launchers("repro", case_id, "--out", str(out))
    assert answer.status == status
    assert answer.out.splitlines()[-1].startswith(word)


def test_repro_says_when_the_report_beside_it_cannot_be_read(chaos: Chaos, stored: Path) -> None:
    (stored / "report.json").write_text("{")
    answer = chaos.on_launchers("repro", FAILS, "--out", str(stored))
    assert answer.status == 1
    assert "report.json is not JSON" in answer.err
    assert answer.out.splitlines()[-1] == "reproduced: false-success"


def test_a_stored_report_is_judged_again_without_running_anything(chaos: Chaos, stored: Path) -> None:
    answer = chaos("judge", str(stored))
    assert (answer.status, answer.err) == (1, "")
    assert answer.out == "2 cases judged again, 0 verdicts changed\n"
    change(stored, FAILS, outcome="started", verdict="pass")
    answer = chaos("judge", str(stored / "report.json"))
    assert answer.status == 1
    assert answer.out.splitlines() == [
        f"{FAILS}: false-success, fail; the report says started, pass", "2 cases judged again, 1 verdicts changed"]


def test_two_reports_are_compared_case_by_case(chaos: Chaos, stored: Path, tmp_path: Path) -> None:
    new = Path(shutil.copytree(stored, tmp_path / "new"))
    answer = chaos("compare", str(stored), str(new))
    assert (answer.status, answer.err) == (1, "")
    assert "0 new, 0 fixed, 1 still failing, 0 changed outcome" in answer.out
    change(new, FAILS, outcome="clean-exit", verdict="pass")
    change(new, PASSES, outcome="hang-suspected", verdict="fail")
    answer = chaos("compare", str(stored), str(new))
    assert answer.status == 1
    assert f"new: 1\n  {PASSES}  clean-exit -> hang-suspected\n" in answer.out
    assert f"fixed: 1\n  {FAILS}  false-success -> clean-exit\n" in answer.out
    assert chaos("compare", str(new), str(stored)).status == 1


def test_a_report_with_one_backend_has_no_halves_to_compare(chaos: Chaos, stored: Path) -> None:
    answer = chaos("compare", "--backends", str(stored))
    assert "0 cases ran on both backends" in answer.out


# --- where it writes to ----------------------------------------------------------------------------------------------

SMALL = ("--backend", "threading", "--workers", "1", "--only", "*/launcher.launch@parent*", "--profile", "default")


def test_a_sweep_without_a_terminal_writes_plain_lines(chaos: Chaos) -> None:
    answer = chaos.on_launchers("sweep", HEALTHY, *SMALL, "--out", str(chaos.cwd / "out"))
    assert (answer.status, answer.err) == (0, "")
    assert "\x1b" not in answer.out
    assert "\r" not in answer.out
    assert re.search(r"^(\d+) cases: \1 pass, 0 fail, 0 unreached, 0 unknown in [\d.]+ s, seed 0$", answer.out, re.M)


def test_40_columns_are_enough(chaos: Chaos) -> None:
    answer = chaos.on_launchers("sweep", HEALTHY, *SMALL, "--out", str(chaos.cwd / "out"), COLUMNS="40")
    assert (answer.status, answer.err) == (0, "")
    long = [line for line in answer.out.splitlines() if len(line) > 40 and "/w1/" not in line]
    assert not long


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_goes_away_is_no_defect(chaos: Chaos, reader: str) -> None:
    answer = chaos.shell(f"chaos sites --all | {reader}")
    assert answer.err == ""
    assert answer.status in (0, 130), "0 where the reader had taken all before it went"


def test_a_sweep_whose_reader_goes_away_does_not_say_that_all_is_well(chaos: Chaos) -> None:
    words = " ".join(f"'{word}'" for word in ("sweep", HEALTHY, *SMALL, "--out", str(chaos.cwd / "out"), *BOTH))
    answer = chaos.shell(f"cd {TESTS} && chaos {words} | true")
    assert "Traceback" not in answer.err
    assert "Exception ignored" not in answer.err
    assert answer.status in (1, 130)


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_change_the_status(chaos: Chaos, closed: str) -> None:
    answer = chaos.shell(f"chaos check scheduler --backend threading --workers 1 {closed}")
    assert (answer.status, answer.all) == (0, "")


@pytest.mark.parametrize("command", ["sites --all", "judge stored"], ids=["long-output", "short-output"])
def test_a_full_disk_under_its_output_is_told(chaos: Chaos, stored: Path, command: str) -> None:
    answer = chaos.shell(f"chaos {command} > /dev/full")
    assert answer.status == 70
    assert "No space left" in answer.err
    assert "Exception ignored" not in answer.err


# --- interrupted -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_reports_what_it_finished_and_leaves_nobody_alive(
    chaos: Chaos, deadline: Deadline, number: signal.Signals
) -> None:
    out = chaos.cwd / "out"
    words = ("sweep", HEALTHY, "--backend", "threading", "--workers", "1", "--jobs", "2", "--deadline", "30",
             "--out", str(out), *BOTH)
    with chaos.start(*words, cwd=TESTS) as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdout is not None
        assert process.stderr is not None
        journal = out / "journal.ndjson"
        while not journal.exists() or journal.read_bytes().count(b'"case-finished"') < 2:
            deadline.left_s("two finished cases")
        while len(found := below(process.pid)) < 5:
            deadline.left_s("a host, two supervisors, two launchers")
        pidfds = stack.enter_context(watched(found))
        process.send_signal(number)
        said = deadline.read_until(process.stdout.fileno(), lambda read: False, "the end of its output").decode()
        deadline.gone(pidfds, "everything that the sweep had started")
        assert process.wait(deadline.left_s("chaos")) == 130
        assert process.stderr.read() == b""
    assert "interrupted: " in said
    assert len(report_of(out)["cases"]) == journal.read_bytes().count(b'"case-finished"') >= 2
    assert not [name for name in os.listdir(out) if name.endswith((".part", ".tmp"))]


def test_a_sweep_that_is_interrupted_in_its_baseline_costs_no_older_report(
    chaos: Chaos, deadline: Deadline, stored: Path
) -> None:
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    words = ("sweep", "launchers.hangs_in_start:main", "--backend", "threading", "--out", str(stored), *BOTH)
    with chaos.start(*words, cwd=TESTS) as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        while len(found := below(process.pid)) < 3:
            deadline.left_s("a host, a supervisor, a launcher")
        pidfds = stack.enter_context(watched(found))
        process.send_signal(signal.SIGTERM)
        deadline.gone(pidfds, "everything that the sweep had started")
        process.communicate(timeout=deadline.left_s("chaos"))
    assert process.returncode == 130
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == before
