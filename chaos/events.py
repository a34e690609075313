"""What a sweep says while it runs: frozen values, in order, that reports consume. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.model import Case, Judged, Variant, Verdict

SHARD = "--shard "
"""How it is spelled in ``part`` that one machine of several ran it: before ``K/N``."""


@dataclass(frozen=True, slots=True)
class SweepStarted:
    """``target``: the command as given. ``versions``: (package, version) pairs that matter here. ``part``: the options that
    left cases out, such as ``--only GLOB``: what did not run then says nothing."""

    target: str
    seed: int
    jobs: int
    profile: str
    versions: tuple[tuple[str, str], ...] = ()
    part: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantReady:
    """A baseline was run and judged. If it is not healthy nothing is injected and the sweep ends."""

    variant: Variant


@dataclass(frozen=True, slots=True)
class Planned:
    """The ids of every case that will run, sorted as they will be started."""

    case_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseStarted:
    case_id: str


@dataclass(frozen=True, slots=True)
class CaseFinished:
    judged: Judged


@dataclass(frozen=True, slots=True)
class CaseRejudged:
    """A verdict that could only be known with another case's (same-on-both-backends): it replaces the earlier one; what
    was seen stays."""

    case: Case
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SweepFinished:
    """``interrupted``: Ctrl-C or SIGTERM ended the sweep early; what was finished is reported."""

    elapsed_s: float
    interrupted: bool = False


Event = SweepStarted | VariantReady | Planned | CaseStarted | CaseFinished | CaseRejudged | SweepFinished
