"""The faults and the launcher as ``fixtures.Fixture`` classes: for testtools, stestr, unittest, and pytest by way of
``chaos.plugin``. Injects nothing into the process that imports it: every case runs below a host process of its own.

    class TestScheduler(testtools.TestCase):
        def test_a_refused_broker_ends_the_scheduler(self):
            launcher = self.useFixture(Launcher("nova.cmd.scheduler:main"))
            self.useFixture(RpcFault(launcher, "connect", "refuse"))
            launcher.start().assert_clean_exit()

It must not import pytest, and it does not shadow the library that it builds on: that is ``fixtures``, this is
``chaos.fixtures``, and imports are absolute.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import fixtures

from chaos.actions import BY_WORD, ActionError, told
from chaos.caseid import CaseIdError, format_case, format_fault, parse_fault
from chaos.catalog import BY_NAME, SITES, Area
from chaos.errors import UsageError
from chaos.judge import judge
from chaos.model import Case, Fault, Grade, Hits, Judged, Observation, Outcome, Variant
from chaos.prepare import Timing, request_for
from chaos.promises import PROMISES
from chaos.report.document import reproduce_line
from chaos.report.explain import WIDTH, ended, explain, log_excerpt, log_title
from chaos.report.safetext import clean_lines, one_line, wrapped_all
from chaos.runner.pool import Pool
from chaos.runner.request import Network, Request
from chaos.sweep import healthy, run_baselines
from chaos.target import Target, must_be_known, resolve
from chaos.transport import RABBIT, attached
from chaos.typed import case_of, must_be_on, must_notice, pointed_out, target_pointed_at

if TYPE_CHECKING:
    from chaos.network.broker import Broker

HitsLike = int | str | Hits | None
"""Which hits of a site: 1, "1", "1..3", "1..", a ``Hits``; None: from the first on, for good."""

LOG_LINES, STACK_LINES = 12, 60
"""What an assertion shows of them; ``Run.explain()`` has more."""

NOT_INHERITED = "PYTEST_CURRENT_TEST"
"""pytest sets it anew for every test. A target that sees it may behave as if tested, which an operator's never does."""

PROMISED = {name: text for name, _, text in PROMISES}


class BrokenPromise(AssertionError):
    """A run did not go as the test claims. Not for a fault that never fired, which says nothing of the launcher."""


class NeverHappened(AssertionError):
    """A test that proves nothing: its fault never fired, or nothing was started under it, or chaos itself broke."""


class UnhealthyBaseline(AssertionError):
    """The launcher does not start well even without a fault, so nothing was injected."""


# --- what a start under faults showed -------------------------------------------------------------------------------


class Run:
    """One start under faults, judged. The facts are attributes; an ``assert_…`` fails with what a person needs to act.

    Two runs say nothing about the launcher: a fault that never fired and a defect of chaos. They fail every assert, and
    ``broken`` has no answer for them: an empty list would turn a test green that tested nothing.
    """

    def __init__(self, judged: Judged, *, options: str = "") -> None:
        self.judged = judged
        self.options = options
        self.asked = False
        """Whether the test asked how it went; a run that says nothing may not pass unasked."""

    @property
    def case_id(self) -> str:
        return format_case(self.judged.case)

    @property
    def outcome(self) -> str:
        """What happened, in the contract's words: ``"clean-exit"``, ``"recovered"``, ``"hang-suspected"`` …"""
        self.asked = True
        return self.judged.verdict.outcome.value

    @property
    def verdict(self) -> str:
        """Whether that is acceptable: ``"pass"``, ``"fail"``, ``"unreached"`` or ``"unknown"``."""
        self.asked = True
        return self.judged.verdict.grade.value

    @property
    def broken(self) -> list[str]:
        """The ids of the promises that it broke. Raises NeverHappened where the run says nothing of any promise."""
        __tracebackhide__ = True
        self.assert_says_something()
        return [one.promise for one in self.judged.verdict.broken]

    @property
    def observation(self) -> Observation:
        """Everything that was seen, with no judgement in it."""
        return self.judged.seen

    @property
    def log(self) -> str:
        """What the launcher wrote to its output and error output."""
        return self.judged.seen.output

    @property
    def reproduce(self) -> str:
        """The command that runs this very case again."""
        return reproduce_line(self.judged.case, self.options)

    def explain(self) -> str:
        """The whole story: verdict, promises, timeline, processes, log, stacks, and the command."""
        return explain(self.judged, suffix=self.options)

    def __repr__(self) -> str:
        verdict = self.judged.verdict
        return f"<Run {self.case_id}: {verdict.outcome.value}, {verdict.grade.value}>"

    def assert_clean_exit(self) -> None:
        """It could not start, said why, and ended by itself with a status that is not 0, leaving nothing behind."""
        __tracebackhide__ = True
        self._assert_outcome(Outcome.CLEAN_EXIT)

    def assert_started(self) -> None:
        """It got over the fault as if nothing had happened, served, and stopped when told."""
        __tracebackhide__ = True
        self._assert_outcome(Outcome.STARTED)

    def assert_recovered(self) -> None:
        """The fault ended by itself, and then it served, and stopped when told."""
        __tracebackhide__ = True
        self._assert_outcome(Outcome.RECOVERED)

    def assert_passes(self) -> None:
        """Whatever it did is acceptable: no promise is broken."""
        __tracebackhide__ = True
        self.assert_says_something()
        if self.judged.verdict.grade is not Grade.PASS:
            raise BrokenPromise(failure_text(self.judged, "a run that keeps every promise", self.options))

    def assert_says_something(self) -> None:
        """The fault fired and chaos did its part. Raises NeverHappened, with what was reached instead."""
        __tracebackhide__ = True
        self.asked = True
        if self.judged.verdict.grade in (Grade.UNREACHED, Grade.UNKNOWN):
            raise NeverHappened(never_text(self.judged, self.options))

    def _assert_outcome(self, wanted: Outcome) -> None:
        __tracebackhide__ = True
        self.assert_says_something()
        verdict = self.judged.verdict
        if verdict.outcome is not wanted or verdict.grade is not Grade.PASS:
            raise BrokenPromise(failure_text(self.judged, f"outcome {wanted}", self.options))


