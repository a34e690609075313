"""A sweep over a real Dask cluster on this machine: the same verdicts, and a lost worker costs only its own cases."""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import Client, Queue

from chaos.caseid import format_case, parse_case
from chaos.distributed import hosting
from chaos.distributed.batch import ENDED, REFUSED, SEEN, TAKEN, packed, unpacked
from chaos.distributed.cluster import MOST, Cluster
from chaos.distributed.hosting import IDLE_S, Hosting, run_batch
from chaos.events import CaseFinished, CaseRejudged, Event
from chaos.model import Grade, Outcome, Verdict
from chaos.prepare import Timing, request_for
from chaos.report.files import JOURNAL
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.sweep import Options, sweep
from chaos.target import resolve
from conftest import WITHIN_S, Dask, all_gone, until

SLICE = ("*/service.create*", "*/service.start*#1=raise*", "*/service.start*#1=exit*", "*/service.init*")
"""Some ten cases of the naive launcher, of which some fail and some pass."""
VARIANT = ("--backend", "threading", "--workers", "1")
NAIVE = "naive"

Verdicts = dict[str, tuple[str, str]]


def chaos(*words: str, within_s: float = 100.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "chaos", *words], capture_output=True, text=True, timeout=within_s,
                          check=False)


def swept(out: Path, *words: str) -> Verdicts:
    globs = [word for glob in SLICE for word in ("--only", glob)]
    done = chaos("sweep", NAIVE, *globs, *VARIANT, "--out", str(out), *words)
    assert done.returncode == 1, done.stdout + done.stderr
    return verdicts_in(out)


def verdicts_in(out: Path) -> Verdicts:
    cases = json.loads((out / "report.json").read_text())["cases"]
    return {case["id"]: (case["outcome"], case["verdict"]) for case in cases}


def verdicts_of(events: list[Event]) -> dict[str, Verdict]:
    found = {format_case(event.judged.case): event.judged.verdict for event in events if isinstance(event, CaseFinished)}
    found.update({format_case(event.case): event.verdict for event in events if isinstance(event, CaseRejudged)})
    return found


@pytest.mark.timeout(300)       # five sweeps
def test_one_process_two_jobs_two_shards_and_a_cluster_that_loses_a_worker_say_the_same(dask: Dask, tmp_path: Path) -> None:
    alone = swept(tmp_path / "alone", "--jobs", "1")
    assert {grade for _, grade in alone.values()} == {"pass", "fail"}
    assert swept(tmp_path / "two", "--jobs", "2") == alone

    for shard in ("1", "2"):
        globs = [word for glob in SLICE for word in ("--only", glob)]
        chaos("sweep", NAIVE, *globs, *VARIANT, "--shard", f"{shard}/2", "--out", str(tmp_path / shard))
    chaos("merge", str(tmp_path / "1"), str(tmp_path / "2"), "--out", str(tmp_path / "merged"))
    assert verdicts_in(tmp_path / "merged") == alone

    with Cluster(dask.address) as cluster:
        until("two workers", lambda: cluster.places == 2)
        events = list(losing_a_worker(dask, sweep(resolve(NAIVE, ()), Options(("threading",), (1,), only=SLICE), cluster)))
    found = verdicts_of(events)
    lost = {case_id for case_id, verdict in found.items() if verdict.outcome is Outcome.HARNESS_ERROR}
    assert 1 <= len(lost) < len(alone) / 2
    assert all(found[case_id].grade is Grade.UNKNOWN and "worker right (tcp://127.0.0.1:" in found[case_id].note
               for case_id in lost)
    others = {case_id: (verdict.outcome.value, verdict.grade.value) for case_id, verdict in found.items()}
    assert {**others, **{case_id: alone[case_id] for case_id in lost}} == alone


def losing_a_worker(dask: Dask, events: Iterator[Event]) -> Iterator[Event]:
    """Kill the worker ``right`` once some cases are finished and it has one under way: all that it started ends."""
    finished = 0
    for event in events:
        yield event
        finished += isinstance(event, CaseFinished)
        if finished >= 2 and "right" in dask.workers and has_a_case(dask, "right"):
            all_gone(dask.kill("right"))
            del dask.workers["right"]
    assert "right" not in dask.workers, "it was never killed"


