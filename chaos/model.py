"""The nouns of chaos, as frozen values: what is run, what was seen, what it means. No I/O, no judgement, no clock.

Facts (``Observation``) and judgements (``Verdict``) are different types and never mix: an observation can be stored and
judged again, by newer rules, without running anything.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field


class Outcome(enum.StrEnum):
    """What happened in one case; exactly one each. The wording is a promise to users: see docs/contract.md."""

    STARTED = "started"
    RECOVERED = "recovered"
    CLEAN_EXIT = "clean-exit"
    FALSE_SUCCESS = "false-success"
    SILENT_EXIT = "silent-exit"
    KILLED = "killed"
    HANG_PROVEN = "hang-proven"
    HANG_SUSPECTED = "hang-suspected"
    LIVELOCK = "livelock"
    RETRY_LOOP = "retry-loop"
    RESPAWN_LOOP = "respawn-loop"
    DEGRADED = "degraded"
    UNREACHED = "unreached"
    HARNESS_ERROR = "harness-error"


class Grade(enum.StrEnum):
    """Whether an outcome is acceptable (the field ``verdict`` of a report)."""

    PASS = "pass"
    FAIL = "fail"
    UNREACHED = "unreached"
    UNKNOWN = "unknown"


class Lifetime(enum.StrEnum):
    ONCE = "once"
    FIRST_K = "first k"
    PERSISTENT = "persistent"


@dataclass(frozen=True, slots=True)
class Hits:
    """Which hits of a site a fault meets: ``first`` to ``last``, both included, counted from 1; no last means for good."""

    first: int = 1
    last: int | None = None

    @property
    def lifetime(self) -> Lifetime:
        if self.last is None:
            return Lifetime.PERSISTENT
        return Lifetime.ONCE if self.first == self.last else Lifetime.FIRST_K

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.first}.."
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


LASTING = frozenset({"limit", "close", "fill", "full", "jump", "missing", "unreadable", "malformed", "set", "unset",
                     "unquoted", "absent", "gone", "unwritable", "preload", "twice", "two_addresses"})
"""Actions that change what a whole process lives in, and for good: a limit is never lifted again. Not ``stall``: the
thread is lost, but the next one that comes by (in a worker that was born again) passes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: at ``site``, in ``role`` (None: any process), on ``hits``, ``action`` happens."""

    site: str
    action: str
    args: tuple[str, ...] = ()
    role: str | None = None
    hits: Hits = Hits()

    @property
    def transient(self) -> bool:
        """A transient fault is one that ends by itself. What takes something away for good does not, hit once or often."""
        return self.hits.last is not None and self.action not in LASTING


@dataclass(frozen=True, slots=True)
class Case:
    """One run, as a value: running it again means running the same value. ``transport`` None: the target's default."""

    target: str
    backend: str
    workers: int
    faults: tuple[Fault, ...] = ()
    transport: str | None = None


def token_of(case_id: str, index: int) -> str:
    """The unique, reproducible mark that the ``index``-th injected exception of a case carries in its message."""
    return "chaos-" + hashlib.sha256(f"{case_id}#{index}".encode()).hexdigest()[:10]


# --- facts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exited:
    """The launcher ended by itself with ``status``."""

    status: int


