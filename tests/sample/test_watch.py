"""What only chance would show of the sample's watch: two things that come at the same moment, of one process or of two.

Each runs in a process of its own, for the watch ends it.
"""

import subprocess
import sys

import pytest

PREPARED = """
import logging, os, sys, threading
from chaos.sample.concurrency import Backend, prepare
prepare(Backend(sys.argv[1]))
from chaos.sample.exits import Failure
from chaos.sample.reports import Word
from chaos.sample.startup import Watch
watch = Watch(workers=1, deadline_s=30.0, redact=str)
"""

TWO_GIVE_UP = """
def redact(reason):
    '''While the first of them makes its line, another thread gives up too.'''
    if reason == "first":
        other = threading.Thread(target=watch._give_up, args=(Failure("b", 70, "second"),), daemon=True)
        other.start()
        other.join(0.5)
    return reason
watch._redact = redact
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
watch._give_up(Failure("a", 69, "first"))
"""

WORD_WITH_THE_END = """
def ends():
    '''The worker says why and ends, when what came before has been heard already.'''
    watch._lifeline.tell(Word.BORN)
    watch._lifeline.tell(Word.FAILED, Failure("start", 69, "the broker refused"))
    return ((os.getpid(), "exited with status 69"),)
watch._lifeline.tell(Word.BORN)
watch._ends = ends
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
watch._run()
"""

HUP_WHILE_HANDLERS_ARE_SET = """
import signal
def install():
    signal.signal(signal.SIGHUP, lambda number, frame: print("the service is reset"))
    os.kill(os.getpid(), signal.SIGHUP)
watch._listening(install)()
print("gone on")
"""

TIMER_IS_STARTED = """
import faulthandler, signal
def dump_traceback_later(*args, **more):
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    print(sorted({signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1} - held))
before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
faulthandler.dump_traceback_later = dump_traceback_later
watch.begin()
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before | {signal.SIGTERM})
"""

STOP_FAILS_AND_IS_NOT_HEARD_OF_YET = """
read, begun = watch._inbox.read, threading.Event()
def read_late():
    begun.wait()
    return read()
watch._inbox.read = read_late
with watch:
    watch._stopping = True
    watch._lifeline.tell(Word.FAILED, Failure("stop", 70, "the server is stuck"))
    threading.Timer(0.2, begun.set).start()
    print(watch.status(None))
"""

WAITS_BEFORE_IT_HAS_A_HUB = """
import select, signal, time
signal.alarm(10)  # the parent waits for ever if its child has taken the news away
news, tell = os.pipe()
def tell_what_came():
    print("heard by the", "parent" if os.getpid() == watch._pid else "child", flush=True)
def listen():
    select.select([news], [], [])
    tell_what_came()
listener = threading.Thread(target=listen)
listener.start()
time.sleep(0)
child = os.fork()
if child == 0:
    watch._after_fork()
    os.write(tell, b".")
    time.sleep(0.2)
    os._exit(0)
listener.join()
os.waitpid(child, 0)
"""

FAILS_BEFORE_IT_IS_ON_ITS_OWN = """
from chaos.sample import concurrency
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
def fail():
    raise ImportError("no hub")
concurrency.leave_parents_hub = fail
child = os.fork()
if child == 0:
    watch._after_fork()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
for report in watch._inbox.read():
    print(report.word.name, report.reason)
"""

THREAD_OF_THE_WATCH = """
import re, signal
with watch:
    words = open(f"/proc/self/task/{watch._thread.native_id}/status").read()
    held = int(re.search(r"SigBlk:\\s+(\\w+)", words)[1], 16)
    print([bool(held & 1 << number - 1) for number in (signal.SIGTERM, signal.SIGHUP)], flush=True)
    os._exit(0)
"""

LEAVES_BEFORE_ALL_ARE_UP = """
for word in (Word(name) for name in sys.argv[2:]):
    watch._lifeline.tell(word)
watch._launcher_waits = True
watch._hear_all()
print(watch._is_up(), watch._settled)
"""


def test_of_two_threads_that_give_up_at_once_only_the_first_is_heard() -> None:
    ended = _run(TWO_GIVE_UP)
    assert ended.returncode == 69, ended.stderr
    assert ended.stdout.splitlines() == ["start failed: a: first"]


def test_a_worker_that_says_why_as_it_ends_is_heard_before_its_end_is_judged() -> None:
    ended = _run(WORD_WITH_THE_END)
    assert ended.returncode == 69, ended.stderr
    assert "the broker refused" in ended.stdout
    assert "during the start" not in ended.stdout


def test_a_sighup_while_the_launcher_sets_its_handlers_is_ignored_like_any_other() -> None:
    ended = _run(HUP_WHILE_HANDLERS_ARE_SET)
    assert ended.stdout == "gone on\n", ended.stderr


def test_a_timers_thread_is_not_there_for_the_signals_that_the_main_thread_holds_back() -> None:
    ended = _run(TIMER_IS_STARTED)
    assert ended.stdout.splitlines() == ["[]", "True"], ended.stderr


def test_what_a_worker_says_as_it_stops_decides_the_status_though_it_is_heard_late() -> None:
    ended = _run(STOP_FAILS_AND_IS_NOT_HEARD_OF_YET)
    assert ended.stdout == "70\n", ended.stderr


def test_a_forked_worker_that_waits_at_once_does_not_run_its_parents_greenthreads() -> None:
    ended = _run(WAITS_BEFORE_IT_HAS_A_HUB, "eventlet")
    assert ended.stdout == "heard by the parent\n", ended.stderr


def test_a_worker_that_fails_before_it_is_on_its_own_tells_its_parent_and_not_the_log() -> None:
    ended = _run(FAILS_BEFORE_IT_IS_ON_ITS_OWN, "eventlet")
    assert ended.stdout.splitlines() == ["70", "BORN ", "FAILED fork: ImportError: no hub"], ended.stderr


def test_the_watchs_thread_holds_back_what_the_main_thread_holds_back_later() -> None:
    ended = _run(THREAD_OF_THE_WATCH)
    assert ended.stdout == "[True, True]\n", ended.stderr


@pytest.mark.parametrize("words", [("born", "ready", "leaving"), ("born", "leaving", "ready")])
def test_a_worker_on_its_way_down_is_not_up_though_it_serves(words: tuple[str, ...]) -> None:
    ended = _run(LEAVES_BEFORE_ALL_ARE_UP, "threading", *words)
    assert ended.stdout.splitlines() == ["False inf"], ended.stderr


def _run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = arguments or ("threading",)
    return subprocess.run([sys.executable, "-c", PREPARED + script, *words], capture_output=True, text=True, timeout=60)
