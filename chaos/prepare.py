"""From a case to the request that a supervisor runs: how the target is started, how long it may take. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.arming import plan_text
from chaos.caseid import format_case
from chaos.model import Case, Expectation, Fault, Limits
from chaos.runner.request import Request
from chaos.secrets import UNQUOTED, filled
from chaos.target import Target

BASELINE_BOOT_S = 30.0
"""How long a start without a fault may take where nobody said otherwise: nova takes 5 s, three times that when loaded."""
READY_FACTOR = 6.0
"""A start under a fault that has not fired may take this many times the baseline's, on top of the deadline: machines are
shared, and what came before the fault is not what is judged."""


GIVEN = ("missing", "unreadable", "absent", "gone")


def _given(fault: Fault) -> str:
    """What the supervisor puts in place before the start: ``config.missing``, ``notify.gone`` …"""
    return f"{fault.site.partition('.')[0]}.{fault.action}"


def _changed(config: str, fault: Fault) -> str:
    """The configuration file as the fault has it."""
    if fault.action == "unquoted":
        return config.replace(*UNQUOTED)
    if fault.action == "malformed":
        return config + "\n[unfinished\nthis is no option\n"
    if fault.action == "set" and fault.site == "config.file" and len(fault.args) == 3:
        section, option, value = fault.args
        return f"{config}\n[{section}]\n{option} = {value}\n"
    return config


@dataclass(frozen=True, slots=True)
class Timing:
    """``deadline_s``: how long after its fault a launcher may take; None: the target's own, else 10 s. ``boot_s``: how
    long a start without a fault may take: not the deadline, which is often set low because the faults are quick to see.
    """

    deadline_s: float | None = None
    grace_s: float = 8.0
    boot_s: float | None = None

    def limits(self, target: Target, expected: Expectation | None) -> Limits:
        deadline = self.deadline_s or target.deadline_s or 10.0
        if expected is None:
            return Limits(deadline, self.grace_s, self.boot_s or max(BASELINE_BOOT_S, deadline))
        return Limits(deadline, self.grace_s, deadline + READY_FACTOR * (expected.ready_after_s or 1.0))


def request_for(target: Target, case: Case, timing: Timing, expected: Expectation | None, *,
                thorough: bool = False, exhaustive: bool = False) -> Request:
    """The request that runs ``case``; ``expected`` None makes it a baseline, ``thorough`` one that finds every named
    site, ``exhaustive`` one that also finds every call out of the target's own package."""
    case_id = format_case(case)
    own = target.own_package if exhaustive or any("," in fault.site for fault in case.faults) else ""
    argv, script = target.argv(case)
    template = target.config
    for fault in case.faults:
        template = _changed(template, fault)
    config, secrets = filled(template, case_id)
    return Request(case_id=case_id, case=case, argv=argv, script=script, env=target.environment(case), config=config,
                   secrets=secrets,
                   given=tuple(_given(fault) for fault in case.faults if fault.action in GIVEN),
                   plan=plan_text(case_id, case.faults, thorough=thorough, own=own), limits=timing.limits(target, expected),
                   expected=expected)
