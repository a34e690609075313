"""What only chance would show of the sample's watch: two things that come at the same moment.

Each runs in a process of its own, for the watch ends it.
"""

import subprocess
import sys

PREPARED = """
import logging, os, sys, threading
from chaos.sample.concurrency import Backend, prepare
prepare(Backend.THREADING)
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

LEAVES_BEFORE_ALL_ARE_UP = """
for word in (Word.BORN, Word.READY, Word.LEAVING):
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


def test_a_worker_on_its_way_down_is_not_up_though_it_has_served() -> None:
    ended = _run(LEAVES_BEFORE_ALL_ARE_UP)
    assert ended.stdout.splitlines() == ["False inf"], ended.stderr


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PREPARED + script], capture_output=True, text=True, timeout=60)
