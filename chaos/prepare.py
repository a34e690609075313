"""From a case to the request that a supervisor runs: how the target is started, how long it may take. Pure."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from chaos.arming import DEBUG, MET_AT_ONCE, places_text, plan_text
from chaos.caseid import format_case
from chaos.catalog import BY_NAME, SYSCALL, Area, By
from chaos.model import Case, Expectation, Fault, Limits, Warm
from chaos.runner.request import Request
from chaos.secrets import PLACEHOLDER, UNQUOTED, filled
from chaos.survival import leaves_broker, spares_the_start
from chaos.target import TRANSPORT_URL, Target

BASELINE_BOOT_S = 30.0
"""How long a start without a fault may take where nobody said otherwise: nova takes 5 s, three times that when loaded."""
DEADLINE_S = 10.0
DEADLINE_FACTOR = 3.0
"""After its fault a launcher may take as long as this many good starts, and no less than the seconds above: who recovers may
have all of its start before it once more, and one that takes 5 s takes 10 s where others work beside it."""
READY_FACTOR = 6.0
"""A start under a fault that has not fired may take this many times the baseline's, on top of the deadline: machines are
shared, and what came before the fault is not what is judged."""


REACHING = ("rpc.connect", "dns.resolve")
"""Sites inside a target at which its broker can be out of reach, beside those of the wire and the node."""
GIVEN = ("missing", "unreadable", "unwritable", "absent", "gone")
LOG_FILES = {"missing": "{folder}/no-such-folder/target.log", "unwritable": "/proc/sys/kernel/ostype", "full": "/dev/full"}
"""Where the log goes under a fault at ``log.file``. What is below ``/proc/sys`` may not be written to even by root."""

SPOILT = "\ntoken {secret.malformed}\n"
"""The mistake that people make in a file with secrets: the = is forgotten, and the parser quotes the line."""

BECOMES = """\
import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What becomes a program that has no agent, once the agent has put in place what is wrong when it starts: limits, a full disk
behind its output, a variable that is missing. It is the same process, and all of that outlives an exec."""


def _given(fault: Fault) -> str:
    """What the supervisor puts in place before the start: ``config.missing``, ``notify.gone`` …"""
    return f"{fault.site.partition('.')[0]}.{fault.action}"


def _changed(config: str, fault: Fault) -> str:
    """The configuration file as the fault has it."""
    if fault.action == "unquoted":
        return config.replace(*UNQUOTED)
    if fault.action == "malformed":
        return config + (SPOILT if PLACEHOLDER.search(config) else "") + "\n[unfinished\nthis is no option\n"
    if fault.action == "set" and fault.site == "config.file" and len(fault.args) == 3:
        section, option, value = fault.args
        return f"{config}\n[{section}]\n{option} = {value}\n"
    if fault.site == "log.file" and fault.action in LOG_FILES:
        return f"{config}\n[DEFAULT]\nlog_file = {LOG_FILES[fault.action]}\n"
    return config


@dataclass(frozen=True, slots=True)
class Timing:
    """``deadline_s``: how long after its fault a launcher may take; None: the target's own, else what its good start took
    says. ``boot_s``: how long a start without a fault may take: not the deadline, which is often set low because the faults
    are quick to see.
    """

    deadline_s: float | None = None
    grace_s: float = 8.0
    boot_s: float | None = None

    def limits(self, target: Target, expected: Expectation | None, *, wait_s: float = 0.0) -> Limits:
        """``wait_s``: how much longer the case lets it wait for its broker."""
        good_s = expected.ready_after_s or 0.0 if expected is not None else 0.0
        deadline = (self.deadline_s or target.deadline_s or max(DEADLINE_S, DEADLINE_FACTOR * good_s)) + wait_s
        if expected is None:
            return Limits(deadline, self.grace_s, self.boot_s or max(BASELINE_BOOT_S, deadline), wait_s=wait_s)
        return Limits(deadline, self.grace_s, deadline + READY_FACTOR * (expected.ready_after_s or 1.0), wait_s=wait_s)


def request_for(target: Target, case: Case, timing: Timing, expected: Expectation | None, *,
                thorough: bool = False, exhaustive: bool = False, learns: bool = False) -> Request:
    """The request that runs ``case`` cold; ``expected`` None makes it a baseline, ``thorough`` one that finds every named
    site, ``exhaustive`` one that also finds every call out of the target's own package, ``learns`` one that tells what the
    target imports."""
    case_id = format_case(case)
    own = target.own_package if exhaustive or any("," in fault.site for fault in case.faults) else ""
    argv, script = target.argv(case)
    if expected is not None and not expected.speaks and any(_is_met_at_once(fault) for fault in case.faults):
        argv = (sys.executable, "-c", BECOMES, *argv)
    template = target.configuration(case)
    for fault in case.faults:
        template = _changed(template, fault)
    config, secrets = filled(template, case_id)
    return Request(case_id=case_id, case=case, argv=argv, script=script, env=target.environment(case), config=config,
                   secrets=secrets, alone=breaks_node(case),
                   given=tuple(_given(fault) for fault in case.faults if fault.action in GIVEN),
                   plan=plan_text(case_id, case.faults, thorough=thorough, own=own, learns=learns, extra=target.extra_sites),
                   places=places_text(case.faults, thorough=thorough, extra=target.extra_sites), learns=learns,
                   limits=timing.limits(target, expected, wait_s=target.broker_wait_s if keeps_broker_away(case) else 0.0),
                   expected=expected, ready=target.ready, log_file=target.log_file)


def keeps_broker_away(case: Case) -> bool:
    """Whether the case declares that its broker may be waited for: one of its faults is met on the way to a real one, and
    takes it away. In any other, whoever waits longer than usual hangs."""
    return case.transport is not None and any(map(_takes_broker_away, case.faults))


def _takes_broker_away(fault: Fault) -> bool:
    on_the_way = fault.site in REACHING or (fault.site in BY_NAME and BY_NAME[fault.site].area is Area.BROKER)
    return on_the_way and not leaves_broker(fault) and not spares_the_start(fault)


def _is_met_at_once(fault: Fault) -> bool:
    return MET_AT_ONCE.get(fault.site, fault.site) == "process.image"


def breaks_node(case: Case) -> bool:
    """Whether one of its faults is done to the broker itself, which others use too."""
    return any(fault.site in BY_NAME and BY_NAME[fault.site].by is By.NODE for fault in case.faults)


def debugged(request: Request, debug_s: float) -> Request:
    """``request``, with a debugger before each of its faults, in which somebody may stand for ``debug_s``."""
    return replace(request, plan=request.plan + DEBUG, debug_s=debug_s)


def warmed(request: Request, baseline: Request, warm: Warm) -> Request:
    """``request``, to be started warm if that can show the same; else with the reason why it is not. ``baseline``: what the
    warm start of this variant was learnt from."""
    if warm.because:
        return replace(request, cold_because=warm.because)
    if (request.argv, request.env, request.script) != (baseline.argv, baseline.env, baseline.script):
        return replace(request, cold_because="its command is not that of the good start")
    if any("{port}" in text for text in (*request.argv, *dict(request.env).values())):
        return replace(request, cold_because="its port stands in its command")
    if request.case.transport and any(TRANSPORT_URL in text for text in (*request.argv, *dict(request.env).values())):
        return replace(request, cold_because="its transport URL stands in its command")
    for fault in request.case.faults:
        if fault.site.startswith(SYSCALL):
            return replace(request, cold_because="strace starts it")
        if _is_met_at_once(fault):
            return replace(request, cold_because="its interpreter has to start anew")
        if fault.action == "limit" and fault.args[0] == "as":
            return replace(request, cold_because="how far the memory goes depends on what was imported before")
        if fault.site.partition(",")[0].endswith("<module>"):
            return replace(request, cold_because="the call is made by an import")
        if fault.site in warm.unlike:
            return replace(request, cold_because=f"a warm start reaches {fault.site} at other times")
    return replace(request, ahead=warm.ahead)
