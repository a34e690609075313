"""What a warm case costs: beside the floor (a bare fork of the target's imports, its own start and end, no chaos) and cold.

    python benchmarks/warm.py [--runs N] [--sweep | --target NAME]

The cases are starts of the sample that fail, with one worker: one for each thing that chaos exists to break (`FAILS`). The
three ways are run in turns, so that a busy minute of the machine meets all of them alike; medians with the smallest and the
largest, and ratios within this run; at the end of each backend those over all its starts.
``--sweep`` also times the default sweep with one job and with two. ``--target``: of another launcher (an entry in the current
folder) a good start, from exec until it has served, was stopped and has ended, warm and cold; its floor nobody has written.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from bare import AHEAD, FRESH, INSIDE

from chaos.catalog import BY_NAME
from chaos.model import Case, Fault
from chaos.prepare import Timing, request_for
from chaos.runner.folder import Folder
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.target import Target, resolve

FAILS = ("service.create", "rpc.server.create", "service.start", "thread.spawn")
SPAWNS = {"eventlet": "greenthread.spawn", "threading": "process.spawn"}
IN_WORKER = ("rpc.server.create", "service.start")
"""Where a backend has workers also for one: under threading."""

FLOOR = """
import os, sys, time
""" + AHEAD + """from chaos.sample import service
def fail(*given, **named):
    raise RuntimeError("injected")
for module, *names, last in {places!r}:
    owner = sys.modules.get(module)
    for name in names:
        owner = getattr(owner, name, None)
    original = getattr(owner, last, None)
    if original is not None:
        setattr(owner, last, fail)
        for other in list(sys.modules.values()):        # who imported it by name
            if vars(other).get(last) is original:
                setattr(other, last, fail)
fork, wait, read, write = os.fork, os.waitpid, os.read, os.write
while read(0, 1):
    began = time.monotonic()
    pid = fork()
    if pid == 0:
        break
    wait(pid, 0)
    write(1, b"%.6f\\n" % (time.monotonic() - began))
else:
    os._exit(0)
""" + FRESH + """from chaos.sample.launcher import main
sys.exit(main())
"""


def places(site: str) -> list[tuple[str, ...]]:
    """What is replaced at the floor for a site: module and names, down to the attribute."""
    if site.startswith("service."):
        return [("chaos.sample.service", "SchedulerService", site.removeprefix("service."))]
    return [(place.module, *place.qualified.split(".")) for place in BY_NAME[site].places]


class Floor:
    """The bare forks."""

    def __init__(self, request: Request, ahead: str, folder: str, site: str) -> None:
        held = Folder(replace(request, folder=folder)).__enter__()
        argv = [held.filled(word) for word in request.argv[2:]]
        text = FLOOR.format(inside=INSIDE, ahead=ahead, places=places(site))
        env = {name: value for name, value in os.environ.items() if not name.startswith("CHAOS")}
        self.process = subprocess.Popen([sys.executable, "-c", text, *argv], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)

    def __call__(self) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(b".")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


class Times(NamedTuple):
    """Seconds a case: at the floor, warm, cold."""

    floor: list[float]
    warm: list[float]
    cold: list[float]


def measure(target: Target, backend: str, site: str, runs: int, folder: str) -> Times:
    base = Case(target.name, backend, 1)
    role = "worker" if backend == "threading" and site in IN_WORKER else "parent"
    case = replace(base, faults=(Fault(site, "raise", ("RuntimeError",), role),))
    with Pool(1) as pool:
        seen = pool.run_one(request_for(target, base, Timing(), None, learns=True))
        ahead = pool.remember((*seen.ahead, *(f"said\t{line}" for line in seen.output.splitlines())))
        cold = request_for(target, case, Timing(), seen.expected)
        warm = replace(cold, ahead=ahead)
        floor = Floor(cold, ahead, folder, site)
        first = pool.run_one(warm)
        assert first.started_as == "warm" and first.fired, first.started_as
        floor()
        times = Times([], [], [])
        for turn in range(runs):
            times.floor.append(floor())
            times.warm.append(timed(lambda: pool.run_one(warm)))
            if turn % 3 == 0:
                times.cold.append(timed(lambda: pool.run_one(cold)))
        floor.close()
    return times


def measure_good(target: Target, backend: str, runs: int) -> tuple[list[float], list[float]]:
    """Seconds of a good start, warm and cold."""
    base = Case(target.name, backend, 1)
    found: tuple[list[float], list[float]] = ([], [])
    with Pool(1) as pool:
        seen = pool.run_one(request_for(target, base, Timing(), None, learns=True))
        cold = request_for(target, base, Timing(), seen.expected)
        warm = replace(cold, ahead=pool.remember((*seen.ahead, *(f"said\t{line}" for line in seen.output.splitlines()))))
        started = pool.run_one(warm).started_as
        if started != "warm":
            sys.exit(f"{target.name}/{backend} is not started warm: {started}")
        for _ in range(runs):
            for times, request in zip(found, (warm, cold), strict=True):
                times.append(timed(lambda request=request: pool.run_one(request)))
    return found


def others(target: Target, runs: int) -> None:
    for backend in target.backends:
        warm, cold = measure_good(target, backend, runs)
        print(told(f"{target.name}, {backend}: warm", warm, None))
        print(told(f"{target.name}, {backend}: cold", cold, None))
        ratio = statistics.median(cold) / statistics.median(warm)
        print(f"| {target.name}, {backend}: cold to warm | | | | {ratio:.1f} |", flush=True)


def show(name: str, times: Times) -> None:
    bottom = statistics.median(times.floor)
    print(told(f"{name}: floor", times.floor, None))
    print(told(f"{name}: warm", times.warm, bottom))
    print(told(f"{name}: cold", times.cold, bottom))
    print(f"| {name}: cold to warm | | | | {statistics.median(times.cold) / statistics.median(times.warm):.1f} |", flush=True)


def told(name: str, times: list[float], to: float | None) -> str:
    median = statistics.median(times)
    ratio = "" if to is None else f"{median / to:.2f}"
    return f"| {name} | {median * 1e3:.0f} ms | {min(times) * 1e3:.0f} to {max(times) * 1e3:.0f} | {len(times)} | {ratio} |"


def sweeps() -> None:
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as out:
            began = time.monotonic()
            subprocess.run([sys.executable, "-m", "chaos", "sweep", "--jobs", str(jobs), "--out", out], check=True,
                           stdout=subprocess.DEVNULL)
            print(f"| default sweep, {jobs} job{'s' if jobs > 1 else ''} | {time.monotonic() - began:.1f} s | | 1 | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--target", metavar="NAME")
    options = parser.parse_args()
    target = resolve(options.target or "scheduler")
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors\n")
    print("| what | median | spread | runs | to the floor |\n|---|---|---|---|---|")
    if options.target:
        others(target, options.runs)
        return
    for backend in target.backends:
        whole = Times([], [], [])
        for site in (*FAILS, SPAWNS[backend]):
            with tempfile.TemporaryDirectory() as folder:
                times = measure(target, backend, site, options.runs, os.path.join(folder, "run"))
            show(f"{backend}, {site}", times)
            for of_all, of_site in zip(whole, times, strict=True):
                of_all.extend(of_site)
        show(f"{backend}, all of these", whole)
    if options.sweep:
        sweeps()


if __name__ == "__main__":
    main()
