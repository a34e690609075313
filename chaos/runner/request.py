"""What a supervisor needs to run one case, as a value that travels as JSON from the caller to its host; and who runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from chaos.model import Case, Expectation, Limits, Observation

HELD = b"held "
"""Stands before an observation that a host gives while its tree is kept: the answer is still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where a supervisor reaches the companions of a sweep, as text.

    ``wire``, ``caller``, ``broker``: their folders; ``broker`` is "" where the node is the user's own, and nobody may touch
    it. ``address``: host and port of the node. ``url``: the transport URL, with ``{address}`` and, on a private node,
    ``{vhost}``. ``certificates``: a folder (see ``network.tls``). ``secrets``: what of all this must not be shown.
    """

    wire: str
    caller: str
    address: str
    url: str
    certificates: str
    broker: str = ""
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One run. ``argv[0]`` is a path; ``script`` (name, text) is written into the run's folder and may stand in argv as
    ``{script}``. ``env``: what is set besides the inherited environment. ``expected`` None: this is a baseline, and what
    a good start looks like is learnt from it. ``config``: the text of a configuration file of its own, whose path stands
    for ``{config}`` in argv and env. ``given``: what is wrong before the start (``config.missing``, ``config.unreadable``,
    ``notify.absent``, ``notify.gone``). ``secrets``: texts that must not appear in anything that it shows. ``places``: the
    part of ``plan`` that does not depend on the case. ``learns``: the run is to say what the target imports. ``ahead``: the
    path of a file with what was learnt, if the case may be started warm; "" if not, and ``cold_because`` says why.
    ``network``: for a case on a real transport, whose URL stands for ``{transport_url}`` in config, argv and env; the pool
    fills it in. ``alone``: it breaks what others use, so nothing else may be under way. ``hold_s``: for how long its tree is
    kept for somebody who looks at it, where it still runs once it has been watched; ``debug_s``: for how long somebody may
    stand in a debugger.
    """

    case_id: str
    case: Case
    argv: tuple[str, ...]
    plan: str
    limits: Limits
    env: tuple[tuple[str, str], ...] = ()
    script: tuple[str, str] | None = None
    config: str = ""
    given: tuple[str, ...] = ()
    expected: Expectation | None = None
    secrets: tuple[str, ...] = ()
    places: str = ""
    learns: bool = False
    ahead: str = ""
    cold_because: str = ""
    network: Network | None = None
    alone: bool = False
    hold_s: float = 0.0
    debug_s: float = 0.0
    folder: str = ""
    traces: tuple[str, ...] = ()
    """Calls of the kernel that are to be counted: the run is started below strace."""
    ready: tuple[str, ...] = ()
    """Signs of readiness that are all required, as texts (see ``readiness``). ``{port}`` in them, in config, argv and env is
    a port that this run has for itself, ``{folder}`` a folder."""
    log_file: str = ""
    """The path of the target's log file, with ``{folder}``; "": it logs to its output, or nobody said where."""


def unheard(request: Request) -> tuple[str, ...]:
    """The kinds of signs that nobody can hear, because the case took their way out: the notify socket, or the output."""
    faults = request.case.faults
    no_notice = any(word.startswith("notify.") for word in request.given)
    no_output = any((fault.action in ("close", "fill", "full") and fault.site != "log.file")
                    or fault.site == "syscall.write" for fault in faults)
    return ("notify",) * no_notice + ("log",) * no_output


class Runs(Protocol):
    """What runs requests: the pool of this machine, or a cluster of several."""

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Observation | None]]:
        """(request, None) when one starts and (request, observation) when it is finished; ``requests`` may have more to
        give after it seemed exhausted, for as long as anything is under way."""
        ...

    def run_one(self, request: Request) -> Observation:
        ...

    def remember(self, ahead: Iterable[str]) -> str:
        """Keep what a target imports; what stands for it in a request's ``ahead``."""
        ...
