"""Claims about the thirteen promises: for each what breaks it, and what nearly does and must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import (
    KILL_PARENT,
    LAUNCHER,
    LAUNCHER_PROCESS,
    ONCE,
    RAISE,
    RAISE_ONCE,
    STALL,
    TERM_PARENT,
    TOKEN,
    WORKER,
    a_case,
    a_firing,
    a_hang,
    a_process,
    a_start,
    an_early_end,
    an_observation,
    deaths,
    firings_at,
    in_parent,
    judged,
)

from chaos import errorlines
from chaos.actions import ACTIONS
from chaos.errorlines import ErrorLine, error_lines, said_lines
from chaos.model import (
    Broken,
    Case,
    Exited,
    Expectation,
    Fault,
    Grade,
    Hit,
    Hits,
    Holding,
    Killed,
    Limits,
    Milestone,
    Observation,
    Outcome,
    Peak,
    Phase,
    SentSignal,
    StillRunning,
    Verdict,
)
from chaos.outcomes import BENIGN
from chaos.promises import PROMISES, same_on_both_backends

BASELINE = a_case()
RAISED, RAISED_ONCE, STALLED = a_case(RAISE), a_case(RAISE_ONCE), a_case(STALL)
KILLED, TERMED = a_case(KILL_PARENT), a_case(TERM_PARENT)
REFUSED = Fault("amqp.connect", "refuse")
TOLD = Fault("start.waiting", "signal", ("TERM",), hits=ONCE)
HARD_EXIT = Fault("launcher.launch", "exit", ("0", "hard"), role="parent", hits=ONCE)
SOFT_EXIT = replace(HARD_EXIT, args=("0",))
HELD = (Holding("temporary file", "scheduler.pid"),)
PORT = (Holding("port", "127.0.0.1:8775", "pid 101"),)
BOTH_START = (a_start(), a_start(WORKER + 1))
TWO = Expectation(servers=2)
TWO_WORKERS = (LAUNCHER_PROCESS, a_process(WORKER), a_process(WORKER + 1, "worker.1"))
CONFIGURED = Milestone(0.2, "configured", "parent", LAUNCHER)
LISTENS = Milestone(0.7, "listening", "worker.0", WORKER)
ANSWERED = Milestone(0.9, "answered", "worker.0", WORKER)
STAMP = "2026-11-22 14:44:07.649 3837"
SAID = f"{STAMP} CRITICAL scheduler [-] start failed: worker 0: RuntimeError: start failed [{TOKEN}]"

Row = tuple[str, Case, Observation]


def ids(rows: list[Row]) -> list[str]:
    return [row[0] for row in rows]


def broken(promise: str, case: Case, seen: Observation) -> Broken | None:
    return next(function for name, function, _ in PROMISES if name == promise)(case, seen)


def log(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def ended_saying(*lines: str) -> Observation:
    return an_early_end(Exited(1), a_firing(), output=log(*lines))


LOOP = a_hang(a_firing(), processes=deaths(3))

BREAKING: dict[str, list[Row]] = {
    "ends": [
        ("a hang", RAISED, a_hang(a_firing())),
        ("a hang of a baseline", BASELINE, a_hang()),
        ("alive with no worker after READY=1", RAISED, a_hang(a_firing(), ready_s=0.4)),
        ("one of two serves", RAISED, a_hang(a_firing(), expected=TWO, processes=TWO_WORKERS, milestones=(a_start(),))),
        ("READY=1 came, every service started, and chaos's calls are not answered in time", RAISED, a_hang(
            a_firing(), ready_s=0.4, milestones=(a_start(),))),
        ("every service started where nobody promised READY=1", RAISED, a_hang(
            a_firing(), milestones=(a_start(),), expected=Expectation(notifies=False))),
        ("a stop signal that chaos watched for less than the grace time", TERMED,
         a_hang(in_parent(TERM_PARENT, at_s=5.0))),
    ],
    "status": [
        ("exit 0, never served", RAISED, an_early_end(Exited(0), a_firing())),
        ("SystemExit(0) in the launcher", a_case(SOFT_EXIT), an_early_end(Exited(0), in_parent(SOFT_EXIT))),
        ("a hard exit 0 in a worker", a_case(HARD_EXIT), an_early_end(Exited(0), a_firing(HARD_EXIT))),
        ("exit 0 after serving, nobody asked", BASELINE, an_observation(stop_sent_s=None, signals=())),
        ("exit 0 after SIGTERM before it served", TERMED, an_early_end(Exited(0), in_parent(TERM_PARENT))),
        ("killed by somebody else", RAISED, an_early_end(Killed("SIGSEGV"), a_firing())),
        ("killed by somebody else while it stops", BASELINE, an_observation(ending=Killed("SIGABRT"))),
        ("reloaded, and it exits 0", BASELINE, an_observation(
            stop_sent_s=None, signals=(SentSignal(1.0, "SIGHUP", LAUNCHER, ""),))),
        ("asked only an orphan of its tree to stop", BASELINE, an_observation(
            stop_sent_s=None, signals=(SentSignal(1.0, "SIGTERM", WORKER + 1, ""),),
            processes=(*TWO_WORKERS, replace(a_process(WORKER + 1), parent_pid=1)))),
        ("asked only its worker to stop", BASELINE, an_observation(
            stop_sent_s=None, signals=(SentSignal(1.0, "SIGTERM", WORKER, ""),))),
    ],
    "cause": [
        ("silence", RAISED, an_early_end(Exited(1), a_firing())),
        ("an output that nobody reads", RAISED, replace(ended_saying(SAID), log=f"{STAMP} INFO x [-] 1 worker\n")),
        ("another error in its log file", RAISED, replace(ended_saying(SAID), log=f"{STAMP} ERROR x [-] no cells\n")),
        ("workers whose end its log file does not explain", RAISED, replace(
            LOOP, output=log(SAID), log=f"{STAMP} INFO x [-] Child 101 exited with status 1\n")),
        ("a hiding clean-up error", RAISED, ended_saying(f"{STAMP} ERROR x [-] AttributeError: no attribute 'stop'")),
        ("a token in a warning", RAISED, ended_saying(f"{STAMP} WARNING x [-] {TOKEN}", f"{STAMP} ERROR x [-] gone")),
        ("a token in a frame", RAISED, ended_saying(
            "Traceback (most recent call last):", '  File "a.py", line 1, in f', f"    raise Error('ERROR {TOKEN}')",
            "KeyError: 1")),
        ("a token in an oslo frame", RAISED, ended_saying(
            f"{STAMP} ERROR x [-] no start: KeyError: 1", f"{STAMP} ERROR x Traceback (most recent call last):",
            f"{STAMP} ERROR x     raise Error('{TOKEN}')", f"{STAMP} ERROR x KeyError: 1")),
        ("a token nine error lines ago", RAISED, ended_saying(SAID, *[f"{STAMP} ERROR x [-] clean-up"] * 8)),
        ("a token of another fault", RAISED, ended_saying(SAID.replace(TOKEN, "chaos-ffffffffff"))),
        ("a refusal that raised, in words only", a_case(Fault("rpc.connect", "refuse")), an_early_end(
            Exited(1), a_firing(Fault("rpc.connect", "refuse"), action="raise"), output="ERROR: connection refused\n")),
        ("a stall and a logger called timeout", STALLED, an_early_end(
            Exited(1), a_firing(STALL), output=f"{STAMP} ERROR nova.timeout [-] RuntimeError: no\n")),
        ("a dead worker and an error about something else", a_case(replace(RAISE, action="exit")), an_early_end(
            Exited(1), a_firing(RAISE, action="exit"), output=f"{STAMP} ERROR nova.worker [-] AttributeError: stop\n")),
        ("a delay named and a raise not", a_case(RAISE, Fault("rpc.connect", "delay")), an_early_end(
            Exited(1), a_firing(), a_firing(Fault("rpc.connect", "delay"), index=1, token="chaos-1111111111"),
            output="ERROR: deadline of 4 s passed, chaos-1111111111\n")),
        ("a token in an INFO line at the very end", RAISED, ended_saying(
            f"{STAMP} ERROR x [-] no", f"{STAMP} INFO x [-] {TOKEN}")),
        ("a baseline with no error line", BASELINE, an_early_end(Exited(2), output="INFO starting\nbye\n")),
        ("words about a worker after an unrelated error", a_case(replace(RAISE, action="exit")), an_early_end(
            Exited(1), a_firing(RAISE, action="exit"), output="ERROR: no attribute\nworkers stopped, bye\n")),
        ("a name of a signal that no action sends", a_case(replace(RAISE, args=("TERM",), role="parent")), an_early_end(
            Exited(1), in_parent(RAISE))),
        ("an empty token does not stand in every line", a_case(STALL), an_early_end(
            Exited(1), a_firing(STALL, token=""), output="ERROR: no attribute\n")),
    ],
    "nobody-left": [
        ("an orphan", RAISED, an_early_end(Exited(1), a_firing(), leftovers=(a_process(WORKER),))),
        ("an orphan after a good stop", BASELINE, an_observation(leftovers=(a_process(WORKER),))),
        ("an orphan after SIGKILL of the launcher", KILLED, an_early_end(
            Killed("SIGKILL", True), in_parent(KILL_PARENT), leftovers=(a_process(WORKER),))),
    ],
    "nothing-held": [
        ("a file", BASELINE, an_observation(holdings=HELD)),
        ("a file after an exit", RAISED, an_early_end(Exited(1), a_firing(), holdings=HELD)),
        ("a port after SIGKILL of the launcher", KILLED, an_early_end(
            Killed("SIGKILL", True), in_parent(KILL_PARENT), holdings=PORT)),
        ("a file after SIGKILL of a worker", a_case(replace(KILL_PARENT, role="worker")), an_early_end(
            Exited(1), a_firing(KILL_PARENT), holdings=HELD)),
    ],
    "gives-up": [
        ("three deaths of one worker", RAISED, a_hang(a_firing(), processes=deaths(3))),
        ("two deaths and a third life", RAISED, a_hang(
            a_firing(), processes=(*deaths(2), a_process(WORKER + 2, seen_s=3.0)))),
        ("in a baseline too", BASELINE, a_hang(processes=deaths(5))),
    ],
    "ready-means-ready": [
        ("READY=1 from a start that failed", RAISED, an_early_end(Exited(1), a_firing(), ready_s=0.4)),
        ("READY=1 from a start that hangs", RAISED, a_hang(a_firing(), ready_s=0.4)),
        ("READY=1, started, and no call is answered", STALLED, a_hang(
            a_firing(STALL, at_s=0.95), ready_s=0.9, milestones=(LISTENS, a_start()))),
        ("READY=1 before one of two had started", KILLED, an_early_end(
            Exited(1), in_parent(KILL_PARENT, at_s=1.0), ready_s=0.9, expected=TWO, milestones=(a_start(),))),
        ("READY=1 of a launcher that was configured and no more", KILLED, an_early_end(
            Exited(1), in_parent(KILL_PARENT, at_s=1.0), ready_s=0.9, milestones=(CONFIGURED,))),
        ("READY=1 before its only service had started", KILLED, an_early_end(
            Exited(1), in_parent(KILL_PARENT, at_s=1.0), ready_s=0.7, milestones=(a_start(),))),
        ("READY=1 with one fault before it and one after", a_case(RAISE, KILL_PARENT), an_early_end(
            Exited(1), a_firing(), in_parent(KILL_PARENT, index=1, at_s=1.0), ready_s=0.9, milestones=(a_start(),))),
        ("READY=1 between the fault and the failure", RAISED, an_early_end(
            Exited(1), a_firing(at_s=0.85), ready_s=0.9, milestones=(a_start(),))),
        ("served, and READY=1 never came", BASELINE, an_observation(ready_s=None)),
        ("serves, and chaos waited for READY=1 in vain", RAISED_ONCE, a_hang(
            a_firing(), milestones=(LISTENS, a_start(), ANSWERED))),
    ],
    "full-strength": [
        ("READY=1 and no worker", RAISED, a_hang(a_firing(), ready_s=0.4, processes=(LAUNCHER_PROCESS,))),
        ("one of two serves", RAISED, a_hang(a_firing(), expected=TWO, processes=TWO_WORKERS, milestones=(a_start(),))),
        ("one of two answered", RAISED, a_hang(
            a_firing(), expected=TWO, processes=TWO_WORKERS, milestones=(ANSWERED,))),
        ("started, with a listener that answers nobody", RAISED, a_hang(a_firing(), milestones=(LISTENS, a_start()))),
    ],
    "recovers": [
        ("a transient fault, then nothing", RAISED_ONCE, a_hang(a_firing())),
        ("a transient fault, then READY=1 and nothing", RAISED_ONCE, a_hang(a_firing(), ready_s=0.4)),
        ("two transient faults", a_case(RAISE_ONCE, replace(STALL, hits=Hits(1, 3))), a_hang(a_firing())),
    ],
    "stops-when-told": [
        ("still there after the grace time", BASELINE, an_observation(
            ending=StillRunning(9.1), elapsed_s=9.1, stopped_watching="grace")),
        ("told to stop while it retries", a_case(REFUSED, TOLD), a_hang(
            *(a_firing(REFUSED, at_s=at_s, number=number) for number, at_s in enumerate((0.5, 4.0, 7.5), 1)),
            in_parent(TOLD, index=1, at_s=1.7))),
        ("still there, though a fault fired while it stopped", RAISED, an_observation(
            ending=StillRunning(9.1), elapsed_s=9.1, stopped_watching="grace",
            fired=(a_firing(at_s=1.1, phase=Phase.STOP),))),
        ("still there at the end of the grace time, and the clocks were rounded", BASELINE, an_observation(
            ending=StillRunning(8.99), elapsed_s=8.99, stopped_watching="grace")),
        ("exit 1 after a fault in a process that was only configured", RAISED_ONCE, an_observation(
            ending=Exited(1), fired=(a_firing(),), milestones=(replace(CONFIGURED, pid=WORKER), a_start()))),
        ("exit 1 after a fault in one worker, the other having started before", RAISED_ONCE, an_observation(
            ending=Exited(1), fired=(a_firing(at_s=0.85, pid=WORKER + 1),))),
        ("exit 1 after a clean stop that only stop_sent_s knows of", BASELINE, an_observation(
            ending=Exited(1), signals=())),
        ("SIGTERM in full", a_case(replace(TERM_PARENT, args=("SIGTERM",))), a_hang(in_parent(TERM_PARENT))),
        ("SIGTERM by the action signal", a_case(replace(TERM_PARENT, action="signal")), a_hang(in_parent(TERM_PARENT))),
        ("exit 1 after a clean stop", BASELINE, an_observation(ending=Exited(1))),
        ("exit 1 after a fault that it had recovered from", RAISED_ONCE, an_observation(
            ending=Exited(1), fired=(a_firing(),))),
        ("exit 130 after SIGTERM", BASELINE, an_observation(ending=Exited(130))),
        ("killed by somebody else while it stops", BASELINE, an_observation(ending=Killed("SIGSEGV"))),
        ("SIGTERM on the way up, and it stays", TERMED, a_hang(in_parent(TERM_PARENT))),
        ("SIGINT by number, and it stays", a_case(replace(TERM_PARENT, args=("2",))), a_hang(in_parent(TERM_PARENT))),
        ("SIGTERM on the way up, and it takes 9 s", TERMED, an_early_end(
            Exited(143), in_parent(TERM_PARENT), elapsed_s=9.6)),
    ],
    "keeps-secrets": [
        ("in a good run", BASELINE, an_observation(leaks=("secret 0 in its output",))),
        ("in a hang", RAISED, a_hang(a_firing(), leaks=("secret 1 in its arguments, base64",))),
    ],
    "stays-in-bounds": [
        ("processes", BASELINE, an_observation(peak=Peak(2 * 3 + 17, 10, 40))),
        ("threads", BASELINE, an_observation(peak=Peak(3, 2 * 10 + 65, 40))),
        ("descriptors", BASELINE, an_observation(peak=Peak(3, 10, 2 * 40 + 257))),
        ("processes of a first run", BASELINE, an_observation(peak=Peak(66), expected=Expectation())),
        ("threads of a first run", BASELINE, an_observation(peak=Peak(1, 321), expected=Expectation())),
        ("descriptors of a first run", BASELINE, an_observation(peak=Peak(1, 1, 1281), expected=Expectation())),
    ],
}  # fmt: skip

EXCEPTION_GROUP = (
    "  + Exception Group Traceback (most recent call last):", '  |   File "a.py", line 1, in f', "  |     g()",
    "  | ExceptionGroup: two (2 sub-exceptions)", "  +-+---------------- 1 ----------------",
    f"    | ValueError: {TOKEN}", "    +---------------- 2 ----------------", "    | KeyError: 2",
    "    +------------------------------------",
)  # fmt: skip
INTERLEAVED = (
    "Traceback (most recent call last):", '  File "a.py", line 1, in f', f"{STAMP} INFO x [-] another process",
    "    raise Refused(1)", f"x.Refused: INFO of {TOKEN}",
)  # fmt: skip

KEEPING: dict[str, list[Row]] = {
    "ends": [
        ("ended by itself", RAISED, an_early_end(Exited(1), a_firing())),
        ("serves without READY=1", RAISED_ONCE, a_hang(a_firing(), milestones=(a_start(),))),
        ("told to stop and stays", BASELINE, an_observation(
            ending=StillRunning(9.1), elapsed_s=9.1, stopped_watching="grace")),
        ("told to stop on its way up and stays", TERMED, a_hang(in_parent(TERM_PARENT))),
    ],
    "status": [
        ("exit 0 after a stop", BASELINE, an_observation()),
        ("exit 1", RAISED, an_early_end(Exited(1), a_firing())),
        ("the case's own SIGKILL", KILLED, an_early_end(Killed("SIGKILL", True), in_parent(KILL_PARENT))),
        ("a hard exit 0 of the launcher itself", a_case(HARD_EXIT), an_early_end(Exited(0), in_parent(HARD_EXIT))),
        ("exit 0 after the case's SIGTERM while it serves", TERMED, an_observation(
            stop_sent_s=None, signals=(), fired=(in_parent(TERM_PARENT, at_s=1.2, phase=Phase.SERVING),))),
        ("still running", RAISED, a_hang(a_firing())),
    ],
    "cause": [
        ("in its log file", RAISED, an_early_end(Exited(1), a_firing(), log=log(SAID))),
        ("in its output, before it had a log file", RAISED, replace(ended_saying(SAID), log="")),
        ("workers that die again and again, as its log file says", RAISED, replace(LOOP, log=log(SAID))),
        ("workers that die again and again, of a launcher that logs to its output", RAISED, LOOP),
        ("a critical line with the token", RAISED, ended_saying(SAID)),
        ("in colour", RAISED, ended_saying(f"\x1b[01;31m{SAID}\x1b[00m")),
        ("the first of eight error lines", RAISED, ended_saying(SAID, *[f"{STAMP} ERROR x [-] clean-up"] * 7)),
        ("followed by any number of other lines", RAISED, ended_saying(SAID, *[f"{STAMP} INFO x [-] bye"] * 50)),
        ("followed by a long oslo traceback", RAISED, ended_saying(
            SAID, f"{STAMP} ERROR x Traceback (most recent call last):", *[f"{STAMP} ERROR x   File 'a'"] * 50,
            f"{STAMP} ERROR x ", f"{STAMP} ERROR x KeyError: 1")),
        ("a traceback on stderr", RAISED, ended_saying(
            "Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()", f"Odd: {TOKEN}")),
        ("a cause before the error that hides it", RAISED, ended_saying(
            "Traceback (most recent call last):", "  File 'a'", f"Odd: {TOKEN}", "",
            "During handling of the above exception, another exception occurred:", "",
            "Traceback (most recent call last):", "  File 'b'", "KeyError: 1")),
        ("an exception group", RAISED, ended_saying(*EXCEPTION_GROUP)),
        ("a traceback with a line of another process in it", RAISED, ended_saying(*INTERLEAVED)),
        ("a traceback within an exception group", RAISED, ended_saying(
            *EXCEPTION_GROUP[:5], "    | Traceback (most recent call last):", "    |   File 'a'",
            f"    | Odd: {TOKEN}")),
        ("an exception whose class is all capitals", RAISED, ended_saying(
            "Traceback (most recent call last):", "  File 'a'", f"EAGAIN: {TOKEN}")),
        ("a shell that starts the Python that was killed", a_case(KILL_PARENT), an_early_end(
            Exited(137), in_parent(KILL_PARENT, pid=WORKER))),
        ("a firing that is of no fault of the case", RAISED, an_early_end(
            Exited(1), a_firing(), in_parent(RAISE, index=7), in_parent(RAISE, index=-1), output=SAID)),
        ("an exception's second line", RAISED, ended_saying("ValueError: two lines:", f"  [{TOKEN}]")),
        ("logging.basicConfig", RAISED, ended_saying(f"ERROR:nova:no start: {TOKEN}")),
        ("sys.exit with a message", a_case(replace(SOFT_EXIT, args=("broken",))), an_early_end(
            Exited(1), a_firing(SOFT_EXIT), output=f"INFO x\nbroken [{TOKEN}]\n\n")),
        ("one of two breaking faults", a_case(STALL, RAISE), an_early_end(
            Exited(1), a_firing(STALL, token=""), a_firing(index=1), output=SAID)),
        ("a stall and a deadline", STALLED, an_early_end(
            Exited(1), a_firing(STALL), output=f"{STAMP} ERROR x [-] worker 0 was not ready when 4 s had passed\n")),
        ("a freeze and faulthandler's dump", a_case(Fault("a", "freeze")), an_early_end(
            Exited(1), a_firing(Fault("a", "freeze")), output="Timeout (0:00:04)!\nThread 0x1:\n  File 'a'\n")),
        ("a killed worker", a_case(Fault("a", "kill")), an_early_end(
            Exited(70), a_firing(Fault("a", "kill")), output="CRITICAL: worker 0 (pid 101) was killed by SIGKILL\n")),
        ("a refusal outside the process", a_case(Fault("a", "refuse")), an_early_end(
            Exited(69), a_firing(Fault("a", "refuse"), token=""), output="ERROR: broker is unreachable\n")),
        ("a wrong value and any error", a_case(Fault("a", "return")), an_early_end(
            Exited(1), a_firing(Fault("a", "return")), output="TypeError: 'NoneType' object is not iterable\n")),
        ("a hard exit of the launcher itself", a_case(replace(HARD_EXIT, args=("3", "hard"))), an_early_end(
            Exited(3), in_parent(HARD_EXIT))),
        ("exit 143 after the case's SIGTERM", TERMED, an_early_end(Exited(143), in_parent(TERM_PARENT))),
        ("exit 1 after a stop", BASELINE, an_observation(ending=Exited(1))),
        ("exit 0", RAISED, an_early_end(Exited(0), a_firing())),
        ("a baseline that says why", BASELINE, an_early_end(Exited(2), output="nova: error: no such option: --x\n")),
    ],
    "nobody-left": [
        ("nobody", BASELINE, an_observation()),
        ("workers that chaos itself cut off", RAISED, a_hang(a_firing(), leftovers=(a_process(WORKER),))),
    ],
    "nothing-held": [
        ("nothing", BASELINE, an_observation()),
        ("a file of a launcher that chaos ended", RAISED, a_hang(a_firing(), holdings=HELD)),
        ("a file after SIGKILL of the launcher", KILLED, an_early_end(
            Killed("SIGKILL", True), in_parent(KILL_PARENT), holdings=HELD)),
    ],
    "gives-up": [
        ("one replacement", RAISED, a_hang(a_firing(), processes=deaths(2))),
        ("many deaths, and it ended", RAISED, an_early_end(Exited(1), a_firing(), processes=deaths(9))),
        ("many deaths, and it served, and then it did not stop", RAISED_ONCE, an_observation(
            ending=StillRunning(9.1), stopped_watching="grace", processes=deaths(4))),
        ("many deaths, and it served", RAISED_ONCE, an_observation(processes=deaths(4))),
        ("deaths of workers that were ready", RAISED, a_hang(
            a_firing(), processes=deaths(4), milestones=tuple(a_start(WORKER + n) for n in range(3)))),
        ("more workers than expected, all alive", RAISED, a_hang(
            a_firing(), processes=tuple(a_process(WORKER + n) for n in range(4)))),
        ("a command that is run again and again", RAISED, a_hang(a_firing(), processes=tuple(
            a_process(WORKER + n, role, 1.0) for n, role in enumerate(["", "helper", "helper.1", "", ""])))),
        ("six workers that died once each", a_case(RAISE, workers=6), a_hang(
            a_firing(), processes=deaths(6), expected=Expectation(servers=6))),
    ],
    "ready-means-ready": [
        ("READY=1 a moment before chaos's call is answered", BASELINE, an_observation(ready_s=0.5)),
        ("no READY=1 from a launcher that never sends it", BASELINE, an_observation(
            ready_s=None, expected=Expectation(notifies=False))),
        ("a start that fails without READY=1", RAISED, an_early_end(Exited(1), a_firing())),
        ("a launcher that was killed after a true READY=1", KILLED, an_early_end(
            Killed("SIGKILL", True), in_parent(KILL_PARENT, at_s=0.91), ready_s=0.9, milestones=(a_start(),))),
        ("a launcher that was killed after a true READY=1 and a delay", a_case(Fault("a", "delay"), KILL_PARENT),
         an_early_end(
             Killed("SIGKILL", True), a_firing(Fault("a", "delay")), in_parent(KILL_PARENT, index=1, at_s=0.91),
             ready_s=0.9, milestones=(a_start(),))),
        ("told to stop on its way up", TERMED, an_observation(ready_s=None, fired=(in_parent(TERM_PARENT),))),
        ("a hang without READY=1", RAISED, a_hang(a_firing())),
    ],
    "full-strength": [
        ("a hang in which nothing started", RAISED, a_hang(a_firing())),
        ("a respawn loop after READY=1", RAISED, a_hang(a_firing(), ready_s=0.4, processes=deaths(4))),
        ("full strength without READY=1", RAISED_ONCE, a_hang(a_firing(), milestones=(a_start(),))),
        ("it ended", RAISED, an_early_end(Exited(1), a_firing(), ready_s=0.4)),
        ("a worker that started and died", RAISED, a_hang(
            a_firing(), processes=(LAUNCHER_PROCESS, a_process(WORKER, gone_s=1.0)), milestones=(a_start(),))),
    ],
    "recovers": [
        ("one fault of two is for good", a_case(RAISE_ONCE, STALL), a_hang(a_firing())),
        ("it ended", RAISED_ONCE, an_early_end(Exited(1), a_firing())),
        ("it served", RAISED_ONCE, an_observation(fired=(a_firing(),))),
        ("it serves without READY=1", RAISED_ONCE, a_hang(a_firing(), milestones=(a_start(),))),
        ("nothing fired", RAISED_ONCE, a_hang()),
        ("it fired while stopping", RAISED_ONCE, a_hang(a_firing(phase=Phase.STOP))),
        ("the fault is the stop signal", TERMED, a_hang(in_parent(TERM_PARENT))),
    ],
    "stops-when-told": [
        ("exit 0", BASELINE, an_observation()),
        ("death by the signal", BASELINE, an_observation(ending=Killed("SIGTERM", True))),
        ("143, which is death by the signal to a shell", BASELINE, an_observation(ending=Exited(143))),
        ("130 after SIGINT", BASELINE, an_observation(
            ending=Exited(130), signals=(SentSignal(1.0, "SIGINT", LAUNCHER, ""),))),
        ("exit 1 because a fault fired while it stopped", RAISED, an_observation(
            ending=Exited(1), fired=(a_firing(at_s=1.1, phase=Phase.STOP),))),
        ("exit 1 because a fault fired in the launcher while it stopped", RAISED, an_observation(
            ending=Exited(1), fired=(in_parent(RAISE, at_s=1.1, phase=Phase.STOP),))),
        ("exit 1 because its worker broke just after its start", RAISED, an_observation(
            ending=Exited(1), fired=(a_firing(at_s=0.85),))),
        ("exit 70 at the last moment after SIGTERM on the way up", TERMED, an_early_end(
            Exited(70), in_parent(TERM_PARENT, at_s=0.5), elapsed_s=8.5)),
        ("SIGTERM to a worker", a_case(replace(TERM_PARENT, role="worker")), a_hang(a_firing(TERM_PARENT))),
        ("SIGHUP, which is a reload", a_case(replace(TERM_PARENT, args=("HUP",))), a_hang(in_parent(TERM_PARENT))),
        ("never told", RAISED, a_hang(a_firing())),
        ("told, and not watched for as long as the grace time", TERMED, a_hang(in_parent(TERM_PARENT, at_s=5.0))),
    ],
    "keeps-secrets": [
        ("no leak", BASELINE, an_observation()),
        ("no leak in a log that speaks of passwords", BASELINE, an_observation(output="password = ***\n")),
    ],
    "stays-in-bounds": [
        ("at the bound", BASELINE, an_observation(peak=Peak(2 * 3 + 16, 2 * 10 + 64, 2 * 40 + 256))),
        ("at the bound of a first run", BASELINE, an_observation(peak=Peak(65, 320, 1280), expected=Expectation())),
        ("nothing measured", BASELINE, an_observation(peak=Peak())),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("promise", "row"), [pytest.param(name, row, id=f"{name}: {row[0]}") for name in BREAKING for row in BREAKING[name]]
)
def test_it_is_broken_by(promise: str, row: Row) -> None:
    found = broken(promise, row[1], row[2])
    assert found is not None
    assert found.promise == promise
    assert "\n" not in found.because and 20 < len(found.because) < 400


@pytest.mark.parametrize(
    ("promise", "row"), [pytest.param(name, row, id=f"{name}: {row[0]}") for name in KEEPING for row in KEEPING[name]]
)
def test_it_is_not_broken_by(promise: str, row: Row) -> None:
    assert broken(promise, row[1], row[2]) is None


def test_the_promises_are_the_first_twelve_of_the_contract_in_its_order() -> None:
    assert [name for name, _, _ in PROMISES] == [
        "ends", "status", "cause", "nobody-left", "nothing-held", "gives-up", "ready-means-ready", "full-strength",
        "recovers", "stops-when-told", "keeps-secrets", "stays-in-bounds",
    ]  # fmt: skip
    assert all(doc and "\n" not in doc for _, _, doc in PROMISES)


def test_every_promise_has_a_literal_that_breaks_it_and_two_that_nearly_do() -> None:
    names = [name for name, _, _ in PROMISES]
    assert [name for name in names if not BREAKING.get(name) or len(KEEPING.get(name, [])) < 2] == []


def test_a_healthy_run_breaks_nothing() -> None:
    assert [function(BASELINE, an_observation()) for _, function, _ in PROMISES] == [None] * 12


@pytest.mark.parametrize(
    ("promise", "row", "evidence"),
    [
        ("ends", "a hang", ["10.5 s", "0 of 1", "raise at service.start in worker.0 (pid 101) at 0.5 s"]),
        ("ends", "alive with no worker after READY=1", ["READY=1 at 0.4 s"]),
        ("ends", "one of two serves", ["1 of 2 expected processes serve (pid 101)"]),
        ("status", "exit 0, never served", ["exited 0", "1.4 s", "never served"]),
        ("status", "exit 0 after serving, nobody asked", ["nobody had asked"]),
        ("status", "killed by somebody else", ["SIGSEGV"]),
        ("cause", "silence", ["exited 1", "it wrote nothing at all"]),
        ("cause", "a baseline with no error line", ["none of its last 2 lines reads as an error; the last one is 'bye'"]),
        ("cause", "a stall and a logger called timeout",
         ["a word about the stall at service.start", "RuntimeError: no"]),
        ("cause", "a hiding clean-up error", [TOKEN, "1 error lines", "AttributeError: no attribute"]),
        ("cause", "another error in its log file",
         [TOKEN, "1 error lines of its log file (its output names it)", "no cells"]),
        ("cause", "workers whose end its log file does not explain",
         ["die again and again", "not one error line of its log"]),
        ("nobody-left", "an orphan", ["1 process", "3 s", "worker.0 pid 101 (scheduler)"]),
        ("nothing-held", "a port after SIGKILL of the launcher", ["port 127.0.0.1:8775 (held by pid 101)"]),
        ("gives-up", "three deaths of one worker",
         ["3 workers", "101, 102, 103", "2 births more", "1 expected", "10.5 s"]),
        ("ready-means-ready", "READY=1 from a start that failed", ["0.4 s", "0 of 1", "raise at service.start"]),
        ("ready-means-ready", "served, and READY=1 never came", ["1 s after exec", "never came"]),
        ("full-strength", "started, with a listener that answers nobody",
         ["0 of 1", "pid 101 started but answers no call"]),
        ("recovers", "a transient fault, then nothing", ["0.5 s", "10.5 s", "raise at service.start"]),
        ("stops-when-told", "still there after the grace time",
         ["told to stop 1 s after exec", "8.1 s later", "grace time is 8 s"]),
        ("stops-when-told", "told to stop while it retries",
         ["told to stop 1.7 s after exec", "goes on with its retries (3 so far, refuse at amqp.connect in worker.0"]),
        ("stops-when-told", "exit 1 after a clean stop", ["exited 1", "0.4 s"]),
        ("keeps-secrets", "in a good run", ["1 leak", "secret 0 in its output"]),
        ("stays-in-bounds", "processes", ["23 processes", "bound is 22"]),
    ],
)  # fmt: skip
def test_the_reason_holds_the_evidence(promise: str, row: str, evidence: list[str]) -> None:
    found = next(broken(promise, case, seen) for name, case, seen in BREAKING[promise] if name == row)
    assert found is not None
    assert [word for word in evidence if word not in found.because] == []


FULL = Fault("process.image", "limit", ("nofile", "64"), "parent", ONCE)
OF_A_SHELL = Expectation(0, False, speaks=False, said=said_lines("starting as pid 7 in /tmp/x1\nserving\nbye\n"))


@pytest.mark.parametrize(("output", "is_named"), [
    ("starting as pid 9 in /tmp/y2\nDatenbank fehlt\n", True),         # its own word, which no list of words could hold
    ("starting as pid 9 in /tmp/y2\nDatenbank fehlt\nbye\n", True),
    ("starting as pid 9 in /tmp/y2\n", False),                         # no word more than in a good start
    ("starting as pid 9 in /tmp/y2\nbye\n", False),
    ("Datenbank fehlt\n" + "serving\n" * 8, False),                   # long before the end
    ("", False),
])
def test_a_program_without_an_agent_names_the_cause_in_words_that_its_good_start_does_not_say(
        output: str, is_named: bool) -> None:
    seen = an_early_end(Exited(3), in_parent(FULL, token=""), expected=OF_A_SHELL, output=output)
    assert (broken("cause", a_case(FULL), seen) is None) is is_named
    in_python = replace(seen, expected=replace(OF_A_SHELL, speaks=True))
    assert broken("cause", a_case(FULL), in_python) is not None


def test_a_long_list_of_evidence_is_shortened_and_counted() -> None:
    found = broken("nobody-left", BASELINE, an_observation(leftovers=tuple(a_process(n) for n in range(200, 230))))
    assert found is not None and "30 processes" in found.because and "and 26 more" in found.because


# --- the thirteenth ----------------------------------------------------------------------------------------------


def pair(first: Outcome, second: Outcome) -> Broken | None:
    halves = [
        judged(a_case(RAISE, backend=backend), an_observation(), Verdict(outcome, Grade.FAIL))
        for backend, outcome in (("eventlet", first), ("threading", second))
    ]
    return same_on_both_backends(halves[0], halves[1])


@pytest.mark.parametrize(("line", "is_named"), [
    ("CRITICAL app [-] start failed: rpc_response_timeout is no number: 'soon'", True),
    ("CRITICAL app [-] start failed: option nobody set", False),
    ("CRITICAL app [-] start failed: bad option in DEFAULT", False)])
def test_a_value_that_was_set_is_the_cause_where_a_line_is_about_it(line: str, is_named: bool) -> None:
    """Beside a fault that breaks something, and of which the line does not tell."""
    value = Fault("config.file", "set", ("DEFAULT", "rpc_response_timeout", "soon"), role="parent", hits=ONCE)
    case = a_case(value, RAISE)
    seen = an_early_end(Exited(78), a_firing(value, token="chaos-aaaaaaaaaa"), a_firing(RAISE, index=1),
                        output=f"2026-11-26 09:20:28.528 1060 {line}\n")
    assert (broken("cause", case, seen) is None) is is_named


@pytest.mark.parametrize(("site", "action", "workers", "is_compared"), [
    ("amqp.declare", "down", 2, False), ("broker.consume", "crash", 2, False), ("amqp.declare", "down", 1, True),
    ("amqp.declare", "reset_peer", 2, True), ("broker.connect", "crash", 2, True), ("broker.ready", "restart", 2, True)])
def test_a_fault_that_cuts_the_other_workers_wherever_they_stand_is_not_compared(
        site: str, action: str, workers: int, is_compared: bool) -> None:
    fault = Fault(site, action, (), None, ONCE)
    one, other = (judged(replace(a_case(fault, backend=backend), workers=workers), an_observation(),
                         Verdict(outcome, Grade.PASS))
                  for backend, outcome in (("eventlet", Outcome.CLEAN_EXIT), ("threading", Outcome.RECOVERED)))
    assert (same_on_both_backends(one, other) is not None) is is_compared


@pytest.mark.parametrize("second", [Outcome.HANG_SUSPECTED, Outcome.RECOVERED, Outcome.FALSE_SUCCESS])
def test_two_outcomes_of_one_case_break_the_thirteenth_promise(second: Outcome) -> None:
    found = pair(Outcome.STARTED, second)
    assert found == Broken("same-on-both-backends", f"started under eventlet, {second} under threading")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Outcome.STARTED, Outcome.STARTED),
        (Outcome.HANG_SUSPECTED, Outcome.HANG_SUSPECTED),
        (Outcome.STARTED, Outcome.UNREACHED),
        (Outcome.UNREACHED, Outcome.KILLED),
        (Outcome.HARNESS_ERROR, Outcome.STARTED),
        (Outcome.STARTED, Outcome.HARNESS_ERROR),
    ],
)
def test_equal_outcomes_or_a_run_that_says_nothing_keep_the_thirteenth_promise(first: Outcome, second: Outcome) -> None:
    assert pair(first, second) is None


# --- readings that several promises share ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22 14:44:07.649 3837 DEBUG oslo [-] logging_exception_prefix = %(asctime)s ERROR %(name)s",
        f"{STAMP} INFO x [-] ERROR: not one",
        "WARNING:x:ERROR ahead",
        "no error here",
        "The above exception was the direct cause of the following exception:",
        "Thread 0x00007f (most recent call first):",
        '  File "a.py", line 3 in <module>',
        "",
        'time=10:00 level=info msg="failed to open, ERROR 3"',
        '{"level":"warn","msg":"Error: no such file or directory"}',
        '{"msg":"cannot open","severity": "INFO"}',
        "I1126 10:00:00.123456       1 main.go:10] failed to open",
        "INFO set level=error",
        "it can't be slow",
        "log level: error",
        "fallback for no such file or directory is built in",
    ],
)
def test_these_are_not_error_lines(line: str) -> None:
    assert error_lines(line) == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{STAMP} ERROR nova.worker [None req-1 - - -] it broke", "it broke"),
        (f"{STAMP} CRITICAL nova.worker it broke", "it broke"),
        (f"{STAMP} ERROR nova.worker [-]   indented like a frame", "  indented like a frame"),
        ("ERROR:nova.worker:it broke", "it broke"),
        ("[ERROR] it broke", "[ERROR] it broke"),
        ("nova: error: it broke", "nova: error: it broke"),
        ("oslo_messaging.exceptions.MessageDeliveryFailure: it broke", None),
        ("Timeout (0:00:04)!", None),
        ("Fatal Python error: Segmentation fault", None),
        ("cannot open database: no such file", None),
        ("2026/11/26 10:00:00 listen tcp :80: bind: address already in use", None),
        ("2026/11/26 10:00:00 could not reach the store", None),
        ('Exception in thread "main" java.net.BindException: Address already in use', None),
        ("thread 'main' panicked at src/main.rs:4:5:", None),
        ('Error: Os { code: 2, kind: NotFound, message: "No such file or directory" }', None),
        ("open /etc/x: Permission denied (os error 13)", None),
        ("Error: listen EADDRINUSE: address already in use :::80", None),
        ("17:M 26 Nov 2026 10:00:00.000 # Fatal error, can't open config file '/x': No such file or directory", None),
        ('time="10:00" level=error msg="no route"', None),
        ('{"time":"10:00","level":"error","msg":"INFO is off"}', None),
        ('{"level":50,"msg":"gone"}', None),
        ("E1126 10:00:00.123456       1 main.go:10] gone", None),
    ],
)
def test_these_are_error_lines_and_their_message_holds_no_logger(line: str, message: str | None) -> None:
    assert [found.message for found in error_lines(line)] == [message or line]


@pytest.mark.parametrize(("output", "more"), [
    ("ERROR: a\nsaid b\n\nsaid c\n", ["\nsaid b"]),
    ("ERROR: a\nsaid b\n  said c\nINFO: on\nsaid d\n", ["\nsaid b\n  said c"]),
    ("said z\nERROR: a\nERROR: b\nsaid c\nValueError: d\nsaid e", ["", "\nsaid c", "\nsaid e"]),
    ("Traceback (most recent call last):\n  File x\nShopError: a\nof b\nof c\nERROR: d", ["\nof b\nof c", ""]),
])
def test_the_text_of_an_error_goes_on_until_something_else_is_said(output: str, more: list[str]) -> None:
    assert [line.more for line in error_lines(output)] == more


def test_what_follows_an_error_line_is_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(line: str, message: str, more: str = "") -> ErrorLine:
        made.append(len(more))
        return ErrorLine(line, message, more)

    monkeypatch.setattr(errorlines, "ErrorLine", make)
    output = "ERROR: it begins\n" + "and goes on\n" * 20_000
    (line,) = error_lines(output)
    assert line.more == "\nand goes on" * 20_000
    assert made == [len(line.more)]


def test_an_oslo_traceback_is_two_error_lines_however_long_it_is() -> None:
    prefix = f"{STAMP} ERROR x"
    text = log(
        f"{prefix} [-] no start: ValueError: outer", f"{prefix} Traceback (most recent call last):",
        *[f'{prefix}   File "a.py", line 1, in f', f"{prefix}     f()", f"{prefix}     ^^^"] * 40,
        f"{prefix} KeyError: inner", f"{prefix} ",
        f"{prefix} The above exception was the direct cause of the following exception:", f"{prefix} ",
        f"{prefix} Traceback (most recent call last):", f"{prefix}   File 'b'",
        f"{prefix} ValueError: outer", f"{prefix} ",
    )  # fmt: skip
    messages = [line.message for line in error_lines(text)]
    assert messages == ["no start: ValueError: outer", "KeyError: inner", "ValueError: outer"]


def test_an_oslo_exception_group_is_an_error_line_an_exception() -> None:
    text = log(*(f"{STAMP} ERROR x {line}" for line in EXCEPTION_GROUP))
    messages = ["ExceptionGroup: two (2 sub-exceptions)", f"ValueError: {TOKEN}", "KeyError: 2"]
    assert [line.message for line in error_lines(text)] == messages
    assert [line.message for line in error_lines(log(*EXCEPTION_GROUP))] == messages


OF_TIME, OF_END, OF_NETWORK = "ERROR: deadline of 4 s passed", "ERROR: child gone: SIGKILL", "ERROR: connection lost"


@pytest.mark.parametrize(
    ("action", "naming", "missing"),
    [
        ("stall", [OF_TIME], [OF_END, OF_NETWORK]),
        ("freeze", [OF_TIME], [OF_END, OF_NETWORK]),
        ("delay", [OF_TIME], [OF_END, OF_NETWORK]),
        ("exit", [OF_END], [OF_TIME, OF_NETWORK]),
        ("kill", [OF_END], [OF_TIME, OF_NETWORK]),
        ("signal", [OF_END], [OF_TIME, OF_NETWORK]),
        ("refuse", [OF_NETWORK], [OF_TIME, OF_END]),
        ("reset_peer", [OF_NETWORK], [OF_TIME, OF_END]),
        *((word, [OF_NETWORK, OF_TIME], [OF_END]) for word in (
            "blackhole", "timeout", "latency", "bandwidth", "slicer", "slow_close", "limit_data")),
        ("return", [OF_TIME, OF_END, OF_NETWORK], []),
        ("limit", [OF_TIME, OF_END, OF_NETWORK], []),
        ("an action that this chaos does not know", [OF_TIME, OF_END, OF_NETWORK], []),
    ],
)  # fmt: skip
def test_without_a_token_the_error_line_must_be_about_the_action(
    action: str, naming: list[str], missing: list[str]
) -> None:
    fault = Fault("a", action)
    seen = an_early_end(Exited(1), a_firing(fault, token=""))
    assert [line for line in naming if broken("cause", a_case(fault), replace(seen, output=line))] == []
    assert [line for line in missing if not broken("cause", a_case(fault), replace(seen, output=line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: startup time exceeded", "ERROR: RPC timed out", "TimeoutError", "ERROR: worker 1 is not ready",
        "ERROR: hub blocked", "ERROR: no answer from worker 0", "ERROR: worker 0 did not report",
        "ERROR: hung in start()", "ERROR: gave up after 4 s", "ERROR: start() is stuck",
    ],
)  # fmt: skip
def test_a_launcher_may_say_in_its_own_words_that_something_took_too_long(line: str) -> None:
    assert broken("cause", STALLED, an_early_end(Exited(1), a_firing(STALL), output=line)) is None


@pytest.mark.parametrize(
    "line", ["RuntimeError: no", "BlockingIOError: no", "ERROR: sometimes it is so", "ERROR: change of plans"]
)
def test_words_that_only_look_like_time_do_not_name_a_stall(line: str) -> None:
    assert broken("cause", STALLED, an_early_end(Exited(1), a_firing(STALL), output=line)) is not None


def test_a_log_line_of_a_megabyte_is_read_in_a_moment() -> None:
    assert error_lines("ERROR " + "x " * 500_000 + "\n" + "(" * 1_000_000)[0].message.startswith("ERROR x")


def test_the_judge_and_the_agent_agree_on_which_actions_break_something() -> None:
    assert {action.word for action in ACTIONS if not action.breaks} == BENIGN & {action.word for action in ACTIONS}


def test_a_notify_socket_that_chaos_took_away_is_no_missing_notice() -> None:
    deaf = a_case(Fault("notify.socket", "gone", role="parent", hits=ONCE))
    assert broken("ready-means-ready", deaf, an_observation(ready_s=None, notices=())) is None
    assert broken("ready-means-ready", BASELINE, an_observation(ready_s=None, notices=())) is not None


def test_a_retry_is_seen_by_the_hits_that_go_on_after_a_transient_fault() -> None:
    case = a_case(replace(RAISE, hits=Hits(1, 3)))
    over = a_hang(*firings_at(0.5, 1.5, 4.5))
    goes_on = replace(over, hits=tuple(Hit(at_s, RAISE.site, "worker.0", 4) for at_s in (6.0, 9.0)))
    reasons = [broken("ends", case, seen) for seen in (over, goes_on)]
    assert [reason is not None and "retries" in reason.because for reason in reasons] == [False, True]


def test_the_launcher_is_known_by_its_parent_and_not_by_its_place_in_the_list() -> None:
    seen = an_observation(
        stop_sent_s=None, processes=(a_process(WORKER, gone_s=1.3), LAUNCHER_PROCESS), limits=Limits(grace_s=0.1)
    )
    assert broken("stops-when-told", BASELINE, seen) is not None
    assert seen.signals[0].pid == LAUNCHER


TOLD_AS_READY = an_early_end(Exited(0), in_parent(TERM_PARENT, at_s=0.8), milestones=(a_start(),), ready_s=0.9)


@pytest.mark.parametrize(("site", "at_s", "is_judged"), [
    ("broker.ready", 0.95, False), ("amqp.connect", 0.95, False), ("broker.connect", 0.2, True),
    ("service.start", 0.95, True)])
def test_a_broker_that_broke_once_all_had_started_may_show_in_the_status_of_the_stop(
        site: str, at_s: float, is_judged: bool) -> None:
    """Nobody says in which process a fault of the node or of the wire was met: it is the launcher's for its name only."""
    fault = Fault(site, "pause")
    seen = an_observation(ending=Exited(75), fired=(a_firing(fault, at_s=at_s, pid=LAUNCHER),))
    assert (broken("stops-when-told", a_case(fault), seen) is not None) is is_judged


@pytest.mark.parametrize("promise", ["status", "ready-means-ready", "stops-when-told"])
def test_a_stop_that_crosses_the_notice_of_a_start_that_worked_breaks_nothing(promise: str) -> None:
    assert broken(promise, TERMED, TOLD_AS_READY) is None


@pytest.mark.parametrize(
    "change", [{"milestones": ()}, {"ready_s": None}, {"ready_s": 1.4}, {"milestones": (a_start(at_s=1.2),)}]
)
def test_a_stop_before_the_start_had_worked_is_no_success(change: dict[str, object]) -> None:
    assert broken("status", TERMED, replace(TOLD_AS_READY, **change)) is not None
