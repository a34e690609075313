"""What chaos costs: a cold case through ``Pool`` beside the bare start of the same launcher, and the pure parts by the case.

    python benchmarks/starts.py

Prints one table. Times are medians of a few runs with the smallest and the largest; compare ratios, which are taken
within one run of this script, and not seconds of two machines. Nothing is asserted. On a busy machine the sample gives up a
start that takes too long: such a turn is left out, told below the table, and made again while there is time. Ends after two
minutes at the most, with status 1 where no turn was whole.
"""

from __future__ import annotations

import argparse
import os
import platform
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from chaos.judge import judge
from chaos.model import Case, Exited, Expectation, Fault, Firing, Judged, Limits, Milestone, Observation, Site, Variant
from chaos.plan import Profile, plan
from chaos.prepare import Timing, request_for
from chaos.report.document import case_data
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.sweep import run_baselines
from chaos.target import Target, resolve

RUNS = 5
AT_MOST_S = 120.0
START_WITHIN_S = 20.0
REPEATS = 1000

Row = tuple[str, list[float], float | None]
"""What was measured, its times in seconds, and the median that it is compared with (None: nothing)."""


class NotAsMeant(Exception):
    """A start that was to be measured went another way; how."""


def timed(works: Sequence[Callable[[], object]], until: float, missed: list[str]) -> list[list[float]]:
    """Up to ``RUNS`` times of each, in turns, so that a busy minute of the machine meets all of them alike. Fewer where
    ``until`` comes first, but at least one. What went another way goes into ``missed``, and its turn is left out; raises
    `NotAsMeant` when there is no time for another."""
    times: list[list[float]] = [[] for _ in works]
    while len(times[0]) < RUNS and (not times[0] or time.monotonic() < until):
        try:
            turn = [seconds(work) for work in works]
        except NotAsMeant as why:
            missed.append(str(why))
            if not times[0] and time.monotonic() >= until:
                raise
            continue
        for one, mine in zip(turn, times, strict=True):
            mine.append(one)
    return times


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# --- whole starts ----------------------------------------------------------------------------------------------------


