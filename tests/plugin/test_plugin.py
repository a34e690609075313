"""The pytest plugin as its users meet it: their tests, run by a pytest of its own. Nothing of chaos is called here."""

import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

WITHIN_S = 60.0

OF_THE_CONTRACT = '''
import pytest

def test_a_refused_broker_ends_the_scheduler(launcher, rpc_fault):
    rpc_fault("connect", "refuse")
    run = launcher.start(backend="threading", workers=2)
    run.assert_clean_exit()

def test_a_start_that_fails_ends_the_scheduler(launcher, service_fault):
    service_fault("start", "raise", "RuntimeError", role="worker")
    assert launcher.start(backend="threading", workers=2).broken == []

def test_threads_that_cannot_be_had_end_the_scheduler(launcher, thread_fault):
    thread_fault("spawn", "raise", "RuntimeError")
    assert launcher.start(backend="threading", workers=2).outcome == "clean-exit"
'''

STUCK = '''
import pytest

@pytest.mark.chaos_target("naive")
def test_stuck(launcher, service_fault):
    service_fault("start", "stall")
    launcher.start(backend="eventlet", workers=1).assert_clean_exit()
'''


def run_tests(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """What pytest says of a file of tests, in a process and a folder of its own."""
    pytester.makepyfile(text)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


# --- what a user writes ----------------------------------------------------------------------------------------------


def test_the_users_tests_of_the_contract_pass_on_the_sample(pytester: pytest.Pytester) -> None:
    run_tests(pytester, OF_THE_CONTRACT).assert_outcomes(passed=3)


def test_the_same_tests_pass_side_by_side_under_xdist(pytester: pytest.Pytester) -> None:
    run_tests(pytester, OF_THE_CONTRACT, "-n", "2").assert_outcomes(passed=3)


def test_the_users_test_of_the_contract_fails_on_the_naive_launcher(pytester: pytest.Pytester) -> None:
    text = OF_THE_CONTRACT + '\npytestmark = pytest.mark.chaos_target("chaos.sample.naive:main", args=[])\n'
    result = run_tests(pytester, text, "-k", "refused", "--chaos-deadline", "8")
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines([
        "*BrokenPromise: respawn-loop (still running after *), which breaks *gives-up*; wanted: outcome clean-exit",
        "E * gives-up: * workers died before they were ready *",
        "E *promised: workers that die before they are ready are not respawned for ever*",
        "E *log, last lines: > marks the cause:",
        "E *ConnectionRefusedError: *",
        "E *again: chaos repro chaos.sample.naive:main/threading/w2/rpc.connect=refuse --deadline 8",
    ])


def test_a_failure_shows_the_stacks_of_a_hang_and_the_whole_story_below(pytester: pytest.Pytester) -> None:
    result = run_tests(pytester, STUCK, "--chaos-deadline", "8")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        ">*launcher.start(backend=*).assert_clean_exit()",
        "E *stacks:",
        "E *_stall",
        "*chaos: chaos repro naive/eventlet/w1/service.start=stall --deadline 8*",
        "timeline (seconds after exec)",
        "*FAULT stall at service.start*",
    ])


def test_a_case_is_armed_by_its_id_and_junit_tells_it(pytester: pytest.Pytester) -> None:
    case_id = "scheduler/threading/w1/process.fork@parent#1=raise:BlockingIOError:EAGAIN"
    text = f'''
import pytest

@pytest.mark.chaos("{case_id}")
def test_again(launcher):
    run = launcher.start()
    run.assert_passes()
    assert run.case_id == "{case_id}"
'''
    run_tests(pytester, text, "--junitxml", "junit.xml").assert_outcomes(passed=1)
    found = xml.etree.ElementTree.parse(pytester.path / "junit.xml").iter("property")
    assert [(one.get("name"), one.get("value")) for one in found] == [("chaos_case", case_id)]


def test_testtools_runs_the_same_faults_without_pytest(pytester: pytest.Pytester) -> None:
    example = Path(__file__).with_name("test_fixtures_testtools.py").read_text(encoding="utf-8")
    pytester.makepyfile(test_example=example)
    result = pytester.run(sys.executable, "-m", "testtools.run", "test_example", timeout=WITHIN_S)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["Ran 4 tests in *", "OK"])


def test_the_examples_of_the_documentation_do_what_they_say(pytester: pytest.Pytester) -> None:
    page = Path(__file__).parents[2] / "docs" / "pytest.md"
    for_pytest, for_testtools = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    run_tests(pytester, for_pytest).assert_outcomes(passed=4)
    pytester.makepyfile(test_example=for_testtools)
    result = pytester.run(sys.executable, "-m", "testtools.run", "test_example", timeout=WITHIN_S)
    result.stdout.fnmatch_lines(["Ran 1 test in *", "OK"])


# --- a mistake is told where it is made ------------------------------------------------------------------------------


