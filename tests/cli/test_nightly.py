"""A night at work, on a small target: one status, a folder that tells how to repeat it, and what an interruption leaves."""

from __future__ import annotations

import contextlib
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

from cli.typing_chaos import BOTH, HEALTHY, TESTS, Chaos, report_of
from processes import Deadline, below, watched

FAILS = f"{HEALTHY}/threading/w1/process.fork@parent=raise:BlockingIOError:EAGAIN"


def test_a_night_ends_with_the_worst_status_and_its_folder_holds_all_that_a_ci_system_shows(chaos: Chaos) -> None:
    out = chaos.cwd / "night"
    words = ("--profile", "smoke", "--workers", "1", "--backend", "threading", "--only", FAILS, "--out", str(out))
    answer = chaos.on_launchers("nightly", HEALTHY, *words)
    assert (answer.status, answer.err) == (1, ""), answer.out
    assert f"\nfake: status 1; {out}/fake/report.html\n  chaos sweep {HEALTHY} " in answer.out
    (command,) = (out / "commands.txt").read_text().splitlines()
    assert f"\n{command}\n" in answer.out
    assert report_of(out / "fake")["summary"]["seed"] > 20260000
    assert len(list((out / "history" / "fake").iterdir())) == 1
    assert ET.parse(out / "fake" / "junit.xml").getroot().get("failures") == "1"
    assert f"`{FAILS}`" in (out / "fake" / "summary.md").read_text()
    _shown_again(chaos, out / "fake")


def _shown_again(chaos: Chaos, report: Path) -> None:
    """A killed sweep leaves its journal: it is shown as well, and says that it did not end."""
    annotated = chaos("show", "--format", "github", str(report))
    assert annotated.status == 1
    assert annotated.out.startswith("::error title=")
    assert f"`{FAILS}`" in chaos("show", "--format", "markdown", str(report)).out
    assert f"chaos repro {FAILS}" in chaos("show", str(report)).out
    for name in ("report.json", "junit.xml", "report.html", "summary.md"):
        (report / name).unlink()
    journal = report / "journal.ndjson"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    torn = chaos("show", str(report))
    assert torn.status == 130
    assert "interrupted: 1 of 1 planned cases were finished" in torn.out


def test_a_night_that_is_cancelled_in_a_hurry_keeps_its_reports(chaos: Chaos, deadline: Deadline) -> None:
    """As a CI system does it: SIGINT, then SIGTERM, and both again, while the reports are written."""
    out = chaos.cwd / "night"
    words = ("nightly", HEALTHY, "--backend", "threading", "--workers", "1", "--jobs", "2", "--deadline", "30",
             "--out", str(out), *BOTH)
    journal = out / "fake" / "journal.ndjson"
    with chaos.start(*words, cwd=TESTS) as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdout is not None
        while not journal.exists() or journal.read_bytes().count(b'"case-finished"') < 2:
            deadline.left_s("two finished cases")
        pidfds = stack.enter_context(watched(below(process.pid)))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        said = deadline.read_until(process.stdout.fileno(), lambda read: False, "the end of its output").decode()
        deadline.gone(pidfds, "everything that the night had started")
        assert process.wait(deadline.left_s("chaos")) == 130
    assert "fake: status 130; " in said
    assert report_of(out / "fake")["summary"]["interrupted"]
    assert "interrupted: " in (out / "fake" / "summary.md").read_text()
