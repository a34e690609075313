"""What happened in one run, as exactly one Outcome, and the readings of the evidence behind it. Pure.

It must not say whether that is acceptable: promises and grades do. The readings (error lines, who asked for the stop,
who died before it was ready) are public because the promises argue from the very same ones: a verdict whose outcome and
whose reasons come from two readings of one log contradicts itself sooner or later.
"""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterable
from typing import assert_never

from chaos.errorlines import ErrorLine, Kind, error_lines, last_lines, read_line, said_lines
from chaos.model import (
    Case,
    Exited,
    Fault,
    Firing,
    Killed,
    Lifetime,
    Observation,
    Outcome,
    Phase,
    Process,
    StillRunning,
)

BENIGN = frozenset({"delay", "return", "limit", "latency", "bandwidth", "slicer", "slow_close", "jump", "close", "fill",
                    "full", "preload", "twice", "set", "unset", "unquoted", "absent", "gone", "unwritable",
                    "first_dead", "two_addresses"})
"""Actions that a start may simply survive: they slow it down, bound it or hand it another value. Not imported from
``actions``: a stored observation may hold words that this chaos does not run (a test keeps the common words equal)."""

STOP_SIGNALS = frozenset({"SIGTERM", "SIGINT"})
"""The signals by which an operator stops a service; the contract names these two."""

LAST_LINES = 8
"""How many of the last error lines an operator reads to learn the cause."""

BUSY = 0.5
"""Processor seconds a second from which a tree that gets nowhere is called a livelock: half of one processor."""

_CROSSED_S = 0.5
"""How much later than a stop signal a notice may be seen that was on its way before: machines are shared."""

REPEATS = 3
"""Firings in one process from which it is a retry loop; two firings are one retry, a habit of many libraries."""

EXECUTED_AGAIN = 5
"""Times that a launcher runs one Python command before it is ready from which that is a worker that it does not give up."""

RESPAWNS = 2
"""Births beyond the expected workers from which they are a loop; one replacement is what a healthy launcher does."""

_STARTED = ("service started", "started", "answered")

_LAST_RETRY_SHARE = 1 / 3
"""A retry loop still retries when chaos stops watching: back-off that doubles leaves less than two thirds quiet."""


# --- the outcome ----------------------------------------------------------------------------------------------------


def outcome_of(case: Case, seen: Observation) -> Outcome:
    """The one outcome of a run."""
    if seen.harness or seen.stopped_watching in ("broken", "interrupted"):
        return Outcome.HARNESS_ERROR
    if unfired(case, seen):
        return Outcome.UNREACHED
    return what_happened(case, seen)


def what_happened(case: Case, seen: Observation) -> Outcome:
    """The outcome if chaos did its part: what a note says of a run whose fault never fired.

    A signal from elsewhere is ``killed`` even after a good start and a stop: it is the more telling word, and the
    promise ``status`` is broken either way. A launcher that the case ended beyond any answer ended cleanly.
    """
    stopped = asked_to_stop_s(case, seen) is not None and (seen.served_s is not None or was_ready_when_told(case, seen))
    match seen.ending:
        case StillRunning():
            return _still_running(case, seen)
        case Killed(by_chaos=False):
            return Outcome.KILLED
        case _ if stopped and seen.served_s is None:
            return Outcome.STARTED
        case _ if stopped:
            return _served(case, seen)
        case Killed():
            return Outcome.CLEAN_EXIT
        case Exited() if ended_by_the_case(case, seen):
            return Outcome.CLEAN_EXIT
        case Exited(status=0) if seen.expected.silent and asked_to_stop_s(case, seen) is not None:
            return Outcome.CLEAN_EXIT
        case Exited(status=0):
            return Outcome.FALSE_SUCCESS
        case Exited():
            return Outcome.SILENT_EXIT if unnamed_cause(case, seen) else Outcome.CLEAN_EXIT
        case _:
            assert_never(seen.ending)


def _still_running(case: Case, seen: Observation) -> Outcome:
    """The order is from the most to the least specific: a respawn loop also burns processor time, and half serves. What is
    proven to hang is not called degraded because it said READY=1: nobody of it serves, and nobody ever will.
    """
    hang = Outcome.HANG_SUSPECTED if seen.proof is None else Outcome.HANG_PROVEN
    if seen.served_s is not None:
        return hang if asked_to_stop_s(case, seen) is not None else _served(case, seen)
    if respawned(seen):
        return Outcome.RESPAWN_LOOP
    if retried(case, seen):
        return Outcome.RETRY_LOOP
    if seen.proof is None and seen.cpu_share is not None and seen.cpu_share >= BUSY:
        return Outcome.LIVELOCK
    if seen.proof is not None and not started_and_alive(seen):
        return Outcome.HANG_PROVEN
    return Outcome.DEGRADED if announced(seen) or started_and_alive(seen) else hang