def failure_text(judged: Judged, wanted: str, options: str) -> str:
    """Why an assertion failed: what was wanted and what came, promise, why, log, stacks, command. Starts with a summary
    line of its own sense, for a list of failures shows nothing else."""
    broken = judged.verdict.broken
    why = [line for one in broken
           for line in (one_line(f"{one.promise}: {one.because}"), f"  (promised: {PROMISED.get(one.promise, '')})")]
    told = why or ["no promise is broken, but this is not what the test claims"]
    return "\n".join([_headline(judged, wanted), format_case(judged.case), *_indented(told), *_evidence(judged),
                      f"again: {reproduce_line(judged.case, options)}"])


def never_text(judged: Judged, options: str) -> str:
    """Why a run proves nothing, and which sites this start did reach."""
    verdict = judged.verdict
    reached = dict.fromkeys(f"{hit.site}@{hit.role}" for hit in judged.seen.hits)
    sites = [f"reached in this start: {', '.join(reached) or 'no site at all'}"]
    told = [one_line(verdict.note or judged.seen.harness), *(sites if verdict.grade is Grade.UNREACHED else [])]
    return "\n".join([f"{verdict.outcome.value}: this run says nothing about the launcher", format_case(judged.case),
                      *_indented(told), *_evidence(judged), f"again: {reproduce_line(judged.case, options)}"])


def _headline(judged: Judged, wanted: str) -> str:
    promises = ", ".join(one.promise for one in judged.verdict.broken)
    broke = f", which breaks {promises}" if promises else ""
    return (f"{judged.verdict.outcome.value} ({ended(judged.seen.ending, judged.seen.elapsed_s)}){broke}; "
            f"wanted: {wanted}")


def _evidence(judged: Judged) -> list[str]:
    """The end of the log, and the stacks of a hang. Never wrapped: a log line is there to be searched for."""
    seen = judged.seen
    log = log_excerpt(seen, lines=LOG_LINES) or ["(it wrote nothing)"]
    stacks = clean_lines(seen.stacks)
    left_out = [f"… {len(stacks) - STACK_LINES} more lines in explain()"] if len(stacks) > STACK_LINES else []
    told = ["stacks:", *stacks[:STACK_LINES], *left_out] if stacks else []
    return [f"{log_title(seen)}:", *(f"  {line}" for line in log), *told]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return wrapped_all(lines, WIDTH, first="  ", rest="      ")


# --- what launchers share -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a target inherits from whoever starts it."""

    folder: str
    environment: tuple[tuple[str, str], ...]


def surroundings() -> Surroundings:
    kept = ((name, value) for name, value in os.environ.items() if name != NOT_INHERITED)
    return Surroundings(os.getcwd(), tuple(sorted(kept)))


