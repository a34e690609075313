"""Claims about what a person sees while a sweep runs and when it is over."""

from __future__ import annotations

import functools
import io
import re
import threading
import unicodedata
from collections.abc import Callable, Mapping

import pytest
from rich.cells import cell_len
from test_report_literals import (
    HOSTILE_LOG,
    LONG_LINE,
    SITES,
    a_baseline,
    a_hang,
    a_sweep,
    an_observation,
    feed_all,
    judged,
)

from chaos.caseid import format_case
from chaos.events import CaseFinished, CaseRejudged, CaseStarted, Event, Planned, SweepStarted
from chaos.model import Broken, Exited, Grade, Judged, Outcome, StillRunning, Variant, Verdict
from chaos.report.closing import exhaustive_line
from chaos.report.terminal import Terminal

IDS = [
    f"scheduler/{backend}/w{workers}/{site}@worker.1#1..3={action}"
    for backend in ("eventlet", "threading")
    for workers in (1, 2)
    for site in SITES
    for action in ("raise:BlockingIOError:EAGAIN", "exit:0", "reset_peer")
]


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def clock_of(step_s: float) -> Callable[[], float]:
    """A clock that goes on by ``step_s`` whenever it is read."""
    readings = [0.0]

    def read() -> float:
        readings[0] += step_s
        return readings[0]

    return read


def shown(
    events: list[Event],
    *,
    stream: io.StringIO | None = None,
    width: int = 80,
    step_s: float = 0.01,
    environ: Mapping[str, str] = {"TERM": "xterm-256color"},
) -> str:
    out = stream or io.StringIO()
    terminal = Terminal(out, width=width, clock=clock_of(step_s), environ=environ,
                        notes=lambda _: ("reports: chaos-report/",))
    feed_all(terminal, events)
    return out.getvalue()


@functools.cache
def a_mixed_sweep(interrupted: bool = False) -> list[Event]:
    def one(case_id: str) -> Judged:
        if "process.fork" in case_id:
            return a_hang(case_id, HOSTILE_LOG + LONG_LINE)
        if "rpc.server" in case_id:
            return judged(case_id, Outcome.UNREACHED, grade=Grade.UNREACHED, note="rpc.server.start was never reached")
        return judged(case_id)

    variants = [a_baseline(f"scheduler/{backend}/w1/none") for backend in ("eventlet", "threading")]
    return a_sweep(map(one, IDS), variants=variants, interrupted=interrupted)


# --- off a terminal ------------------------------------------------------------------------------------------------