def announced(seen: Observation) -> bool:
    """It looks ready to whoever asks: it said READY=1, or shows every sign that was asked for."""
    return seen.ready_s is not None or shows_all_signs(seen)


def was_ready_when_told(case: Case, seen: Observation) -> bool:
    """A launcher that had shown that it is ready when it was told to stop: chaos had no time to look at it longer.

    Of one that has services, they had all started by then; its notice may have crossed the signal on its way.
    """
    asked_s = asked_to_stop_s(case, seen)
    shown = [sign.seen_s for sign in seen.signs] or [seen.ready_s]
    if asked_s is None:
        return False
    until_s = asked_s + (_CROSSED_S if seen.expected.servers else 0.0)
    if not all(shown_s is not None and shown_s <= until_s for shown_s in shown):
        return False
    started = {m.pid for m in seen.milestones if m.name in ("service started", "started") and m.at_s <= asked_s}
    return len(started) >= seen.expected.servers


def shows_all_signs(seen: Observation) -> bool:
    return bool(seen.signs) and all(sign.seen_s is not None for sign in seen.signs)


def stays_up_untold(case: Case, seen: Observation) -> bool:
    """A fault broke something on the way up, and the launcher stayed; nothing tells whether it serves since."""
    met = (fault for firing in seen.fired if firing.phase is Phase.START and (fault := fault_of(case, firing)))
    return seen.expected.silent and seen.served_s is not None and any(map(breaks, met))


def _served(case: Case, seen: Observation) -> Outcome:
    """Recovered: something broke for a while on the way up. Not after a delay, which breaks nothing, nor after a
    persistent fault, from which nothing can recover: who serves in spite of it did not need the thing."""
    for firing in seen.fired:
        fault = fault_of(case, firing)
        if fault and fault.transient and breaks(fault) and firing.phase is Phase.START:
            return Outcome.RECOVERED
    return Outcome.STARTED


# --- faults and firings ---------------------------------------------------------------------------------------------


def unfired(case: Case, seen: Observation) -> tuple[Fault, ...]:
    """The faults of the case that never happened."""
    happened = {firing.index for firing in seen.fired}
    return tuple(fault for index, fault in enumerate(case.faults) if index not in happened)


def fault_of(case: Case, firing: Firing) -> Fault | None:
    """The fault that fired; None for a firing that is not of this case (a record that another version wrote)."""
    return case.faults[firing.index] if 0 <= firing.index < len(case.faults) else None


def breaks(fault: Fault) -> bool:
    return fault.action not in BENIGN


def signal_of(fault: Fault) -> str:
    """The signal that the actions ``kill`` and ``signal`` send, as ``SIGTERM``, whether the case says SIGTERM, TERM or
    15; "" for other actions. ``kill`` alone is SIGKILL."""
    if fault.action not in ("kill", "signal"):
        return ""
    text = fault.args[0].upper() if fault.args else "KILL"
    if text.isdecimal():
        return next((known.name for known in signal.Signals if known.value == int(text)), text)
    return text if text.startswith("SIG") else f"SIG{text}"


def launcher_pid(seen: Observation) -> int | None:
    """The process that chaos started: the one whose parent is no process of the tree. None: no process was seen."""
    pids = {process.pid for process in seen.processes}
    roots = [process for process in seen.processes if process.parent_pid not in pids]
    return min(roots, key=lambda process: process.seen_s).pid if roots else None


def asked_to_stop_s(case: Case, seen: Observation) -> float | None:
    """When the launcher was first asked to stop: by chaos once it served, or by a stop signal that the case sends it.

    Not by a SIGTERM to a worker, which the launcher has to answer by replacing the worker, nor by SIGHUP, a reload.
    """
    asked = [seen.stop_sent_s] if seen.stop_sent_s is not None else []
    asked += [s.at_s for s in seen.signals if s.signal in STOP_SIGNALS and s.pid == launcher_pid(seen)]
    asked += [firing.at_s for firing in seen.fired if _asks_to_stop(case, firing)]
    return min(asked, default=None)


def _asks_to_stop(case: Case, firing: Firing) -> bool:
    fault = fault_of(case, firing)
    return fault is not None and signal_of(fault) in STOP_SIGNALS and _meets(fault, firing) == "parent"


