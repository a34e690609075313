"""The pytest plugin: thin wrappers over ``chaos.fixtures``, and the rules by which a test that tested nothing fails.

Imports nothing but pytest when it is loaded, which is in every run of every project that has chaos installed. No fault
ever executes in the pytest process, and that process is never monkey-patched: see docs/pytest.md.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from chaos.fixtures import AnyFault, Arm, Chaos, HitsLike, Launcher
    from chaos.model import Fault
    from chaos.network.broker import Broker

MARKERS = (
    "chaos_target(target, args=[], ready=[], python=None, deadline_s=None, grace_s=None): what the test's launcher "
    "starts, as on chaos's command line",
    "chaos(case_id): arm a case: launcher.start() runs it, with its target, backend, workers and faults",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos", "fault injection for service startup")
    group.addoption("--chaos-python", metavar="PATH", help="the Python that runs the target (default: this one)")
    group.addoption("--chaos-deadline", metavar="S",
                    help="seconds that a start may take after its fault (default: 3 times a good start, at least 10)")
    parser.addini("chaos_python", "the same as --chaos-python")
    parser.addini("chaos_deadline", "the same as --chaos-deadline")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    _deadline_s(config)


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """pytest-timeout is the backstop behind the supervisor's own deadlines. A test without a time-out of its own (mark,
    option, ini, environment) gets one by pytest-timeout's documented mark, above the longest time that a supervisor
    may take; by the signal method, for the thread method ends the process and loses the reports of all tests."""
    started_here = [item for item in items if "launcher" in getattr(item, "fixturenames", ())]
    if not started_here or not config.pluginmanager.hasplugin("timeout") or _has_timeout(config):
        return
    unguarded = [(item, _times(item)) for item in started_here if item.get_closest_marker("timeout") is None]
    guards = {times: _guard_s(*times) for times in {times for _, times in unguarded}}
    for item, times in unguarded:
        item.add_marker(pytest.mark.timeout(guards[times], method="signal"))


def _times(item: pytest.Item) -> tuple[float | None, float | None]:
    """The deadline and the grace time of its starts, where they were asked for; a wrong mark is told when the test runs."""
    named = item.get_closest_marker("chaos_target")
    deadline_s, grace_s = ((named.kwargs.get(key) if named else None) for key in ("deadline_s", "grace_s"))
    return (deadline_s if _is_time(deadline_s) else _deadline_s(item.config)), (grace_s if _is_time(grace_s) else None)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _has_timeout(config: pytest.Config) -> bool:
    asked = (config.getoption("timeout", None), config.getini("timeout"), os.environ.get("PYTEST_TIMEOUT"))
    return any(one not in (None, "", 0, "0") for one in asked)


def _guard_s(deadline_s: float | None, grace_s: float | None) -> float:
    """Longer than a baseline of any known target and a case after it can take: were the good start as slow as it may be, and
    each of the two to use up all of its limits."""
    from chaos.errors import UsageError
    from chaos.model import Expectation
    from chaos.prepare import Timing
    from chaos.runner.host import SPARE_S
    from chaos.target import entries

    timing, longest = Timing(deadline_s, grace_s or Timing().grace_s), 0.0
    try:
        for target in entries().values():
            baseline = timing.limits(target, None, wait_s=target.broker_wait_s)
            case = timing.limits(target, Expectation(ready_after_s=baseline.boot_s), wait_s=target.broker_wait_s)
            longest = max(longest, sum(one.boot_s + one.deadline_s + one.grace_s + one.orphan_s + SPARE_S
                                       for one in (baseline, case)))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    return longest


def _deadline_s(config: pytest.Config) -> float | None:
    text = config.getoption("--chaos-deadline") or config.getini("chaos_deadline")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise pytest.UsageError(f"--chaos-deadline {text}: not a time in seconds; a number above 0 would be right")
    return number


# --- fixtures -------------------------------------------------------------------------------------------------------

LAUNCHER = pytest.StashKey["Launcher"]()


@pytest.fixture(scope="session")
def _chaos() -> Iterator[Chaos]:
    """What the launchers of this pytest process share: one host, started by the first that needs it."""
    from chaos.fixtures import Chaos

    with Chaos() as shared:
        yield shared


@pytest.fixture(scope="session")
def rabbit_broker(_chaos: Chaos) -> Broker:
    """A private RabbitMQ for the session, the one that launcher.start(transport="rabbit") uses. Where it is missing the
    test is skipped, or with CHAOS_REQUIRE_RABBIT=1 fails."""
    from chaos.errors import MissingPart

    try:
        return _chaos.broker()
    except MissingPart as missing:
        why = str(missing)
    if os.environ.get("CHAOS_REQUIRE_RABBIT") == "1":
        pytest.fail(f"CHAOS_REQUIRE_RABBIT=1, and {why}", pytrace=False)
    pytest.skip(f"not run without RabbitMQ: {why}")


@pytest.fixture
def launcher(request: pytest.FixtureRequest, _chaos: Chaos) -> Iterator[Launcher]:
    """Starts the target (the sample scheduler, or what the mark chaos_target names) under the faults that are armed."""
    with _asked(request.node, _chaos) as made:
        request.node.stash[LAUNCHER] = made
        yield made
        made.excuse()       # pytest_runtest_call has checked it: a test fails there, and not in its teardown


def _asked(item: pytest.Item, shared: Chaos) -> Launcher:
    """The launcher that the marks of a test ask for. What is wrong with them is told without the frames behind it."""
    from chaos.errors import UsageError
    from chaos.fixtures import Launcher
    from chaos.typed import case_of

    named, armed = item.get_closest_marker("chaos_target"), _armed(item)
    if len(armed) > 1:
        pytest.fail(f"the mark chaos stands {len(armed)} times, and a start is one case: {_listed(armed)}; one id, with a + "
                    "between its faults, would be right", pytrace=False)
    meant = _target(*named.args, **named.kwargs) if named else None
    case_id = _case_id(*armed[0].args, **armed[0].kwargs) if armed else None
    python = (meant and meant.python) or item.config.getoption("--chaos-python") or item.config.getini("chaos_python") or None
    deadline_s, grace_s = (meant and meant.deadline_s) or _deadline_s(item.config), meant and meant.grace_s
    try:
        typed = meant.target if meant else (case_of(case_id).target if case_id is not None else "scheduler")
        args, ready = (meant.args, meant.ready) if meant else ((), ())
        made = Launcher(typed, args, python=python, ready=ready, deadline_s=deadline_s, grace_s=grace_s, chaos=shared)
        if case_id is not None:
            made.arm_case(case_id)
    except UsageError as error:
        wrong = str(error)
    else:
        return made
    pytest.fail(wrong, pytrace=False)


class _Meant(NamedTuple):
    """What the mark ``chaos_target`` says."""

    target: str
    args: Sequence[str]
    ready: Sequence[str]
    python: str | None
    deadline_s: float | None
    grace_s: float | None


def _target(target: str, args: Sequence[str] = (), *, ready: Sequence[str] = (), python: str | None = None,
            deadline_s: float | None = None, grace_s: float | None = None) -> _Meant:
    """The signature of the mark ``chaos_target``."""
    return _Meant(target, args, ready, python, deadline_s, grace_s)


def _case_id(case_id: str) -> str:
    """The signature of the mark ``chaos``."""
    return case_id


def _armed(item: pytest.Item) -> list[pytest.Mark]:
    """The marks ``chaos`` that count: those nearest to the test, which stand for what its class or module says."""
    marks = list(item.iter_markers_with_node("chaos"))
    return [mark for node, mark in marks if node is marks[0][0]]


def _listed(armed: Sequence[pytest.Mark]) -> str:
    return ", ".join(str(word) for mark in armed for word in (*mark.args, *mark.kwargs.values()))


def _arming(launcher: Launcher, kind: type[AnyFault]) -> Arm:
    def arm(place: str, action: str | None = None, *args: object, role: str | None = None,
            hits: HitsLike = None) -> Fault:
        __tracebackhide__ = True
        return launcher.useFixture(kind(launcher, place, action, *args, role=role, hits=hits)).fault
    return arm


@pytest.fixture
def fault(launcher: Launcher) -> Arm:
    """Arms a fault at any site: fault("rpc.connect", "refuse", hits=1), or as a case id has it."""
    from chaos.fixtures import AnyFault

    return _arming(launcher, AnyFault)


@pytest.fixture
def service_fault(launcher: Launcher) -> Arm:
    """Arms a fault while the service is created and launched: service_fault("start", "raise", "RuntimeError")."""
    from chaos.fixtures import ServiceFault

    return _arming(launcher, ServiceFault)


@pytest.fixture
def rpc_fault(launcher: Launcher) -> Arm:
    """Arms a fault on the way to the RPC transport: rpc_fault("connect", "refuse")."""
    from chaos.fixtures import RpcFault

    return _arming(launcher, RpcFault)


@pytest.fixture
def thread_fault(launcher: Launcher) -> Arm:
    """Arms a fault where threads, greenthreads and processes are spawned: thread_fault("process.fork", "raise")."""
    from chaos.fixtures import ThreadFault

    return _arming(launcher, ThreadFault)


# --- a test that tested nothing fails; a failing one says what it saw -----------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    launcher = item.stash.get(LAUNCHER, None)
    if launcher is None:
        if item.get_closest_marker("chaos") is not None:
            pytest.fail("the mark chaos arms a case, and the test never asks for the fixture launcher to start it",
                        pytrace=False)
        return (yield)
    try:
        result = yield
    finally:
        item.user_properties.extend(("chaos_case", run.case_id) for run in launcher.runs)
    proves_nothing = _why_it_proves_nothing(launcher)
    if proves_nothing:
        pytest.fail(proves_nothing, pytrace=False)
    return result


def _why_it_proves_nothing(launcher: Launcher) -> str:
    """Asked here, failed there: a failure raised while another one is handled is shown with both."""
    try:
        launcher.check()
    except AssertionError as error:
        return str(error)
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    launcher = item.stash.get(LAUNCHER, None)
    if launcher is not None and report.when == "call" and report.failed:
        report.sections.extend((f"chaos: {run.reproduce}", run.explain()) for run in launcher.runs)
    return report