class Chaos(fixtures.Fixture):
    """What launchers share: one host process, started when it is first needed, and what was learnt of each target.

    A host hands its own environment and folder down to the targets. A test that changes those (``monkeypatch.setenv``,
    ``fixtures.EnvironmentVariable``) therefore gets a fresh host and baselines of its own: the alternative is a target
    that silently does not see the change. One thread at a time: a host runs one case at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._exits = contextlib.ExitStack()
        self._companions = contextlib.ExitStack()
        self._network: Network | None = None
        self._broker: Broker | None = None
        self._pool: Pool | None = None
        self._pool_in: Surroundings | None = None
        self._resolved = functools.cache(_resolved_in)
        self._learnt = functools.cache(self._learn)

    def _setUp(self) -> None:
        self.addCleanup(self._companions.close)
        self.addCleanup(self.close)

    def broker(self) -> Broker:
        """The private RabbitMQ of these launchers, started by the first who asks. Raises MissingPart."""
        if self._broker is None:
            from chaos.network.broker import private_broker  # 0.1 s that most sessions need not wait for

            self._broker = self._companions.enter_context(private_broker())
        return self._broker

    def close(self) -> None:
        """End the host and whatever it runs. What was learnt stays; the next run starts another host."""
        self._pool = None
        self._exits.close()

    def target(self, typed: str, args: tuple[str, ...], python: str | None, ready: tuple[str, ...] = ()) -> Target:
        """What ``typed`` names. Raises UsageError where that is nothing that could start."""
        return self._resolved(surroundings(), typed, args, python, ready)

    def baseline(self, target: Target, case: Case, timing: Timing) -> Variant:
        """How ``target`` starts without a fault, run once for each way to start it and remembered, healthy or not."""
        return self._learnt(surroundings(), target, replace(case, faults=()), timing)

    def run(self, target: Target, case: Case, timing: Timing, baseline: Judged) -> Judged:
        """Run one case with its faults armed."""
        with self._cases(case) as pool:
            seen = pool.run_one(request_for(target, case, timing, baseline.seen.expected))
        return Judged(case, seen, judge(case, seen))

    def _learn(self, where: Surroundings, target: Target, case: Case, timing: Timing) -> Variant:
        with self._cases(case) as pool:
            return next(run_baselines(pool, target, [case], timing))

    @contextlib.contextmanager
    def _cases(self, case: Case) -> Iterator[Pool]:
        """The pool, here and now. After any exception (a time-out, Ctrl-C) its host is in the middle of a case: it is
        ended, and the tree that it watches with it, for its next answer would be the answer to the wrong question."""
        if self._pool_in != surroundings():
            self.close()
        if case.transport and self._network is None:
            self._network = self._companions.enter_context(attached(case.transport, running=self.broker()))
        try:
            pool = self._pool or self._opened()
            pool.network = self._network
            yield pool
        except BaseException:
            self.close()
            raise

    def _opened(self) -> Pool:
        self._pool_in = surroundings()
        self._pool = self._exits.enter_context(_CleanPool())
        return self._pool


class _CleanPool(Pool):
    """A pool whose hosts, and so the targets, do not inherit what the test runner sets for itself alone."""

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Observation | None]]:
        with fixtures.EnvironmentVariable(NOT_INHERITED):
            yield from super().run(requests)


def _resolved_in(where: Surroundings, typed: str, args: tuple[str, ...], python: str | None,
                 ready: tuple[str, ...]) -> Target:
    return resolve(typed, args, python=python, ready=ready)


# --- starting -------------------------------------------------------------------------------------------------------


class Launcher(fixtures.Fixture):
    """Starts a target under the faults that are armed on it. Setting it up starts nothing.

    ``target``: as on chaos's command line, with ``args`` for what stands behind ``--`` there. ``python``: the Python of
    the target, by default this one. ``ready``: how it shows that it is ready, as after ``--ready``. ``deadline_s``: how
    long it may take after its fault, ``grace_s``: how long a stop. ``chaos``: what to share with other launchers; without
    it the launcher has a host and baselines of its own, which costs every test a healthy start. Cleaning it up raises
    NeverHappened for an armed fault under which nothing was started, and for a run that proves nothing and about which
    the test never asked.
    """

    def __init__(self, target: str = "scheduler", args: Iterable[str] = (), *, python: str | None = None,
                 ready: Iterable[str] = (), deadline_s: float | None = None, grace_s: float | None = None,
                 chaos: Chaos | None = None) -> None:
        super().__init__()
        self.typed = target
        self.args = tuple(map(str, args))
        self.python = python
        self.ready = tuple(ready)
        self.timing = Timing(deadline_s, grace_s or Timing().grace_s)
        self.armed: tuple[Fault, ...] = ()
        self.runs: tuple[Run, ...] = ()
        self._like: Case | None = None
        self._unused: tuple[Fault, ...] = ()
        self._shared = chaos
        self._chaos = chaos or Chaos()

    def _setUp(self) -> None:
        if self._shared is None:
            self.useFixture(self._chaos)
        self.addCleanup(self.check)

    def arm(self, fault: Fault) -> None:
        """From now on every start is under ``fault``, besides those that are armed already."""
        self.armed += (fault,)
        self._unused += (fault,)

    def disarm(self, fault: Fault) -> None:
        """No start from now on is under ``fault``; it must be armed."""
        at = self.armed.index(fault)
        self.armed = self.armed[:at] + self.armed[at + 1:]

    def arm_case(self, case_id: str) -> None:
        """Arm the faults of a case; its backend, workers and transport become those of a start that names none.

        Raises UsageError for a text that is no case id, for a target that nothing is called by, and for a case of another.
        """
        case = case_of(case_id)
        with target_pointed_at(case_id):
            must_be_known(case.target, self.python)
        if case.target != self.typed:
            raise UsageError(f"{case_id}: this launcher starts {self.typed!r}, and the case is one of {case.target!r}")
        self._like = case
        for fault in case.faults:
            self.arm(fault)

    def start(self, *, backend: str | None = None, workers: int | None = None, transport: str | None = None,
              faults: Iterable[Fault | str] = ()) -> Run:
        """Start the target under every armed fault and those in ``faults``, watch it to its end, and judge.

        ``backend``, ``workers`` and ``transport``: by default those of the armed case, else the target's first and its own.
        ``transport="rabbit"`` starts a private RabbitMQ, one for all launchers that share a Chaos. The way to start is
        tried without faults first, once for all launchers that share a Chaos: UnhealthyBaseline where that fails.
        Without any fault that very run is the answer.
        """
        __tracebackhide__ = True
        self._unused = ()
        target = self._target()
        every = (*self.armed, *(fault_at(fault) if isinstance(fault, str) else fault for fault in faults))
        case = self._case(target, backend, workers, transport, every)
        baseline = self._chaos.baseline(target, case, self.timing)
        if not healthy(baseline):
            raise UnhealthyBaseline(self._unhealthy_text(baseline.baseline))
        judged = self._chaos.run(target, case, self.timing, baseline.baseline) if every else baseline.baseline
        run = Run(judged, options=self.options)
        self.runs += (run,)
        return run

    @property
    def options(self) -> str:
        """What a reproduce line needs besides the case id, because the id does not hold it."""
        deadline_s, grace_s = self.timing.deadline_s, self.timing.grace_s
        words = [*(["--python", self.python] if self.python else []),
                 *(word for sign in self.ready for word in ("--ready", sign)),
                 *(["--deadline", f"{deadline_s:g}"] if deadline_s else []),
                 *(["--grace", f"{grace_s:g}"] if grace_s != Timing().grace_s else []),
                 *(["--", *self.args] if self.args else [])]
        return "".join(f" {shlex.quote(word)}" for word in words)

    def check(self) -> None:
        """Raises NeverHappened for what would make the test green without having tested anything."""
        __tracebackhide__ = True
        unused, self._unused = self._unused, ()
        if unused:
            raise NeverHappened(f"armed, and then nothing was started: {', '.join(map(format_fault, unused))}; "
                                "launcher.start() after arming would run the case")
        for run in self.runs:
            if not run.asked:
                run.assert_says_something()

    def excuse(self) -> None:
        """The test failed before it came to start or to ask: do not fail it a second time for that."""
        self._unused = ()
        for run in self.runs:
            run.asked = True

    def _target(self) -> Target:
        """Its own message is all that a mistyped target needs: the frames behind it would bury that."""
        __tracebackhide__ = True
        try:
            return self._chaos.target(self.typed, self.args, self.python, self.ready)
        except UsageError as error:
            raise UsageError(str(error)) from None

    def _case(self, target: Target, backend: str | None, workers: int | None, transport: str | None,
              every: tuple[Fault, ...]) -> Case:
        __tracebackhide__ = True
        like = self._like or Case(self.typed, target.backends[0], target.workers[0])
        case = replace(like, backend=like.backend if backend is None else backend,
                       workers=like.workers if workers is None else workers, faults=every,
                       transport=like.transport if transport is None else transport)
        target.must_be_told(case.backend, case.workers)
        must_notice(target, case.faults)
        must_be_on(case, _spelled(case))
        if case.transport:
            target.must_take_transport(RABBIT)
        return case

    def _unhealthy_text(self, judged: Judged) -> str:
        return (f"{self.typed} does not start well even without a fault: nothing was injected\n"
                + explain(judged, suffix=self.options))


def _spelled(case: Case) -> str:
    """Its id. Raises UsageError for a case that has none: no workers, an unknown backend."""
    __tracebackhide__ = True
    try:
        return format_case(case)
    except CaseIdError as error:
        raise UsageError(pointed_out(error)) from None
    except ValueError as error:
        raise UsageError(f"no such case: {error}") from None


# --- arming ---------------------------------------------------------------------------------------------------------


class Arm(Protocol):
    """What the pytest fixtures of the faults are: a call arms a fault on the test's launcher and returns it."""

    def __call__(self, place: str, action: str | None = None, *args: object, role: str | None = None,
                 hits: HitsLike = None) -> Fault: ...