@pytest.mark.parametrize(("fixture", "words", "told"), [
    ("rpc_fault", '"conect", "refuse"', "unknown site 'rpc.conect'*did you mean rpc.connect?"),
    ("rpc_fault", '"connect", "refuze"', "unknown action 'refuze'*did you mean refuse*"),
    ("service_fault", '"strat", "raise"', "unknown site 'service.strat'*did you mean service.start*"),
    ("thread_fault", '"proces.fork", "raise"', "unknown site 'proces.fork'*did you mean process.fork*"),
    ("thread_fault", '"rpc.connect", "refuse"', "'rpc.connect' is a site of rpc transport*for spawning; the fixture fault*"),
    ("fault", '"rpc.connect#0=refuse"', "'0' is not a count of hits*"),
    ("fault", '"rpc.connect", "refuse", role="wroker"', "unknown role 'wroker'*did you mean worker?"),
    ("fault", '"rpc.connect", "delay", "long"', "*delay takes seconds, not 'long'*"),
])
def test_a_mistyped_fault_is_an_error_that_suggests_the_nearest(
    pytester: pytest.Pytester, fixture: str, words: str, told: str
) -> None:
    result = run_tests(pytester, f"def test_typo(launcher, {fixture}):\n    {fixture}({words})\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">*{fixture}(*", f"E *UsageError: {told}"])
    result.stdout.no_fnmatch_line("*armed, and then nothing was started*")


@pytest.mark.parametrize(("mark", "told"), [
    ('chaos("scheduler/threading/w1/service.strat=raise")', "unknown site 'service.strat'*did you mean service.start*"),
    ('chaos("sheduler/threading/w1/none")', "unknown target 'sheduler'*did you mean scheduler?"),
    ('chaos("scheduler/threading/w1/none"), pytest.mark.chaos_target("naive")', "*one of 'scheduler'"),
    ('chaos("scheduler/threading/w1/rpc.connect=refuse"), pytest.mark.chaos("scheduler/threading/w1/service.start=stall")',
     "the mark chaos stands 2 times*=refuse*=stall; one id, with a + between its faults, would be right"),
])
def test_a_mistyped_mark_is_an_error_that_points_at_it(pytester: pytest.Pytester, mark: str, told: str) -> None:
    text = f"import pytest\npytestmark = [pytest.mark.{mark}]\ndef test_typo(launcher): pass\n"
    result = run_tests(pytester, text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_the_mark_of_a_test_stands_for_its_modules(pytester: pytest.Pytester) -> None:
    text = '''
import pytest
pytestmark = pytest.mark.chaos("scheduler/threading/w1/service.create=stall")

@pytest.mark.chaos("scheduler/eventlet/w1/service.create=raise:RuntimeError")
def test_its_own(launcher):
    assert launcher.start().case_id == "scheduler/eventlet/w1/service.create=raise:RuntimeError"
'''
    run_tests(pytester, text).assert_outcomes(passed=1)


def test_a_mistyped_target_is_an_error_that_suggests_the_nearest(pytester: pytest.Pytester) -> None:
    text = '''
import pytest

@pytest.mark.chaos_target("chaos.sample.naive:man")
def test_typo(launcher):
    launcher.start()
'''
    result = run_tests(pytester, text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *did you mean chaos.sample.naive:main?"])


@pytest.mark.parametrize("word", ["soon", "0", "-1", "inf"])
def test_a_deadline_that_is_no_time_is_wrong_usage(pytester: pytest.Pytester, word: str) -> None:
    result = run_tests(pytester, "def test_nothing(): pass\n", f"--chaos-deadline={word}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--chaos-deadline {word}: not a time in seconds*"])


# --- what proves nothing is never green ------------------------------------------------------------------------------


def test_a_fault_that_is_armed_and_never_started_fails_the_test(pytester: pytest.Pytester) -> None:
    text = '''
import pytest

def test_forgot(launcher, rpc_fault):
    rpc_fault("connect", "refuse")

@pytest.mark.chaos("scheduler/threading/w1/rpc.connect=refuse")
def test_forgot_the_case(launcher):
    pass

@pytest.mark.chaos("scheduler/threading/w1/rpc.connect=refuse")
def test_forgot_the_launcher():
    pass

def test_fails_by_itself(launcher, rpc_fault):
    rpc_fault("connect", "refuse")
    assert 1 == 2
'''
    result = run_tests(pytester, text)
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines([
        "armed, and then nothing was started: rpc.connect=refuse; *",
        "armed, and then nothing was started: rpc.connect=refuse; *",
        "the mark chaos arms a case, and the test never asks for the fixture launcher*",
        "E *assert 1 == 2",
    ])


@pytest.mark.parametrize("ask", ["run.assert_passes()", "run.assert_started()", "assert run.broken == []", "pass"])
def test_a_fault_that_never_fires_fails_whatever_the_test_asks(pytester: pytest.Pytester, ask: str) -> None:
    text = f'''
def test_never(launcher, thread_fault):
    thread_fault("greenthread.spawn", "raise", "MemoryError")
    run = launcher.start(backend="threading", workers=1)
    {ask}
'''
    result = run_tests(pytester, text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unreached: this run says nothing about the launcher",
                                 "*greenthread.spawn=raise:MemoryError never fired*", "*reached in this start: *"])


def test_an_unhealthy_launcher_is_shown_and_nothing_is_injected(pytester: pytest.Pytester) -> None:
    script = pytester.path / "refuses.sh"
    script.write_text("#!/bin/sh\necho CRITICAL no database in $PLACE\nexit 3\n", encoding="utf-8")
    script.chmod(0o755)
    text = '''
import pytest

@pytest.mark.chaos_target("./refuses.sh")
@pytest.mark.parametrize("place", ["Rome", "Oslo"])
def test_broken(launcher, rpc_fault, monkeypatch, place):
    monkeypatch.setenv("PLACE", place)
    rpc_fault("connect", "refuse")
    launcher.start()
'''
    result = run_tests(pytester, text)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E *UnhealthyBaseline: ./refuses.sh does not start well even without a fault: *",
                                 "E *no database in Rome", "E *no database in Oslo"])
    result.stdout.no_fnmatch_line("*armed, and then nothing*")


