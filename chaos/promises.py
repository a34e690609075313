"""The startup contract: one pure function a promise, from a case and what was seen to why it is broken, or None.

A promise does not ask whether chaos did its part: ``judge`` sees to runs that were interrupted or whose fault never
fired. ``because`` is one sentence with the evidence in it: what an operator would want to see before believing it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import assert_never

from chaos.model import (
    BACK,
    Broken,
    Case,
    Exited,
    Expectation,
    Firing,
    Holding,
    Judged,
    Killed,
    Observation,
    Outcome,
    Peak,
    Phase,
    Process,
    Proof,
    StillRunning,
)
from chaos.outcomes import (
    asked_to_stop_s,
    breaks,
    dead_before_ready,
    ended_by_the_case,
    fault_of,
    outcome_of,
    respawned,
    retried,
    seconds,
    serves_unannounced,
    serving_pids,
    shows_all_signs,
    started_and_alive,
    unnamed_cause,
    was_ready_when_told,
)
from chaos.readiness import wanted
from chaos.survival import brings_it_back, leaves_broker

Promise = Callable[[Case, Observation], Broken | None]

SAME_ON_BOTH_BACKENDS = "same-on-both-backends"

_SHOWN = 4
"""How many pids, files or leaks a sentence lists; the observation holds them all."""


def ends(case: Case, seen: Observation) -> Broken | None:
    """Broken by a launcher that still runs at the deadline and does not serve, whatever it is doing meanwhile; and by one
    that uses the time that it has for waiting for its broker, and does not say what it waits for.

    Not by one that serves, nor by one that serves and only forgot READY=1 (``ready-means-ready``), nor by one that was
    told to stop and does not (``stops-when-told``): each defect is said once.
    """
    if _serves(seen) or stops_when_told(case, seen):
        return None
    if not isinstance(seen.ending, StillRunning):
        return _waited_in_silence(seen)
    after = f"still running {seconds(seen.ending.after_s)} after exec and not serving"
    proven = f"; {_proven(seen.proof)}" if seen.proof is not None else ""
    return Broken("ends", f"{after}: {_doing(case, seen)}{_first_firing(case, seen)}{proven}")


def status(case: Case, seen: Observation) -> Broken | None:
    """Broken by exit 0 without a start that worked and a stop that was asked for, and by a signal from elsewhere.

    Not by a signal that chaos sent, nor by a hard exit 0 that the case put into the launcher's own process: no program
    can change that status. A wrong status other than 0 after a stop is ``stops-when-told``.
    """
    match seen.ending:
        case Killed(name, by_chaos=False):
            return Broken("status", f"{name}, which chaos did not send, killed it {seconds(seen.elapsed_s)} after exec")
        case Exited(0) if not ended_by_the_case(case, seen):
            missing, when = _missing_for_success(case, seen), seconds(seen.elapsed_s)
            return Broken("status", f"it exited 0 {when} after exec, but {missing}") if missing else None
        case Exited() | Killed() | StillRunning():
            return None
        case _:
            assert_never(seen.ending)


def cause(case: Case, seen: Observation) -> Broken | None:
    """Broken by an exit other than 0, not asked for, whose cause is not in the last error lines of the log.

    Not by exit 0 (``status``), not by an exit after a stop, and not by a launcher that the case itself ended beyond any
    answer: nobody was left to speak. What counts as named stands at ``unnamed_cause``. A launcher with a log file owes it as
    well for workers that die again and again: they are all that its operator will see.
    """
    if isinstance(seen.ending, Exited) and seen.ending.status:
        what = f"it exited {seen.ending.status}"
    elif seen.log and isinstance(seen.ending, StillRunning) and respawned(seen):
        what = "its workers die again and again"
    else:
        return None
    reason = unnamed_cause(case, seen)
    return Broken("cause", f"{what}, and {reason}") if reason else None


def nobody_left(case: Case, seen: Observation) -> Broken | None:
    """Broken by processes that outlive the launcher by more than the time that they are given to notice its end.

    Not where chaos had to end the launcher: what its clean-up met had no launcher that could have ended it.
    """
    if not seen.leftovers or isinstance(seen.ending, StillRunning):
        return None
    listed = _listed([_process(process) for process in seen.leftovers])
    given = seconds(seen.limits.orphan_s)
    return Broken("nobody-left", f"{_count(seen.leftovers, 'process')} outlived it by {given}: {listed}")


def nothing_held(case: Case, seen: Observation) -> Broken | None:
    """Broken by what the launcher took and did not give back.

    Not where chaos had to end it, and not by a file that nobody holds open once the case itself killed the launcher:
    no program removes a file after SIGKILL. A port or lock with an owner is held even then.
    """
    if isinstance(seen.ending, StillRunning):
        return None
    excused = ended_by_the_case(case, seen)
    held = [holding for holding in seen.holdings if holding.owner or not excused]
    return Broken("nothing-held", f"not given back: {_listed([_holding(one) for one in held])}") if held else None


def gives_up(case: Case, seen: Observation) -> Broken | None:
    """Broken by workers that die before they are ready and are born again until chaos stops watching.

    Not by workers that were respawned and then served, nor by a launcher that respawned some and then ended.
    """
    extra = respawned(seen)
    if not extra or _serves(seen) or not isinstance(seen.ending, StillRunning):
        return None
    dead = dead_before_ready(seen)
    pids = _listed([str(process.pid) for process in dead])
    return Broken(
        "gives-up",
        f"{_count(dead, 'worker')} died before they were ready (pids {pids}) and were replaced, {extra} births more"
        f" than the {seen.expected.servers} expected, until chaos stopped watching at {seconds(seen.elapsed_s)}",
    )


def ready_means_ready(case: Case, seen: Observation) -> Broken | None:
    """Broken by READY=1 from a start that never served, and by a start that serves and keeps READY=1 to itself.

    READY=1 a moment before chaos's own call is answered is right: the call takes its time. So is one that was true when
    it was sent: every service had started, what broke broke later, and the launcher ended. And nobody owes READY=1
    once it was told to stop on its way up.
    """
    if seen.ready_s is not None and seen.served_s is None and not _was_true(case, seen, seen.ready_s):
        came = f"READY=1 came {seconds(seen.ready_s)} after exec and it never served"
        stood = _missing_signs(seen) or (f"{len(serving_pids(seen))} of {seen.expected.servers} expected processes served at"
                                         " the end")
        return Broken("ready-means-ready", f"{came} ({stood}{_first_firing(case, seen)})")
    if _serves(seen) and _owes_notice(case, seen):
        when = "it serves" if seen.served_s is None else f"it served {seconds(seen.served_s)} after exec"
        return Broken("ready-means-ready", f"{when} and READY=1, which a good start sends, never came")
    return None


def full_strength(case: Case, seen: Observation) -> Broken | None:
    """Broken by a launcher that stays up and looks healthy with less than it should have.

    Not by one that says nothing and where nothing started: that is a hang, not a pretence; nor by a loop, which
    anybody who looks can see; nor by one at full strength that only forgot READY=1.
    """
    if outcome_of(case, seen) is not Outcome.DEGRADED or serves_unannounced(seen):
        return None
    return Broken("full-strength", f"it stays up though {_strength(seen)}")


def recovers(case: Case, seen: Observation) -> Broken | None:
    """Broken by a start that a transient fault leaves in between: neither serving nor ended, the fault long over. And by one
    that ends of what takes nothing away: a broker that restarts, a second host or address beside a dead one, a slow wire.

    Not where one of the faults is for good, nor where nothing fired on the way up, nor where the fault is the stop
    signal itself: from that nothing has to recover.
    """
    early = [firing for firing in seen.fired if firing.phase is Phase.START]
    if gave_up := _ended_of_too_little(case, seen, early):
        return gave_up
    lasting = not all(fault.transient for fault in case.faults)
    if lasting or not early or _serves(seen) or not isinstance(seen.ending, StillRunning):
        return None
    if asked_to_stop_s(case, seen) is not None:
        return None
    last = early[-1]
    since = f"{_firing(case, last)} happened {seconds(last.at_s)} after exec and not again"
    return Broken("recovers", f"{since}, and {seconds(seen.elapsed_s)} after exec it neither serves nor has ended")


def stops_when_told(case: Case, seen: Observation) -> Broken | None:
    """Broken by not ending within the grace time, and after serving by a status that is not true.

    True are 0, death by the signal that was sent, and 128 + that signal, by which shells and many launchers report it.
    Not judged is the status of a launcher in which a fault fired after its service had started: it may say so. Nor the
    grace time of a launcher that chaos did not watch for as long as that.
    """
    asked_s = asked_to_stop_s(case, seen)
    if asked_s is None:
        return None
    if isinstance(seen.ending, StillRunning) or seen.elapsed_s - asked_s > seen.limits.grace_s:
        return _overstayed(case, seen, asked_s)
    if seen.served_s is None or _fired_after_start(seen, asked_s) or _true_after_stop(seen):
        return None
    took = f"{seconds(seen.elapsed_s - asked_s)} after it was told to stop, served and unbroken since"
    return Broken("stops-when-told", f"it {_past(seen.ending)} {took}")


def keeps_secrets(case: Case, seen: Observation) -> Broken | None:
    """Broken by a secret where anybody can read it. ``leaks`` say which secret and where, never the secret itself."""
    if not seen.leaks:
        return None
    return Broken("keeps-secrets", f"{_count(seen.leaks, 'leak')} of its configuration: {_listed(list(seen.leaks))}")


def stays_in_bounds(case: Case, seen: Observation) -> Broken | None:
    """Broken by more processes, threads or descriptors at one time than anything in the case explains.

    Not by the second generation of workers beside the first, nor by a pool of threads that fills under a fault: the
    bound is twice the baseline and some. It is there for growth by CPU count, by retry or by a leak.
    """
    over = [_over(what, used, bound) for what, used, bound in _bounds(case, seen.expected, seen.peak) if used > bound]
    return Broken("stays-in-bounds", "; ".join(over)) if over else None


PROMISES: tuple[tuple[str, Promise, str], ...] = (
    ("ends", ends, "after a fault that it cannot absorb, it ends by itself within the deadline"),
    ("status", status, "it exits 0 only after a start that worked and a stop that was asked for"),
    ("cause", cause, "the cause is named in its last error lines"),
    ("nobody-left", nobody_left, "no process of its tree outlives it"),
    ("nothing-held", nothing_held, "ports, sockets, locks, pid files and temporary files are free again"),
    ("gives-up", gives_up, "workers that die before they are ready are not respawned for ever"),
    ("ready-means-ready", ready_means_ready, "READY=1 is sent when it serves, and only then"),
    ("full-strength", full_strength, "it does not stay up, looking healthy, with less than it should have"),
    ("recovers", recovers, "after a transient fault it ends up serving or it ends"),
    ("stops-when-told", stops_when_told, "SIGTERM or SIGINT ends it within the grace time, with a truthful status"),
    ("keeps-secrets", keeps_secrets, "no secret of its configuration can be read anywhere"),
    ("stays-in-bounds", stays_in_bounds, "processes, threads and file descriptors stay within a bound"),
)
"""The promises that one run can break, in the order of the contract: id, function, what it promises. The thirteenth,
``same_on_both_backends``, needs two runs."""


def same_on_both_backends(a: Judged, b: Judged) -> Broken | None:
    """Broken by two outcomes of one case. Not where one of the two runs says nothing (never fired, chaos's own fault).

    Strict on purpose: started here and recovered there is a finding too, for somebody to look at. But it must be one
    case: the fault met both at the same moment (start, serving, stop) and in processes that do the same. eventlet with
    one worker serves in the launcher itself and threading in a forked worker, so a thread of the parent is the service's
    here and the launcher's there; a difference says nothing then (docs/decisions/0004).
    """
    silent = (Outcome.UNREACHED, Outcome.HARNESS_ERROR)
    first, second = a.verdict.outcome, b.verdict.outcome
    if first is second or first in silent or second in silent or not met_the_same(met_by(a), met_by(b)):
        return None
    return Broken(SAME_ON_BOTH_BACKENDS, f"{first} under {a.case.backend}, {second} under {b.case.backend}")


@dataclass(frozen=True, slots=True)
class Met:
    """What has to be known of a run to say what its fault met: in which ``phase`` it fired first (None: it never did), and
    which processes serve in a good start."""

    case: Case
    phase: Phase | None
    serving_roles: tuple[str, ...]


def met_by(judged: Judged) -> Met:
    fired = judged.seen.fired
    return Met(judged.case, fired[0].phase if fired else None, judged.seen.expected.serving_roles)


def met_the_same(a: Met, b: Met) -> bool:
    """Whether the fault of a pair met the same thing in both runs, so that a difference says something of the backends."""
    alike = a.phase is b.phase and _serves_itself(a) is _serves_itself(b)
    return alike and not _is_met_elsewhere(a.case) and not _cuts_others(a.case)


def _serves_itself(met: Met) -> bool:
    """Whether a general site (a thread, a pool, a timer) of the launcher's own process is one of the service's."""
    general = any(fault.site.startswith(_GENERAL_SITES) and fault.role != "worker" for fault in met.case.faults)
    return general and "parent" in met.serving_roles


_CUTS_ALL = ("down", "crash", "halt", "restart", "die")
_ONE_BY_ONE = ("amqp.start", "amqp.tune", "amqp.declare", "amqp.consume", "amqp.frames", "amqp.bytes", "amqp.seconds",
               "broker.declare", "broker.consume", "broker.connected")
"""Moments to which the connections of several workers come one after the other."""


def _cuts_others(case: Case) -> bool:
    """Whether the fault, at a moment of one worker's connection, cuts those of the others too, wherever they stand: now and
    then at a call that oslo.messaging does not try again, so that the start ends and does not recover."""
    return case.workers > 1 and any(fault.action in _CUTS_ALL and fault.site in _ONE_BY_ONE for fault in case.faults)


def has_to_be_survived(case: Case) -> bool:
    """Whether each fault of the case leaves a broker there, or brings it back within a second or two, so that no start has a
    reason to end. Not a restart that meets the connections of several workers, wherever they stand (see ``_cuts_others``).
    """
    is_survived = all(leaves_broker(fault) or brings_it_back(fault) for fault in case.faults)
    return bool(case.faults) and is_survived and not _cuts_others(case)


def _is_met_elsewhere(case: Case) -> bool:
    """Whether the fault is met at another thing on the other backend: the n-th thread, timer or process; a submit, to the
    pool of the RPC server here and to that of a timer there; a limit, wherever the process next needs what it takes."""
    return any(fault.site.startswith("executor.") or fault.action == "limit"
               or (fault.site.startswith(_GENERAL_SITES) and fault.hits.first > 1) for fault in case.faults)


_GENERAL_SITES = ("thread.", "greenthread.", "executor.", "timer.", "process.")


# --- readings ----------------------------------------------------------------------------------------------------

def _ended_of_too_little(case: Case, seen: Observation, early: list[Firing]) -> Broken | None:
    """Exit 0 is ``status``; what the target met once it served is no matter of its start: ``early`` is what it met before."""
    if not isinstance(seen.ending, Exited) or seen.ending.status == 0 or seen.served_s is not None or not early:
        return None
    if not has_to_be_survived(case) or asked_to_stop_s(case, seen) is not None:
        return None
    if early[0].action == "restart" and _away_s(seen, early[0]) > _A_MOMENT_S:
        return None
    why = f"{_firing(case, early[-1])} takes no broker away for longer than a moment"
    return Broken("recovers", f"it {_past(seen.ending)} {seconds(seen.elapsed_s)} after exec, and {why}")


_A_MOMENT_S = 4.0
"""A node restarts within two seconds, and on a busy machine in its own time: nobody has to wait for longer than this."""


def _away_s(seen: Observation, firing: Firing) -> float:
    back_s = min((mile.at_s for mile in seen.milestones if mile.name == BACK), default=seen.elapsed_s)
    return back_s - firing.at_s


_WAITS = re.compile(r"\bwaiting for\b|\bretry|trying again|not serving after|was not reached", re.IGNORECASE)
"""How a log says that something is waited for, or was."""


def _waited_in_silence(seen: Observation) -> Broken | None:
    if not seen.limits.wait_s or not seen.fired or _WAITS.search(seen.output) or _WAITS.search(seen.log or ""):
        return None
    waited_s, usual_s = seen.elapsed_s - seen.fired[0].at_s, seen.limits.deadline_s - seen.limits.wait_s
    if waited_s <= usual_s:
        return None
    return Broken("ends", f"it ended {seconds(waited_s)} after the fault: more than {seconds(usual_s)} it has only for "
                          "waiting for its broker, and its log does not say that it waits")


def _serves(seen: Observation) -> bool:
    """Also by what it shows, though perhaps not at full strength: that is a promise of its own."""
    return seen.served_s is not None or serves_unannounced(seen) or _shows_itself(seen)


def _shows_itself(seen: Observation) -> bool:
    """Alive, and all signs that were asked for are there, one of them more than READY=1: its word alone is what is judged."""
    return (isinstance(seen.ending, StillRunning) and shows_all_signs(seen)
            and any(wanted(sign.text).kind != "notify" for sign in seen.signs))


def _missing_for_success(case: Case, seen: Observation) -> str:
    if seen.served_s is None and not seen.expected.silent and not was_ready_when_told(case, seen):
        return "it never served"
    return "" if asked_to_stop_s(case, seen) is not None else "nobody had asked it to stop"


def _was_true(case: Case, seen: Observation, ready_s: float) -> bool:
    if _shows_itself(seen) or (was_ready_when_told(case, seen) and not isinstance(seen.ending, StillRunning)):
        return True
    started = {m.pid for m in seen.milestones if m.name in ("service started", "started") and m.at_s <= ready_s}
    broke = [f for f in seen.fired if (fault := fault_of(case, f)) and breaks(fault)]
    ended = not isinstance(seen.ending, StillRunning)
    return ended and len(started) >= max(1, seen.expected.servers) and all(f.at_s >= ready_s for f in broke)


def _owes_notice(case: Case, seen: Observation) -> bool:
    asked_s = asked_to_stop_s(case, seen)
    told_early = asked_s is not None and seen.served_s is not None and asked_s < seen.served_s
    unheard = any(fault.site == "notify.socket" or (fault.site == "socket.connect" and shows_all_signs(seen))
                  for fault in case.faults)
    return seen.expected.notifies and seen.ready_s is None and not told_early and not unheard


def _overstayed(case: Case, seen: Observation, asked_s: float) -> Broken | None:
    took = seen.elapsed_s - asked_s
    if seen.proof is not None and isinstance(seen.ending, StillRunning):
        told = f"told to stop {seconds(asked_s)} after exec, it will not do so in time"
        return Broken("stops-when-told", f"{told}: {_proven(seen.proof)}")
    if took < seen.limits.grace_s and seen.stopped_watching != "grace":
        return None
    still = "still runs" if isinstance(seen.ending, StillRunning) else "ended only"
    firings = retried(case, seen) if isinstance(seen.ending, StillRunning) else ()
    doing = f" and goes on with its retries ({len(firings)} so far{_first_firing(case, seen)})" if firings else ""
    told = f"told to stop {seconds(asked_s)} after exec, it {still} {seconds(took)} later{doing}"
    return Broken("stops-when-told", f"{told}; the grace time is {seconds(seen.limits.grace_s)}")


def _fired_after_start(seen: Observation, asked_s: float) -> bool:
    """A fault fired once chaos had seen it serve, once it was told to stop, or in a process whose own service had started
    before; one that is in no process of its tree (wire, broker), once all services had."""
    started = {(m.pid, m.at_s) for m in seen.milestones if m.name in ("service started", "started")}

    def came_late(firing: Firing) -> bool:
        before = {pid for pid, at_s in started if at_s <= firing.at_s}
        elsewhere = firing.site.startswith(_OUT_OF_ITS_TREE)
        return len(before) >= max(1, seen.expected.servers) if elsewhere else firing.pid in before

    return any(firing.phase is not Phase.START or firing.at_s > asked_s or came_late(firing) for firing in seen.fired)


_OUT_OF_ITS_TREE = ("amqp.", "broker.")


def _true_after_stop(seen: Observation) -> bool:
    if isinstance(seen.ending, Exited):
        return seen.ending.status in (0, *(_SHELL_STATUS[s.signal] for s in seen.signals if s.signal in _SHELL_STATUS))
    return isinstance(seen.ending, Killed) and seen.ending.by_chaos


_SHELL_STATUS = {"SIGTERM": 128 + 15, "SIGINT": 128 + 2}


def _bounds(case: Case, expected: Expectation, peak: Peak) -> list[tuple[str, int, int]]:
    """(what, peak, bound). With no baseline to learn from, the workers asked for are all there is to go by. A run
    without a fault is bounded by both: what it learnt may be its own peak, and twice that bounds nothing."""
    if not case.faults:
        alone = _bounds_of(case.workers, Expectation(), peak)
        return [min(pair, key=itemgetter(2)) for pair in zip(_bounds_of(case.workers, expected, peak), alone, strict=True)]
    return _bounds_of(case.workers, expected, peak)


def _bounds_of(workers: int, expected: Expectation, peak: Peak) -> list[tuple[str, int, int]]:
    return [
        ("processes", peak.processes, _bound(expected.processes, 16, workers + 64)),
        ("threads", peak.threads, _bound(expected.threads, 64, 64 * workers + 256)),
        ("file descriptors", peak.fds, _bound(expected.fds, 256, 256 * workers + 1024)),
    ]


def _bound(baseline: int | None, spare: int, without_baseline: int) -> int:
    return without_baseline if baseline is None else 2 * baseline + spare


# --- words -------------------------------------------------------------------------------------------------------


def _over(what: str, used: int, bound: int) -> str:
    return f"{used} {what} at one time, the bound is {bound}"


def _doing(case: Case, seen: Observation) -> str:
    if respawned(seen):
        return f"it replaces workers that die before they are ready ({_count(dead_before_ready(seen), 'death')})"
    if firings := retried(case, seen):
        return f"pid {firings[-1].pid} retries, {len(firings)} times so far"
    used = "" if seen.cpu_share is None or seen.proof is not None else f", {seen.cpu_share:.2g} processors busy"
    return _strength(seen) + used


def _proven(proof: Proof) -> str:
    return f"proven at {seconds(proof.at_s)}: {proof.text.strip().splitlines()[0] if proof.text.strip() else proof.kind}"


def _missing_signs(seen: Observation) -> str:
    """Which signs of readiness are not there, and what was said instead."""
    missing = [f"{sign.text!r} ({sign.said})" for sign in seen.signs if sign.seen_s is None]
    return f"not there: {_listed(missing)}" if missing else ""


def _strength(seen: Observation) -> str:
    wanted, there = seen.expected.standing, seen.standing
    if missing := _missing_signs(seen):
        return missing + (f", after READY=1 at {seconds(seen.ready_s)}" if seen.ready_s is not None else "")
    if seen.expected.servers == 0 and (there.processes < wanted.processes or there.threads < wanted.threads):
        return (f"it consists of {there.processes} of {wanted.processes} processes and of {there.threads} of"
                f" {wanted.threads} threads")
    pids = serving_pids(seen)
    mute = started_and_alive(seen) - pids
    which = f" (pid {_listed([str(pid) for pid in sorted(pids)])})" if pids else ""
    silent = f", pid {_listed([str(pid) for pid in sorted(mute)])} started but answers no call" if mute else ""
    ready = f", after READY=1 at {seconds(seen.ready_s)}" if seen.ready_s is not None else ""
    return f"{len(pids)} of {seen.expected.servers} expected processes serve{which}{silent}{ready}"


def _first_firing(case: Case, seen: Observation) -> str:
    return f", {_firing(case, seen.fired[0])} at {seconds(seen.fired[0].at_s)}" if seen.fired else ""


def _firing(case: Case, firing: Firing) -> str:
    fault = fault_of(case, firing)
    return f"{fault.action if fault else firing.action} at {firing.site} in {firing.role} (pid {firing.pid})"


def _past(ending: Exited | Killed) -> str:
    return f"exited {ending.status}" if isinstance(ending, Exited) else f"was killed by {ending.signal}"


def _process(process: Process) -> str:
    command = f"({process.command[:60]})" if process.command else ""
    return " ".join(filter(None, (process.role, f"pid {process.pid}", command)))


def _holding(holding: Holding) -> str:
    return f"{holding.kind} {holding.name}" + (f" (held by {holding.owner})" if holding.owner else "")


def _count(things: tuple[object, ...], noun: str) -> str:
    if len(things) == 1:
        return f"1 {noun}"
    return f"{len(things)} {noun}{'es' if noun.endswith('s') else 's'}"


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