def bare_start(argv: list[str]) -> None:
    """Start the launcher without chaos, send SIGTERM at its READY=1, and wait until it is gone. Raises `NotAsMeant`."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, \
            open(os.path.join(folder, "output"), "w+b") as output:
        path = os.path.join(folder, "notify")
        notices.bind(path)
        process = subprocess.Popen(argv, env={**os.environ, "NOTIFY_SOCKET": path}, stdout=output, stderr=output)
        try:
            if not is_ready(process.pid, notices):
                process.kill()
                output.seek(0)
                last = output.read().decode("utf-8", "replace").splitlines()[-1:]
                raise NotAsMeant(f"a bare start was not ready within {START_WITHIN_S:.0f} s, or ended (status "
                                 f"{process.wait()}); it said last: {''.join(last) or 'nothing'}")
            process.send_signal(signal.SIGTERM)
            process.wait(START_WITHIN_S)
        finally:
            process.kill()
            process.wait()


def is_ready(pid: int, notices: socket.socket) -> bool:
    """Wait for READY=1: False when ``pid`` ends before, or takes too long."""
    until = time.monotonic() + START_WITHIN_S
    process = os.pidfd_open(pid)
    try:
        while True:
            readable, _, _ = select.select([notices, process], [], [], max(0.0, until - time.monotonic()))
            if notices not in readable:
                return False
            if b"READY=1" in notices.recv(4096).splitlines():
                return True
    finally:
        os.close(process)


def through(pool: Pool, request: Request) -> None:
    """Raises `NotAsMeant` where it did not serve without a fault, or served with one."""
    seen = pool.run_one(request)
    if (seen.stopped_watching == "served") is bool(request.case.faults):
        raise NotAsMeant(f"{request.case_id} ended as {seen.ending}, no longer watched because {seen.stopped_watching}")


def bare_argv(target: Target, case: Case, folder: Path) -> list[str]:
    """The argument vector that the supervisor would run, with its script and configuration in ``folder``."""
    request = request_for(target, case, Timing(), None)
    script, config = folder / "scheduler", folder / "scheduler.conf"
    config.write_text(request.config, encoding="utf-8")
    if request.script is not None:
        script.write_text(request.script[1], encoding="utf-8")
    return [word.replace("{script}", str(script)).replace("{config}", str(config)) for word in request.argv]


def start_rows(pool: Pool, target: Target, backend: str, until: float, folder: Path, missed: list[str]) -> Iterator[Row]:
    good = Case(target.name, backend, 1)
    failing = replace(good, faults=(Fault("service.start", "raise", ("RuntimeError",)),))
    expected = next(iter(run_baselines(pool, target, [good], Timing()))).baseline.seen.expected
    argv = bare_argv(target, good, folder)
    requests = [request_for(target, case, Timing(), expected) for case in (good, failing)]
    works: list[Callable[[], object]] = [partial(bare_start, argv)]
    works += [partial(through, pool, request) for request in requests]
    bare, *through_pool = timed(works, until, missed)
    yield f"{backend}: bare start and stop, no chaos", bare, None
    for name, times in zip(("good case", "failing case"), through_pool, strict=True):
        yield f"{backend}: {name} through Pool, cold", times, statistics.median(bare)


# --- pure parts --------------------------------------------------------------------------------------------------------


def literal_observation() -> Observation:
    """A start that failed, as the supervisor would have written it down."""
    log = "".join(f"2026-01-01 00:00:00.000 7 ERROR scheduler line {number}\n" for number in range(60))
    return Observation(
        ending=Exited(70), elapsed_s=0.9, limits=Limits(), expected=Expectation(), stopped_watching="ended",
        fired=(Firing(0.8, 0, "service.start", "parent", 7, 1, "raise", "chaos-0123456789"),),
        milestones=(Milestone(0.5, "configured", "parent", 7), Milestone(0.7, "service created", "parent", 7)),
        output=log + "2026-01-01 00:00:00.900 7 CRITICAL scheduler start failed: RuntimeError: [chaos-0123456789]\n")


def pure_rows(until: float) -> Iterator[Row]:
    """Each a case: the time of many, divided by their number."""
    case = Case("scheduler", "eventlet", 1, (Fault("service.start", "raise", ("RuntimeError",)),))
    seen = literal_observation()
    judged = Judged(case, seen, judge(case, seen))
    sites = tuple(Site(name, "parent", 1, 0.1) for name in ("service.create", "service.start", "rpc.listen", "timer.add"))
    variant = Variant(judged, sites)
    planned = len(plan(variant, Profile.FULL))
    works: dict[str, tuple[int, Callable[[], object]]] = {
        "plan, a case": (planned, partial(plan, variant, Profile.FULL)),
        "judge, a case": (1, partial(judge, case, seen)),
        "report.json, a case": (1, partial(case_data, judged)),
    }
    loops = [partial(repeated, work) for _, work in works.values()]
    for (name, (cases, _)), times in zip(works.items(), timed(loops, until, []), strict=True):
        yield name, [one / (REPEATS * cases) for one in times], None


def repeated(work: Callable[[], object]) -> None:
    for _ in range(REPEATS):
        work()


# --- the table ---------------------------------------------------------------------------------------------------------


def row_text(row: Row) -> str:
    what, times, compared = row
    unit, factor = ("s ", 1.0) if statistics.median(times) >= 0.01 else ("us", 1e6)
    median, least, most = (f"{value * factor:.2f}" for value in (statistics.median(times), min(times), max(times)))
    ratio = f"{statistics.median(times) / compared:.2f}" if compared else "-"
    return f"| {what} | {median} {unit} | {least} to {most} | {len(times)} | {ratio} |"


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    until = time.monotonic() + AT_MOST_S * 0.8      # the run that is under way at the end needs the rest
    print(f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}, "
          f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    print("| what | median | spread | runs | to the bare start |\n|---|---|---|---|---|")
    target = resolve("scheduler")
    missed: list[str] = []
    try:
        with tempfile.TemporaryDirectory() as folder, Pool() as pool:
            for backend in target.backends:
                for row in start_rows(pool, target, backend, until, Path(folder), missed):
                    print(row_text(row), flush=True)
    except NotAsMeant as why:
        print(f"\nno turn was whole: {why}; load {os.getloadavg()[0]:.1f}")
        return 1
    for row in pure_rows(until):
        print(row_text(row), flush=True)
    if missed:
        print(f"\nleft out, load {os.getloadavg()[0]:.1f}:\n" + "\n".join(missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