def _meets(fault: Fault, firing: Firing) -> str:
    """The role that feels the fault: the one in which it fired, unless it is a signal to another (``signal:TERM:parent``)."""
    whom = fault.args[1] if fault.action == "signal" and len(fault.args) > 1 else "self"
    return firing.role if whom == "self" else whom


def ended_by_the_case(case: Case, seen: Observation) -> bool:
    """The case itself ended the launcher's process in a way that no program can answer: SIGKILL, or a hard exit there.

    Not by ``exit`` alone: that raises SystemExit, which a launcher can see and has to report truthfully.
    """
    felt = ((fault_of(case, firing), firing) for firing in seen.fired)
    return any(fault is not None and _meets(fault, firing) == "parent" and _beyond_answer(fault)
               for fault, firing in felt)


def _beyond_answer(fault: Fault) -> bool:
    hard_exit = fault.action == "exit" and "hard" in fault.args
    return hard_exit or signal_of(fault) == "SIGKILL"


# --- processes ------------------------------------------------------------------------------------------------------


def is_worker(process: Process) -> bool:
    """Not a helper, and not a process in which the agent never spoke: a launcher may run commands again and again."""
    return process.role == "worker" or process.role.startswith("worker.")


def started_pids(seen: Observation) -> frozenset[int]:
    """The processes whose service's start() returned, or that answered a call."""
    return frozenset(m.pid for m in seen.milestones if m.name in _STARTED)


def started_and_alive(seen: Observation) -> frozenset[int]:
    return started_pids(seen) - {process.pid for process in seen.processes if process.gone_s is not None}


def serving_pids(seen: Observation) -> frozenset[int]:
    """The live processes that started their service and answered a call, where they have a listener or should have one."""
    listening = {m.pid for m in seen.milestones if m.name == "listening"}
    answered = {m.pid for m in seen.milestones if m.name == "answered"}
    all_answer = 0 < seen.expected.servers <= seen.expected.answers
    return frozenset(pid for pid in started_and_alive(seen)
                     if pid in answered or not (all_answer or pid in listening))


def serves_unannounced(seen: Observation) -> bool:
    """All expected processes serve, but chaos waited in vain for READY=1: it works, and its supervisor will kill it."""
    promised = seen.expected.notifies and seen.ready_s is None
    there = len(serving_pids(seen)) >= seen.expected.servers if seen.expected.servers else shows_all_signs(seen)
    return seen.served_s is None and promised and (there or len(serving_pids(seen)) >= max(1, seen.expected.servers))


def executed_again(seen: Observation) -> tuple[Process, ...]:
    """Dead Pythons of one command line that the launcher itself ran at least ``EXECUTED_AGAIN`` times before it was ready:
    workers that are programs of their own. Not other programs: a launcher may ask pg_isready again and again."""
    launcher = launcher_pid(seen)
    died = [p for p in seen.processes if p.role == "helper" and p.parent_pid == launcher and p.gone_s is not None]
    command, count = (Counter(p.command for p in died).most_common(1) or [("", 0)])[0]
    if count < EXECUTED_AGAIN or seen.ready_s is not None or started_pids(seen):
        return ()
    return tuple(p for p in died if p.command == command)


def dead_before_ready(seen: Observation) -> tuple[Process, ...]:
    started = started_pids(seen)
    forked = tuple(p for p in seen.processes if is_worker(p) and p.gone_s is not None and p.pid not in started)
    return forked or executed_again(seen)


def respawned(seen: Observation) -> int:
    """How many workers were born beyond the expected ones, if they are a loop: 0 or at least ``RESPAWNS``.

    Workers that were ready before they died are no loop of the start, and neither are more workers than expected that
    all live: so as many must have died before they were ready.
    """
    births = sum(map(is_worker, seen.processes)) or len(executed_again(seen))
    extra = min(births - seen.expected.servers, len(dead_before_ready(seen)))
    return extra if extra >= RESPAWNS else 0


def retried(case: Case, seen: Observation) -> tuple[Firing, ...]:
    """The firings of one fault in one living process that goes on retrying; () if there is none.

    Not a retry: a burst of calls that all failed at once and then nothing (a pool that could start no thread), a
    transient fault that is over and whose site nobody reached again, and a process that died of it.
    """
    gone = {process.pid for process in seen.processes if process.gone_s is not None}
    counts = Counter((firing.index, firing.pid) for firing in seen.fired if firing.pid not in gone)
    loops = [key for key, count in counts.most_common() if count >= REPEATS]
    fired = (tuple(f for f in seen.fired if (f.index, f.pid) == key) for key in loops)
    return next((firings for firings in fired if _goes_on(case, seen, firings)), ())