# --- the pytest process ----------------------------------------------------------------------------------------------


def test_loading_the_plugin_imports_nothing_of_chaos_but_itself() -> None:
    code = "import sys, chaos.plugin; print(*(name for name in sys.modules if name.split('.')[0] == 'chaos'))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=WITHIN_S)
    assert loaded.stdout.split() == ["chaos", "chaos.plugin"]


def test_the_pytest_process_stays_as_it_is_while_a_target_runs_under_faults(pytester: pytest.Pytester) -> None:
    text = '''
import os, socket, sys, threading, time

def test_untouched(launcher, fault):
    before = (threading.Thread.start, os.fork, time.sleep, socket.socket)
    fault("service.create=raise:RuntimeError")
    launcher.start(backend="eventlet", workers=1).assert_clean_exit()
    assert (threading.Thread.start, os.fork, time.sleep, socket.socket) == before
    assert not {"eventlet", "oslo_service", "oslo_messaging"} & set(sys.modules)
'''
    run_tests(pytester, text).assert_outcomes(passed=1)


def test_a_test_without_a_time_out_gets_one_above_the_supervisors_own_limits(pytester: pytest.Pytester) -> None:
    text = '''
import pytest

def test_guarded(request, launcher):
    mark = request.node.get_closest_marker("timeout")
    deadline_s, boot_s = 3 * 30, 3 * 30 + 6 * 30      # of a case whose good start took all of the 30 s that it may
    assert mark.args[0] > 30 + 10 + 8 + boot_s + deadline_s + 8 and mark.kwargs == {"method": "signal"}

@pytest.mark.chaos_target("scheduler", deadline_s=1000, grace_s=5000)
def test_a_longer_deadline_has_a_longer_guard(request, launcher):
    assert request.node.get_closest_marker("timeout").args[0] > 2 * (2 * 1000 + 5000)
    assert launcher.options == " --deadline 1000 --grace 5000"

@pytest.mark.timeout(7)
def test_its_own_is_kept(request, launcher):
    assert request.node.get_closest_marker("timeout").args == (7,)

def test_others_are_left_alone(request):
    assert request.node.get_closest_marker("timeout") is None
'''
    run_tests(pytester, text).assert_outcomes(passed=4)


def test_a_time_out_in_the_middle_of_a_case_fails_that_test_alone(pytester: pytest.Pytester) -> None:
    # Told to stop it does not, and its own loop goes round: nothing is proven, and it takes its whole grace time.
    stuck = STUCK.replace('"start", "stall"', '"stop", "stall"')
    text = stuck.replace("@pytest", "@pytest.mark.timeout(4)\n@pytest") + '''
def test_after(launcher, service_fault):
    service_fault("create", "raise", "RuntimeError")
    launcher.start(backend="threading", workers=1).assert_clean_exit()
'''
    result = run_tests(pytester, text, "--chaos-deadline", "50")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Timeout (>4.0s) from pytest-timeout.*"])


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_no_process_of_a_target_outlives_pytest(pytester: pytest.Pytester, by: signal.Signals) -> None:
    path = pytester.makepyfile(STUCK)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--chaos-deadline", "50", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=pytester.path) as running:
        started = next(found for found in below(running.pid)
                       if any("/bin-" in line and "/naive" in line for line in found.values()))
        os.kill(running.pid, by)
        running.wait(WITHIN_S)
    _, alive = psutil.wait_procs(started, timeout=WITHIN_S)
    assert alive == []


def below(pid: int) -> Iterator[dict[psutil.Process, str]]:
    """Every process below ``pid`` with its command line, again and again until the deadline."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found: dict[psutil.Process, str] = {}
        for process in psutil.Process(pid).children(recursive=True):
            try:
                found[process] = " ".join(process.cmdline())
            except psutil.Error:
                continue
        yield found