def test_a_plain_stream_gets_no_control_characters() -> None:
    text = shown(a_mixed_sweep(), environ={"TERM": "xterm", "FORCE_COLOR": "1"})
    assert {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs")} == {"\n"}


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("screen", [io.StringIO, Screen])
def test_no_line_is_wider_than_the_terminal_unless_it_holds_an_id(width: int, screen: type[io.StringIO]) -> None:
    text = shown(a_mixed_sweep(interrupted=True), width=width, stream=screen(), environ={"TERM": "xterm"}, step_s=0.5)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()
    assert [line for line in lines if cell_len(line) > width and "scheduler/" not in line] == []


@pytest.mark.parametrize("width", [40, 80, 200])
def test_ids_are_never_cut(width: int) -> None:
    lines = [line.strip() for line in shown(a_mixed_sweep(), width=width).splitlines()]
    assert {case_id for case_id in IDS if "process.fork" in case_id} <= set(lines)


def test_a_failing_case_is_told_at_once_with_its_id_and_why() -> None:
    case_id = "s/eventlet/w1/service.start=stall"
    out = io.StringIO()
    with Terminal(out, width=80, clock=clock_of(0.01), environ={}) as terminal:
        for event in a_sweep([a_hang(case_id)])[:-1]:
            terminal.feed(event)
        told = out.getvalue().splitlines()[-4:]
    assert told[:2] == ["FAIL hang-suspected", f"  {case_id}"]
    assert told[2].startswith("  ends: it still ran 10.0 s")


def test_a_case_that_fails_only_beside_its_twin_is_told_when_that_is_known_and_once() -> None:
    early = judged("s/eventlet/w1/a=raise")
    verdict = Verdict(Outcome.CLEAN_EXIT, Grade.FAIL, (Broken("same-on-both-backends", "x"),))
    late = CaseRejudged(early.case, verdict)
    events = a_sweep([early])
    text = shown([*events[:-1], late, late, events[-1]])
    assert text.count("FAIL clean-exit") == 1
    assert "1 case: 0 pass, 1 fail" in text


def test_progress_off_a_terminal_is_a_line_every_few_seconds_or_ten_percent() -> None:
    cases = [judged(f"s/eventlet/w1/a{number}=raise") for number in range(100)]
    quick = [line for line in shown(a_sweep(cases), step_s=0.0001).splitlines() if re.match(r"\d+/100 ", line)]
    slow = [line for line in shown(a_sweep(cases), step_s=0.05).splitlines() if re.match(r"\d+/100 ", line)]
    endless = [line for line in shown(a_sweep(cases), step_s=1.0).splitlines() if re.match(r"\d+/100 ", line)]
    assert quick == []
    assert 5 <= len(slow) <= 12
    assert 20 <= len(endless) <= 100
    assert re.fullmatch(r"\d+/100 \(\d+%\): \d+ pass, 0 fail, 0 unreached, 0 unknown, [\d.]+/s, \d+ s left", slow[3])


def test_a_stream_that_cannot_write_a_character_gets_it_spelled_out() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    feed_all(Terminal(stream, width=80, environ={}), a_sweep([judged("s/-/w1/a=raise", broken=(("cause", "日本…"),))]))
    stream.flush()
    assert b"cause: \\u65e5\\u672c\\u2026" in raw.getvalue()


# --- on a terminal -------------------------------------------------------------------------------------------------


def test_a_terminal_shows_what_runs_now_and_the_time_that_is_left() -> None:
    out = Screen()
    with Terminal(out, width=120, clock=clock_of(0.5), environ={"TERM": "xterm"}) as terminal:
        terminal.feed(SweepStarted("t", 0, 1, "smoke"))
        terminal.feed(Planned(tuple(IDS)))
        for case_id in IDS[:4]:
            terminal.feed(a_sweep([judged(case_id)])[-2])
        terminal.feed(CaseStarted(IDS[7]))
        terminal.tick()
    assert re.search(r"\n4/72 \(6%\): 4 pass, 0 fail, 0 unreached, 0 unknown, [\d.]+/s, \d+ s left\n", out.getvalue())
    assert f"{IDS[7]} " in out.getvalue()


@pytest.mark.parametrize("environ", [{"TERM": "xterm"}, {"TERM": "dumb"}])
def test_a_plan_that_grows_keeps_its_pace_and_its_one_display(environ: dict[str, str]) -> None:
    """A thorough sweep plans the second faults when it is through with the first."""
    out, now_s = Screen(), 0.0
    with Terminal(out, width=120, clock=lambda: now_s, environ=environ) as terminal:
        terminal.feed(SweepStarted("t", 0, 1, "full"))
        terminal.feed(Planned(tuple(IDS[:10])))
        for event in a_sweep([judged(case_id) for case_id in IDS[:10]]):
            if isinstance(event, CaseFinished):
                now_s += 10.0
                terminal.feed(event)
        terminal.feed(Planned(tuple(IDS[:20])))
        now_s += 10.0
        terminal.feed(a_sweep([judged(IDS[10])])[-2])
        terminal.tick()
    assert "11/20 (55%): 11 pass, 0 fail, 0 unreached, 0 unknown, 0.1/s, 90 s left" in out.getvalue()
    assert out.getvalue().count("\x1b[?25l") == (environ["TERM"] == "xterm")


def test_the_display_moves_while_nothing_happens() -> None:
    drawn = threading.Event()

    class Watched(Screen):
        def write(self, text: str) -> int:
            if " 1 s" in text:
                drawn.set()
            return super().write(text)

    now_s = 0.0
    with Terminal(Watched(), width=120, clock=lambda: now_s, environ={"TERM": "xterm"}) as terminal:
        terminal.feed(SweepStarted("t", 0, 1, "smoke"))
        terminal.feed(Planned(tuple(IDS[:2])))
        terminal.feed(CaseStarted(IDS[0]))
        assert not drawn.is_set()
        now_s = 1.0
        assert drawn.wait(30), "the case runs for a second, and nobody is told"


def test_the_display_is_gone_when_the_sweep_is_torn_down() -> None:
    out = Screen()
    with Terminal(out, width=80, environ={"TERM": "xterm"}) as terminal:
        for event in a_mixed_sweep()[:9]:
            terminal.feed(event)
    assert out.getvalue().rfind("\x1b[?25h") > out.getvalue().rfind("\x1b[?25l")


def test_no_color_leaves_no_colour_on_a_terminal() -> None:
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[\d;]+)m")
    assert colour.search(shown(a_mixed_sweep(), stream=Screen()))
    assert not colour.search(shown(a_mixed_sweep(), stream=Screen(), environ={"TERM": "xterm", "NO_COLOR": "1"}))