def _goes_on(case: Case, seen: Observation, firings: tuple[Firing, ...]) -> bool:
    first, last = firings[0], firings[-1]
    fault = fault_of(case, last)
    reached = [h.at_s for h in seen.hits if (h.site, h.role) == (last.site, last.role) and h.at_s > last.at_s]
    if fault is not None and fault.hits.lifetime is not Lifetime.PERSISTENT and not reached:
        return False
    latest_s = max([last.at_s, *reached])
    return latest_s - first.at_s >= (seen.elapsed_s - first.at_s) * _LAST_RETRY_SHARE


# --- the cause ------------------------------------------------------------------------------------------------------

_OF_TIME = re.compile(
    r"\btime\b|time-?d?[ -]?out|deadline|\bnot (?:yet )?ready|\bblock(?:ed|s|ing)?\b|\bstuck\b|\bh[au]ng(?:s|ing)?\b"
    r"|\bstall|\bfr[eo]ze|unresponsive|\b(?:did|has|have) not\b|\bno (?:answer|response|reply)\b"
    r"|\b(?:within|after) \d",
    re.IGNORECASE,
)
_OF_END = re.compile(
    r"\bworkers?\b|\bchild(?:ren)?\b|\bprocess(?:es)?\b|\bexit(?:s|ed|ing)?\b|\bSystemExit\b|\bkilled\b"
    r"|\bsignal(?:l?ed)?\b|\bstatus\b|\bpid\b|\bdied\b|\bterminated\b|\bSIG[A-Z]{2,}\d*\b",
    re.IGNORECASE,
)
_OF_NETWORK = re.compile(
    r"connect|refused|\breset\b|unreachable|\bECONN|\bbroker\b|\bamqp\b|\bsocket\b|\bpeer\b|\bnetwork\b|\btransport\b",
    re.IGNORECASE,
)
_OF_TLS = re.compile(r"certificate|\bssl\b|\btls\b", re.IGNORECASE)
_ANYTHING = re.compile("")

_ABOUT = {
    "stall": (_OF_TIME,),
    "freeze": (_OF_TIME,),
    "delay": (_OF_TIME,),
    "exit": (_OF_END,),
    "kill": (_OF_END,),
    "signal": (_OF_END,),
    "refuse": (_OF_NETWORK,),
    "reset_peer": (_OF_NETWORK,),
    "blackhole": (_OF_NETWORK, _OF_TIME),
    "timeout": (_OF_NETWORK, _OF_TIME),
    "latency": (_OF_NETWORK, _OF_TIME),
    "bandwidth": (_OF_NETWORK, _OF_TIME),
    "slicer": (_OF_NETWORK, _OF_TIME),
    "slow_close": (_OF_NETWORK, _OF_TIME),
    "limit_data": (_OF_NETWORK, _OF_TIME),
    **dict.fromkeys(("half_open", "down", "first_dead", "crash", "halt", "pause", "restart", "alarm", "die"),
                    (_OF_NETWORK, _OF_TIME)),
    **dict.fromkeys(("header", "garbage", "short", "stuck", "enormous", "mechanisms", "forced", "deaf", "mismatch"),
                    (_OF_NETWORK, _OF_TIME, re.compile("mechanism|declare|PRECONDITION", re.IGNORECASE))),
    "denied": (re.compile(r"\b403\b|ACCESS.?REFUSED|login|password|authenti", re.IGNORECASE),),
    "unknown": (re.compile(r"\b530\b|NOT.?ALLOWED|vhost|virtual host", re.IGNORECASE),),
    **dict.fromkeys(("expired", "wrong_host", "unknown_authority"), (_OF_TLS,)),
    **dict.fromkeys(("plain_text", "plain_port"), (_OF_TLS, _OF_NETWORK)),
}
"""What an error line must be about when the action leaves no token. Any error line does for an action that is not here:
nobody can say beforehand what a wrong return value or a resource limit makes a library complain of."""


_RAISING = frozenset({"raise", "refuse", "reset_peer"})


