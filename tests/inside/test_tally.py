"""What all processes of a run count together: exactly, whoever counts beside whom, and from wherever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chaos.runner.folder import FILES, INSIDE


@pytest.fixture
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(INSIDE)
    monkeypatch.delitem(sys.modules, "_chaos_tally", raising=False)
    import _chaos_tally
    for name in FILES:
        (tmp_path / name).touch()
    return _chaos_tally


def test_each_name_is_counted_for_itself_also_where_one_begins_like_the_other(tally: Any, tmp_path: Path) -> None:
    names = ["a", "a.b", "a", "b" * 300, "a", "\u20ac\udcff", "b" * 300]
    assert [tally.count(str(tmp_path), name) for name in names] == [1, 1, 2, 1, 3, 1, 2]


def test_who_begins_anew_counts_on(tally: Any, tmp_path: Path) -> None:
    """Another process, or a thread that finds what was counted taken away."""
    assert [tally.count(str(tmp_path), "a") for _ in range(3)] == [1, 2, 3]
    tally._counted.clear()
    assert tally.count(str(tmp_path), "a") == 4


def test_what_another_thread_has_counted_behind_ones_own_mark_is_not_counted(
    tally: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It appends and counts between our mark and our count."""
    real, later = tally._taken, list[int]()

    def taken() -> Any:
        if not later:
            later.append(0)
            later[0] = tally.count(str(tmp_path), "a")
        return real()
    monkeypatch.setattr(tally, "_taken", taken)
    assert tally.count(str(tmp_path), "a") == 1
    assert later == [2]
    assert tally.count(str(tmp_path), "a") == 3


CROWD = """
import sys, threading
sys.setswitchinterval(1e-5)
sys.path.insert(0, sys.argv[1])
import _chaos_tally
numbers = []
def count():
    numbers.extend(_chaos_tally.count(sys.argv[2], "a") for _ in range(200))
threads = [threading.Thread(target=count) for _ in range(3)]
for thread in threads: thread.start()
import os
child = os.fork()
count()
for thread in threads if child else (): thread.join()
with open("%s/found.%d" % (sys.argv[2], os.getpid()), "w") as found: print(*numbers, file=found)
os._exit(0) if not child else os.waitpid(child, 0)
"""


def test_threads_and_processes_together_count_every_number_once(tally: Any, tmp_path: Path) -> None:
    """Each of three forks beside three threads that count; the child has none of them, and may have what they took away."""
    command = [sys.executable, "-W", "ignore", "-c", CROWD, INSIDE, str(tmp_path)]
    crowds = [subprocess.Popen(command) for _ in range(3)]
    assert [crowd.wait() for crowd in crowds] == [0, 0, 0]
    numbers = [int(number) for part in tmp_path.glob("found.*") for number in part.read_text().split()]
    assert len(numbers) >= 3 * 5 * 200
    counted = (tmp_path / "hits").read_text().count("a")
    assert set(numbers) == set(range(1, counted + 1))


def test_a_file_that_takes_no_more_counts_nothing(tally: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tally.count(str(tmp_path), "a") == 1
    with monkeypatch.context() as full:
        full.setattr(tally.posix, "write", lambda fd, data: 1)
        with pytest.raises(OSError, match="no room"):
            tally.count(str(tmp_path), "a")
    assert tally.count(str(tmp_path), "a") == 2


def test_the_latest_of_a_name_is_known_and_nobody_of_another(tally: Any, tmp_path: Path) -> None:
    assert tally.noted(str(tmp_path), "worker.1") == 0
    tally.note(str(tmp_path), "worker.1")
    with (tmp_path / "pids").open("a") as pids:
        pids.write("worker.10\t7\nworker.1\t8\n")
    assert tally.noted(str(tmp_path), "worker.1") == 8
    assert tally.noted(str(tmp_path), "worker.10") == 7
    assert tally.noted(str(tmp_path), "worker") == 0
