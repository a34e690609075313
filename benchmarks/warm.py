"""What a warm case costs: beside the floor (a bare fork of the target's imports, its own start and end, no chaos) and cold.

    python benchmarks/warm.py [--runs N] [--sweep | --target NAME]

The case is the sample's start that fails (``service.start`` raises), with one worker. The three are run in turns, so that a
busy minute of the machine meets all of them alike; medians with the smallest and the largest, and ratios within this run.
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

from bare import AHEAD, FRESH, INSIDE

from chaos.model import Case, Fault
from chaos.prepare import Timing, request_for
from chaos.runner.folder import Folder
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.target import Target, resolve

FLOOR = """
import os, sys, time
""" + AHEAD + """from chaos.sample import service
def start(self):
    raise RuntimeError("start failed")
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
""" + FRESH + """service.SchedulerService.start = start
from chaos.sample.launcher import main
sys.exit(main())
"""


class Floor:
    """The bare forks."""

    def __init__(self, request: Request, ahead: str, folder: str) -> None:
        held = Folder(replace(request, folder=folder)).__enter__()
        argv = [held.filled(word) for word in request.argv[2:]]
        text = FLOOR.format(inside=INSIDE, ahead=ahead)
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


def measure(target: Target, backend: str, runs: int, folder: str) -> tuple[list[float], list[float], list[float]]:
    """Seconds a case: at the floor, warm, cold."""
    base = Case(target.name, backend, 1)
    role = "parent" if backend == "eventlet" else "worker"
    case = replace(base, faults=(Fault("service.start", "raise", ("RuntimeError",), role),))
    with Pool(1) as pool:
        seen = pool.run_one(request_for(target, base, Timing(), None, learns=True))
        ahead = pool.remember((*seen.ahead, *(f"said\t{line}" for line in seen.output.splitlines())))
        cold = request_for(target, case, Timing(), seen.expected)
        warm = replace(cold, ahead=ahead)
        floor = Floor(cold, ahead, folder)
        first = pool.run_one(warm)
        assert first.started_as == "warm" and first.fired, first.started_as
        floor()
        found: tuple[list[float], list[float], list[float]] = ([], [], [])
        for turn in range(runs):
            found[0].append(floor())
            found[1].append(timed(lambda: pool.run_one(warm)))
            if turn % 3 == 0:
                found[2].append(timed(lambda: pool.run_one(cold)))
        floor.close()
    return found


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
    parser = argparse.ArgumentParser(description=__doc__)
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
        with tempfile.TemporaryDirectory() as folder:
            floor, warm, cold = measure(target, backend, options.runs, os.path.join(folder, "run"))
        bottom = statistics.median(floor)
        print(told(f"{backend}: floor", floor, None))
        print(told(f"{backend}: warm", warm, bottom))
        print(told(f"{backend}: cold", cold, bottom))
        print(f"| {backend}: cold to warm | | | | {statistics.median(cold) / statistics.median(warm):.1f} |", flush=True)
    if options.sweep:
        sweeps()


if __name__ == "__main__":
    main()