@dataclass(frozen=True, slots=True)
class Killed:
    """A signal ended the launcher. ``by_chaos``: chaos sent that very signal to it (a stop, or the case's own kill)."""

    signal: str
    by_chaos: bool = False


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The launcher was still alive when chaos stopped watching, ``after_s`` seconds after exec; chaos killed it."""

    after_s: float


Ending = Exited | Killed | StillRunning


class Phase(enum.StrEnum):
    """Where a run was when something happened: on its way up, serving, or after it was told to stop."""

    START = "start"
    SERVING = "serving"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Hit:
    """A site was reached: the ``number``-th time in ``role``, ``at_s`` seconds after exec."""

    at_s: float
    site: str
    role: str
    number: int
    phase: Phase = Phase.START


@dataclass(frozen=True, slots=True)
class Firing:
    """A fault happened. ``index`` is its place in ``case.faults``; ``token`` stands in the exception's message; ``where``:
    the function at the site, ``module:Class.name``, "" where it is none of the target's Python."""

    at_s: float
    index: int
    site: str
    role: str
    pid: int
    number: int
    action: str
    token: str = ""
    phase: Phase = Phase.START
    where: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A point of a healthy start was passed: configured, created, connected, listening, started, answered …"""

    at_s: float
    name: str
    role: str
    pid: int


BACK = "broker back"
"""A milestone of no process of the target's: the node that was stopped, killed or paused is well again."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One datagram on the notify socket, such as ``READY=1``."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of readiness that was asked for: since when it was there (None: it is not), and what was said instead."""

    text: str
    seen_s: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the target's tree as chaos saw it. ``gone_s`` None: alive until chaos ended it.

    ``role`` is "" for a process in which the agent never spoke (not Python, or Python that ignores PYTHONPATH).
    """

    pid: int
    parent_pid: int
    role: str
    command: str
    seen_s: float
    gone_s: float | None = None


@dataclass(frozen=True, slots=True)
class SentSignal:
    """A signal that chaos sent while it watched (the clean-up at the end is not one)."""

    at_s: float
    signal: str
    pid: int
    why: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Something that the target took and did not give back: a listening socket, a lock, a pid file, a temporary file."""

    kind: str
    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a tree can never go on by itself: ``kind`` is ``tree``, ``part``, ``late`` (nothing can happen before the
    deadline), ``role`` (a process that is owed will never be started) or ``stopped``; ``text``: lines that an operator
    understands; ``not_before_s``: the earliest moment at which anything can happen, None never; ``assumption``: what it
    stands on. See docs/decisions/0007."""

    kind: str
    at_s: float
    text: str
    assumption: str = "nobody sends it a signal"
    not_before_s: float | None = None


@dataclass(frozen=True, slots=True)
class Peak:
    """The most that the tree used at one time, over all its processes."""

    processes: int = 0
    threads: int = 0
    fds: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long chaos waits. ``deadline_s`` counts from the first firing; before one, ``boot_s`` counts from exec."""

    deadline_s: float = 10.0
    grace_s: float = 8.0
    boot_s: float = 30.0
    orphan_s: float = 3.0
    """How long processes may take to notice that their launcher is gone before they count as left over."""
    wait_s: float = 0.0
    """How much of ``deadline_s`` it has only for waiting for its broker, which it has to say."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a start that worked looks like, learnt from the baseline (or, for the baseline, from the case).

    ``servers``: processes that must have started their service (and answer a call, where they have an RPC server);
    ``serving_roles``: what they are, ``parent`` or ``worker.N``; ``notifies``: READY=1 is part of a good start;
    ``processes``/``threads``/``fds``: the baseline's peak, None unknown.
    """

    servers: int = 1
    notifies: bool = True
    processes: int | None = None
    threads: int | None = None
    fds: int | None = None
    ready_after_s: float | None = None
    serving_roles: tuple[str, ...] = ()
    standing: Peak = Peak()
    """The least that the tree consisted of while it was learnt, once it had said READY=1: what a plain launcher, of which
    nothing else can be known, has to come up with again. Its ``fds`` are not compared."""
    answers: int = 0
    """How many of ``servers`` answered an RPC call: as many have to, though their start() says that all is well."""
    silent: bool = False
    """Nothing tells when it is ready: no sign was asked for, it says no READY=1, and no service was seen in it. A start that
    stays up may then serve or hang, and nobody can say which."""
    speaks: bool = True
    """The agent was heard in the launcher's own process. It is not in a program that is not Python."""
    said: tuple[str, ...] = ()
    """Where the agent is not heard: what a good start wrote, to the end of its stop, as ``errorlines.said_lines``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Facts about one run; ``*_s`` are seconds after exec unless they name a length of time. No judgement.

    ``stopped_watching``: why chaos ended the run: ``ended`` (the launcher did), ``served`` (it served and was stopped),
    ``deadline``, ``grace`` (told to stop and did not), ``proof`` (it cannot go on by itself), ``respawn`` (its workers die
    the same death again and again), ``interrupted`` or ``broken`` (chaos's own fault, with ``harness``
    saying what).
    ``served_s``: when every expected process had started and answered; None: never. ``ready_s``: first READY=1.
    ``stop_sent_s``: when chaos asked it to stop (SIGTERM after serving); None: it never did.
    ``cpu_share``: processor seconds a second of the tree over the last watched second, for what still ran at the end.
    """

    ending: Ending
    elapsed_s: float
    limits: Limits
    expected: Expectation
    stopped_watching: str
    hits: tuple[Hit, ...] = ()
    fired: tuple[Firing, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    notices: tuple[Notice, ...] = ()
    processes: tuple[Process, ...] = ()
    signals: tuple[SentSignal, ...] = ()
    leftovers: tuple[Process, ...] = ()
    holdings: tuple[Holding, ...] = ()
    peak: Peak = Peak()
    standing: Peak = Peak()
    """What the tree consisted of when chaos stopped watching, or told it to stop."""
    ready_s: float | None = None
    signs: tuple[Sign, ...] = ()
    """Of readiness, as they stood when chaos stopped watching or told it to stop."""
    listens: tuple[str, ...] = ()
    """Where its tree listened when a first start had come up: ``tcp: 127.0.0.1:80``, ``unix: /run/x``."""
    served_s: float | None = None
    stop_sent_s: float | None = None
    alive_workers: int | None = None
    cpu_share: float | None = None
    output: str = ""
    log: str | None = None
    """What it wrote to the log file that its entry names; None: it names none, and the output is the log."""
    stacks: str = ""
    proof: Proof | None = None
    still_possible: tuple[str, ...] = ()
    """Where time ran out without a proof: what could still have happened, a line each. Described, never called proven."""
    leaks: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    """Traced calls (sites ``CALLER,CALLEE``) and the exception that each callee names, "" where it names none."""
    means: tuple[str, ...] = ()
    """How a ``limit`` was put in place on this machine (``seccomp …``, ``RLIMIT_NOFILE 7``): it may differ elsewhere."""
    harness: str = ""
    started_as: str = ""
    """``warm`` (forked from a process that had the target's imports behind it) or ``cold``, with the reason if any."""
    ahead: tuple[str, ...] = ()
    """What its processes imported, in order, where the run was to learn that: see inside/_chaos_ahead.py."""


# --- judgements ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Broken:
    """One promise that a run broke, and in one sentence why, with the evidence."""

    promise: str
    because: str


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    grade: Grade
    broken: tuple[Broken, ...] = ()
    note: str = ""
    """For a verdict that is not a plain pass or fail (unreached, unknown): what happened instead."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A case, what was seen and what it means: one line of every report."""

    case: Case
    seen: Observation
    verdict: Verdict
    beside: Observation | None = None
    """Where a warm and a cold run of the case disagreed: what the warm one showed."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site that a good start reached: in ``role``, ``hits`` times in ``phase``, first ``at_s`` after exec."""

    name: str
    role: str
    hits: int
    at_s: float
    phase: Phase = Phase.START
    error: str = ""
    """For a traced call: the exception that its callee names."""


@dataclass(frozen=True, slots=True)
class Warm:
    """What is known of a variant's warm starts: the file that says what to import ahead, or why there are none, and the
    sites that a warm start does not reach as a cold one does."""

    ahead: str = ""
    because: str = ""
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to start a target that a sweep covers: its baseline case, how that went, and the sites it reached."""

    baseline: Judged
    sites: tuple[Site, ...] = field(default=())
    warm: Warm = Warm(because="it was asked for")