class AnyFault(fixtures.Fixture):
    """A fault at any site, armed on ``launcher`` while the fixture is set up.

    ``place``: a site, or a whole fault as a case id has it (``"rpc.connect#1=refuse"``). ``args``: the action's. A site
    or action that does not exist is a UsageError as soon as the fixture is made, with the nearest names.
    """

    areas: ClassVar[tuple[Area, ...]] = tuple(Area)
    family: ClassVar[str] = ""
    """What a place is short for: ``connect`` is ``rpc.connect`` to an RpcFault."""

    def __init__(self, launcher: Launcher, place: str, action: str | None = None, *args: object,
                 role: str | None = None, hits: HitsLike = None) -> None:
        __tracebackhide__ = True
        super().__init__()
        self.launcher = launcher
        sites = frozenset(site.name for site in SITES if site.area in self.areas)
        self._must_be_ours(place, sites)
        self.fault = fault_at(self._in_full(place, sites), action, *args, role=role, hits=hits, sites=sites)

    def _setUp(self) -> None:
        self.launcher.arm(self.fault)
        self.addCleanup(self.launcher.disarm, self.fault)

    def _must_be_ours(self, place: str, sites: Collection[str]) -> None:
        """A site that exists elsewhere is no typing error: say where it belongs instead of suggesting other names."""
        __tracebackhide__ = True
        name = _site_in(place)
        if name in BY_NAME and name not in sites:
            areas = " or ".join(area.value for area in self.areas)
            raise UsageError(f"{name!r} is a site of {BY_NAME[name].area.value}, and this fixture is for {areas}; "
                             "the fixture fault (AnyFault) takes any site")

    def _in_full(self, place: str, sites: Collection[str]) -> str:
        """A name that is a site means that site; any other is short for one of the family, if only to be suggested."""
        name = _site_in(place)
        known = name in sites or ("." in name and f"{self.family}.{name}" not in sites)
        return place if known or not self.family else f"{self.family}.{place}"