def test_a_terminal_that_cannot_move_its_cursor_gets_lines() -> None:
    assert "\x1b[?25l" not in shown(a_mixed_sweep(), stream=Screen(), environ={"TERM": "dumb"})


# --- the end -------------------------------------------------------------------------------------------------------


def test_the_last_line_runs_the_worst_finding_again() -> None:
    lines = shown(a_mixed_sweep()).splitlines()
    assert lines[-1] == "chaos repro scheduler/eventlet/w1/process.fork@worker.1#1..3=exit:0"
    assert lines[-2] == "72 cases: 48 pass, 12 fail, 12 unreached, 0 unknown in 63.2 s, seed 0"


def test_the_command_carries_what_the_id_does_not_hold() -> None:
    out = io.StringIO()
    feed_all(Terminal(out, suffix=" --python P -- ARGS", environ={}), a_mixed_sweep())
    assert out.getvalue().endswith("=exit:0 --python P -- ARGS\n")


def test_when_all_pass_the_summary_is_the_last_line() -> None:
    assert shown(a_sweep([judged(IDS[0])])).splitlines()[-1].startswith("1 case: 1 pass, 0 fail")


def test_how_much_of_the_start_was_covered_is_said() -> None:
    text = shown(a_sweep([judged("s/eventlet/w1/service.start=raise")], variants=[a_baseline("s/eventlet/w1/none")]))
    assert "faults fired at 1 of the 6 sites of a good start\n1 case: 1 pass" in text


def test_a_sweep_of_the_wire_alone_counts_its_own_sites_and_not_those_of_the_start() -> None:
    cases = [judged("s/eventlet/w1-rabbit/amqp.declare=down"), judged("s/eventlet/w1-rabbit/broker.ready=crash")]
    text = shown(a_sweep(cases, variants=[a_baseline("s/eventlet/w1-rabbit/none")]))
    assert "faults fired at 2 of the 2 sites in the plan (the wire and the broker)\n2 cases: 2 pass" in text


def test_sites_that_no_start_shows_are_counted_beside_those_of_the_start() -> None:
    cases = [judged("s/eventlet/w1-rabbit/amqp.declare=down"), judged("s/eventlet/w1-rabbit/service.start=raise")]
    text = shown(a_sweep(cases, variants=[a_baseline("s/eventlet/w1-rabbit/none")]))
    assert ("faults fired at 1 of the 6 sites of a good start, and at 1 of the 1 other site in the plan (the wire and the "
            "broker)") in " ".join(text.split())


def test_an_empty_sweep_says_so() -> None:
    assert shown(a_sweep([])).splitlines()[-1] == "0 cases: 0 pass, 0 fail, 0 unreached, 0 unknown in 63.2 s, seed 0"


def test_an_interrupted_sweep_says_how_much_was_finished_and_what_was_not_run() -> None:
    ids = ["s/eventlet/w1/a=raise", "s/eventlet/w1/b=raise"]
    text = shown(a_sweep([judged(ids[0])], planned=ids, interrupted=True))
    assert "interrupted: 1 of 2 planned cases were finished" in text
    assert "_ not run" in text