def has_a_case(dask: Dask, name: str) -> bool:
    return any("--config" in " ".join(command_of(one)) or "naive" in " ".join(command_of(one)) for one in dask.below(name))


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_what_is_not_yet_given_waits_for_a_worker(bare_dask: Dask) -> None:
    """Also where there is none at the moment in which cases come."""
    bare_dask.with_worker("left")
    with Cluster(bare_dask.address) as cluster:
        bare_dask.kill("left")
        until("no worker", lambda: cluster.places == 0)
        bare_dask.start_worker("right")
        assert cluster.run_one(a_request()).harness == ""


def test_where_no_worker_is_left_every_case_is_told_as_unknown(bare_dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than are kept ready for workers."""
    monkeypatch.setattr("chaos.distributed.cluster.NONE_LEFT_S", 1.0)
    bare_dask.with_worker("left")
    begun, seen = 0, []
    with Cluster(bare_dask.address) as cluster:
        for _, one in cluster.run([a_request()] * 5 * MOST):
            if one is not None:
                seen.append(one)
                continue
            if not begun:
                bare_dask.kill("left")
            begun += 1
    assert begun == len(seen) == 5 * MOST
    assert [one.harness for one in seen[1:]] == [f"--scheduler {bare_dask.address}: no worker is left"] * (5 * MOST - 1)


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_scheduler_that_is_lost_is_told_and_what_was_finished_is_written(bare_dask: Dask, tmp_path: Path,
                                                                            comes_back: bool) -> None:
    bare_dask.with_worker("left")
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-m", "chaos", "sweep", NAIVE, "--scheduler", bare_dask.address, *VARIANT,
                           "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as caller:
        try:
            until("a finished case", lambda: (out / JOURNAL).exists() and finished_in(out / JOURNAL) > 0)
            bare_dask.kill_scheduler()
            if comes_back:
                bare_dask.start_scheduler_anew()
            said = caller.communicate(timeout=WITHIN_S)[1]
        finally:
            caller.kill()
    assert caller.returncode == 69, said
    assert f"chaos: --scheduler {bare_dask.address}: the scheduler is gone\n" in said
    assert verdicts_in(out)
    assert json.loads((out / "report.json").read_text())["summary"]["interrupted"]


def finished_in(journal: Path) -> int:
    return journal.read_text().count('"case-finished"')


def a_request() -> Request:
    return request_for(resolve(NAIVE, ()), parse_case("naive/threading/w1/service.create@parent=exit:0"), Timing(), None)


def test_a_batch_that_dask_gives_out_again_is_not_run_again(dask: Dask) -> None:
    """Which it does for a lost worker, by rules of the scheduler's own, that a caller cannot set."""
    request = a_request()
    batch = packed(1, (request,), {}, "chaos-again")
    with Client(dask.address, set_as_default=False) as client:
        client.register_plugin(Hosting("chaos-again", 1, None), name="chaos-again")
        ticket, news = Queue(batch.ticket, client=client), Queue(batch.news, client=client)
        ticket.put(1)
        for _ in range(2):
            client.submit(run_batch, batch, "chaos-again", pure=False).result(timeout=60)
        assert [word for _, word, _, _ in news.get(batch=True)] == [TAKEN, SEEN, ENDED, REFUSED]
        client.unregister_worker_plugin("chaos-again")


def test_after_a_sweep_workers_have_nothing_below_them_and_no_secret_in_their_logs(dask: Dask, tmp_path: Path) -> None:
    swept(tmp_path / "out", "--scheduler", dask.address)
    for name in dask.workers:
        until(f"nothing below {name}", lambda name=name: not dask.below(name))
    cases = [parse_case(case_id) for case_id in verdicts_in(tmp_path / "out")]
    secrets = {secret for case in cases for secret in request_for(resolve(NAIVE, ()), case, Timing(), None).secrets}
    assert secrets
    logs = dask.logs()
    assert not [secret for secret in secrets if secret in logs]
    assert "Traceback" not in logs and "Compute Failed" not in logs


def test_what_workers_started_is_gone_after_a_caller_that_was_killed(dask: Dask, tmp_path: Path) -> None:
    caller = subprocess.Popen([sys.executable, "-m", "chaos", "sweep", NAIVE, "--scheduler", dask.address, *VARIANT,
                               "--out", str(tmp_path / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("a case under way", lambda: has_a_case(dask, "left"))
    finally:
        caller.kill()
        caller.wait()
    for name in dask.workers:       # one that has no batch just then ends its pool when nobody has used it for a while
        until(f"nothing below {name}", lambda name=name: not dask.below(name), IDLE_S + WITHIN_S)


def test_a_sweep_says_in_bounded_time_that_no_scheduler_answers() -> None:
    began = time.monotonic()
    done = chaos("sweep", "--scheduler", "tcp://127.0.0.1:9")
    assert done.returncode == 69 and "no Dask scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 40


def test_a_sweep_says_that_a_scheduler_has_no_worker(bare_dask: Dask) -> None:
    done = chaos("sweep", "--scheduler", bare_dask.address)
    assert done.returncode == 69 and "it has no worker after 10 s" in done.stderr


def test_what_is_no_address_is_wrong_usage() -> None:
    done = chaos("sweep", "--scheduler", "nowhere://x")
    assert done.returncode == 64 and "tcp://127.0.0.1:8786 would be right" in done.stderr


def test_a_missing_extra_is_told_with_what_to_install() -> None:
    without = "import sys; sys.modules['distributed'] = None; from chaos.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", without, "sweep", "--scheduler", "tcp://127.0.0.1:9"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 69 and "pip install 'startup-chaos[distributed]'" in done.stderr


@pytest.mark.parametrize("broken, told", [
    ("Pool.__enter__", "cannot begin a case (OSError: [Errno 28] No space left on device)"),
    ("Pool.remember", "cannot begin a case (OSError: [Errno 28] No space left on device)"),
    ("run_batch", "two tasks in a row failed (OSError) before a case was begun; its log says more"),
])
def test_a_worker_that_can_begin_no_case_ends_the_sweep_with_its_name(bare_dask: Dask, tmp_path: Path, broken: str,
                                                                      told: str) -> None:
    """It would get the same cases again and again."""
    bare_dask.with_worker("left", preload=f"""
from chaos.distributed import hosting
def breaks(*args):
    raise OSError(28, "No space left on device")
breaks.__module__, breaks.__name__, breaks.__qualname__ = hosting.__name__, "run_batch", "run_batch"
hosting.{broken} = breaks
""")
    done = chaos("sweep", NAIVE, *VARIANT, "--scheduler", bare_dask.address, "--out", str(tmp_path / "out"), within_s=60)
    assert done.returncode == 69, done.stdout + done.stderr
    assert "worker left (tcp://127.0.0.1:" in done.stderr and told in done.stderr


def test_what_a_pool_had_opened_when_it_failed_is_closed_before_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker stands beside the pool, and takes seconds and memory."""
    steps = []

    @contextlib.contextmanager
    def attached(transport: str | None) -> Iterator[None]:
        steps.append("opened")
        try:
            yield
        finally:
            steps.append("closed")

    class Full(Pool):
        def __enter__(self) -> Full:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hosting, "attached", attached)
    monkeypatch.setattr(hosting, "Pool", Full)
    one = Hosting("chaos-full", 1, None)
    one.setup(None)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            one.run(packed(1, (), {}, "chaos-full"), lambda word, place, text: None, lambda: True)
    one.teardown(None)
    assert steps == ["opened", "closed"] * 2


def test_a_request_comes_out_of_a_batch_as_it_went_in_and_its_secrets_are_not_shown() -> None:
    case = parse_case("naive/threading/w1/service.start=raise:RuntimeError")
    request = request_for(resolve(NAIVE, ()), case, Timing(), None)
    batch = packed(7, (request,), {}, "chaos-x")
    assert unpacked(batch) == [request]
    assert not [secret for secret in request.secrets if secret in repr(batch)]