def _site_in(place: str) -> str:
    return re.split("[@#=]", place, maxsplit=1)[0]


class ServiceFault(AnyFault):
    """A fault while the service is created and launched: ``"create"`` is ``service.create``, for one."""

    areas = (Area.SERVICE,)
    family = "service"


class RpcFault(AnyFault):
    """A fault on the way to the RPC transport: ``"connect"`` is ``rpc.connect``."""

    areas = (Area.RPC,)
    family = "rpc"


class ThreadFault(AnyFault):
    """A fault where threads, greenthreads and processes are spawned: ``"spawn"`` is ``thread.spawn``. Named in full are
    ``"process.fork"``, ``"greenthread.spawn"``, ``"executor.submit"``, ``"timer.add"``."""

    areas = (Area.SPAWN,)
    family = "thread"


def fault_at(place: str, action: str | None = None, *args: object, role: str | None = None, hits: HitsLike = None,
             sites: Iterable[str] = BY_NAME) -> Fault:
    """The fault that these words mean. Raises UsageError that points at what is wrong and suggests the nearest names.

    The words are put together to the text that a case id holds and read by its one reader: no second grammar.
    """
    __tracebackhide__ = True
    text = "".join([place, f"@{role}" if role is not None else "", f"#{hits}" if hits is not None else "",
                    f"={action}" if action is not None else ""])
    try:
        fault = parse_fault(text, sites=frozenset(sites), actions=BY_WORD)
        fault = replace(fault, args=(*fault.args, *map(_word, args)))
        told(fault)
    except CaseIdError as error:
        raise UsageError(pointed_out(error)) from None
    except ActionError as error:
        raise UsageError(f"{text}: {error}") from None
    return fault


def _word(arg: object) -> str:
    """An action's argument as a case id has it; an exception class stands for its name."""
    if isinstance(arg, type):
        return arg.__qualname__ if arg.__module__ == "builtins" else f"{arg.__module__}.{arg.__qualname__}"
    return str(arg)