def unnamed_cause(case: Case, seen: Observation) -> str:
    """Why the last error lines do not name the cause of an exit, as the second half of a sentence; "" if they do.

    Of several faults that fired one named is enough (which of them ended the start cannot be known), but a delay does
    not stand in for what broke, nor does a value that was set, unless the line is about it. No line is owed for a stop
    signal that the case sent to the launcher, nor by a launcher that the case ended beyond any answer or whose output it
    took away.

    Where the target has a log file and has begun to write to it, the operator reads that, and a line that only its output
    holds is nowhere. What fails before has the output alone.
    """
    if ended_by_the_case(case, seen) or asked_to_stop_s(case, seen) is not None or _muted(case, seen):
        return ""
    suspects = _suspects(case, seen)
    log = seen.log or seen.output
    last = error_lines(log)[-LAST_LINES:]
    if any(_names(line, fault, firing) for line in last for fault, firing in suspects):
        return ""
    if any(_names_setting(line, fault) for line in last for fault in _settings(case, seen)):
        return ""
    if any(firing.token and firing.token in _farewell(log) for _, firing in suspects):
        return ""
    where = _of_its_log_file(seen, suspects)
    if not last:
        spoke = _spoke_no_error(seen, log)
        return f"there is not one error line{where}" if spoke and where else spoke
    if not suspects:
        return ""
    wanted = " or ".join(_wanted(fault, firing) for fault, firing in suspects)
    lines = f"{'the' if where else 'its'} last {len(last)} error lines{where}"
    return f"none of {lines} holds {wanted}; the last one is {shortened(last[-1].line)!r}"


def _spoke_no_error(seen: Observation, log: str) -> str:
    """Why nothing that it wrote can be read as an error; "" where that says nothing.

    A program without an agent speaks in words of its own, perhaps not in English: what it says last and does not say in a
    good start, from its beginning to its stop, is its word about the cause. Python has a level or a traceback for it.
    """
    last = last_lines(log, LAST_LINES)
    if not last:
        return "it wrote nothing at all"
    usual = set(seen.expected.said)
    if not seen.expected.speaks and any(line not in usual for line in said_lines("\n".join(last))):
        return ""
    if len(last) == 1:
        return f"the one line that it wrote does not read as an error: {shortened(last[0])!r}"
    return f"none of its last {len(last)} lines reads as an error; the last one is {shortened(last[-1])!r}"


def _muted(case: Case, seen: Observation) -> bool:
    """The case took the launcher's standard output and error away: what it says then, nobody can hear."""
    felt = (fault_of(case, firing) for firing in seen.fired)
    return any(fault is not None and (fault.action in ("close", "fill", "full") or fault.site == "syscall.write")
               for fault in felt)


def _of_its_log_file(seen: Observation, suspects: Iterable[tuple[Fault, Firing]]) -> str:
    """Of a target with a log file: whether its output names what the file does not."""
    if not seen.log:
        return ""
    named = any(firing.token and firing.token in seen.output for _, firing in suspects)
    return " of its log file (its output names it)" if named else " of its log file"


def _farewell(output: str) -> str:
    """The log's very last line if it has no level: ``sys.exit("why")`` prints ``why`` and nothing else."""
    last = output.rstrip().splitlines()[-1:]
    return last[0] if last and read_line(last[0], False)[0] is Kind.PLAIN else ""


def _suspects(case: Case, seen: Observation) -> list[tuple[Fault, Firing]]:
    """The faults that may have ended it, each with a firing: those that break something, or else all that fired."""
    happened = {firing.index: firing for firing in seen.fired}
    pairs = [(case.faults[index], firing) for index, firing in sorted(happened.items()) if fault_of(case, firing)]
    return [pair for pair in pairs if breaks(pair[0])] or pairs


def _names(line: ErrorLine, fault: Fault, firing: Firing) -> bool:
    if firing.token and (firing.token in line.line or firing.token in line.more):
        return True
    if _raises(fault, firing):
        return False
    return any(words.search(line.message) for words in _ABOUT.get(fault.action, (_ANYTHING,)))


def _settings(case: Case, seen: Observation) -> list[Fault]:
    """The values of its configuration or environment that the case had it meet: beside a fault that breaks something, one of
    them may be what ended it."""
    return [fault for fault in filter(None, (fault_of(case, firing) for firing in seen.fired)) if fault.action == "set"]


def _names_setting(line: ErrorLine, fault: Fault) -> bool:
    """By its name or its value; a short one may stand in any line."""
    return any(word in line.message for word in fault.args if len(word) > 3 and word != "DEFAULT")


def _raises(fault: Fault, firing: Firing) -> bool:
    """An action that raises puts its token into the exception. The agent raises for network words too, and says
    ``raise`` then; a network fault outside the process has no token to look for."""
    return bool(firing.token) and not _RAISING.isdisjoint((fault.action, firing.action))


def _wanted(fault: Fault, firing: Firing) -> str:
    if _raises(fault, firing):
        return f"the token {firing.token}"
    return f"a word about the {fault.action} at {fault.site}"


def seconds(at_s: float) -> str:
    return f"{round(at_s, 2):g} s"


def shortened(line: str, *, most: int = 160) -> str:
    line = line.strip()
    return line if len(line) <= most else line[: most - 1] + "…"