def test_an_unhealthy_baseline_is_told_like_a_check_and_is_what_to_run_again() -> None:
    seen = an_observation(Exited(1), output="CRITICAL no such option\n")
    dead = judged("s/eventlet/w1/none", grade=Grade.FAIL, note="it ended without being told", seen=seen)
    lines = shown(a_sweep([], variants=[Variant(dead)])).splitlines()
    assert "  > CRITICAL no such option" in lines
    assert "a start without any fault is not healthy, so nothing was injected" in lines
    assert lines[-1] == "chaos repro s/eventlet/w1/none"
    assert [line for line in lines if line.startswith("chaos repro")] == lines[-1:]
    assert not [line for line in lines if line.startswith(("Findings", "0 cases:"))]
    assert sum("CRITICAL" in line for line in lines) == 1


def test_the_matrix_reads_without_colour() -> None:
    hang = a_hang("s/threading/w1/service.start=stall")
    fine = [judged(f"s/{backend}/w1/service.create=stall") for backend in ("eventlet", "threading")]
    lines = shown(a_sweep([*fine, hang], variants=[a_baseline("s/eventlet/w1/none")])).splitlines()
    top = lines.index("                stall")
    assert lines[top : top + 4] == [
        "                stall",
        "                always",
        "service.create  . .",
        "service.start   - h",
    ]
    assert ". pass   h hang-suspected   - no case" in lines
    assert "In a cell, from left to right: eventlet w1; threading w1." in lines


def test_a_finding_is_a_line_an_id_why_and_the_command() -> None:
    case_id = "s/eventlet/w1/a=stall"
    lines = shown(a_sweep([a_hang(case_id)]), width=200).splitlines()
    start = lines.index("1. hang-suspected: a stall, 1 case (eventlet w1)")
    assert lines[start + 1] == f"   {case_id}"
    assert lines[start + 2].startswith("   ends: it still ran")
    assert lines[start + 3] == "   also broken: ready-means-ready"
    assert lines[start + 4] == f"   chaos repro {case_id}"


def test_after_twenty_findings_the_rest_is_a_line_and_an_id_each() -> None:
    cases = [judged(f"s/eventlet/w1/a{number:02}=raise", broken=(("cause", "hidden"),)) for number in range(30)]
    text = shown(a_sweep(cases))
    assert "\n20. " in text
    assert "\n30. clean-exit: a29 raise, 1 case (eventlet w1)\n   s/eventlet/w1/a29=raise\n" in text
    assert text.split("Findings, worst first")[1].count("cause: hidden") == 20


def test_a_run_that_was_cut_short_is_not_the_thing_to_run_again() -> None:
    cut = an_observation(StillRunning(1.0), stopped_watching="interrupted")
    case = judged("s/eventlet/w1/a=raise", Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN, seen=cut)
    assert not shown(a_sweep([case], interrupted=True)).splitlines()[-1].startswith("chaos repro")


def test_every_case_of_the_sweep_has_an_id_that_formats_to_itself() -> None:
    assert [format_case(judged(each).case) for each in IDS] == IDS


def test_a_reader_that_has_gone_is_an_error_for_the_caller_and_not_the_end_of_the_process() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError), Terminal(Gone(), width=80, environ={}) as terminal:
        terminal.feed(a_sweep([])[0])


def test_of_thousands_of_findings_the_end_names_some_and_counts_the_rest() -> None:
    cases = [judged(f"s/eventlet/w1/a{number:03}=raise", broken=(("cause", "hidden"),)) for number in range(310)]
    ending = shown(a_sweep(cases)).split("Findings, worst first")[1]
    assert "\n… and 10 causes more, which the files hold\n" in ending
    assert "\n300. " in ending and "\n301. " not in ending


CALL = "chaos.sample.launcher:main,oslo_config.cfg:ConfigOpts.__call__"


@pytest.mark.parametrize("planned, fired, end", [
    ([], [], "; none of them was to fail in this part of the plan"),
    ([CALL], [CALL], "; 1 were to fail, all of them failed: the loop closed"),
    ([CALL], [], "; 1 were to fail, 1 of them did not: the loop is not closed"),
])
def test_whether_the_exhaustive_loop_closed_is_said_only_of_one_that_ran(
    planned: list[str], fired: list[str], end: str
) -> None:
    assert exhaustive_line([CALL], planned, fired).endswith(end)
    assert exhaustive_line(["service.start"], planned, fired) == ""
