"""How much sooner two jobs are done than one, and how many cases a second that is: the same sweep, in turns.

    python benchmarks/jobs.py [--turns N] [--only GLOB]…

Without ``--only`` it is the default sweep of the sample, both backends, one and two workers. Prints medians with the smallest
and the largest, and the ratio within this run. Wall time: on a machine with other work it shows that work too, so the load
is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOBS = (1, 2)


def swept(jobs: int, only: list[str]) -> tuple[float, int]:
    """Seconds from the start of the command to its end, and the cases that it ran."""
    with tempfile.TemporaryDirectory(prefix="chaos-jobs-") as out:
        words = [word for glob in only for word in ("--only", glob)]
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "chaos", "sweep", "--jobs", str(jobs), "--out", out, *words], check=True,
                       stdout=subprocess.DEVNULL)
        took_s = time.monotonic() - began
        return took_s, len(json.loads(Path(out, "report.json").read_text(encoding="utf-8"))["cases"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", action="append", default=[])
    given = parser.parse_args()
    times: dict[int, list[float]] = {jobs: [] for jobs in JOBS}
    cases = 0
    for _ in range(given.turns):
        for jobs in JOBS:
            took_s, cases = swept(jobs, given.only)
            times[jobs].append(took_s)
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors\n")
    print("| what | median | spread | runs | cases a second |\n|---|---|---|---|---|")
    for jobs, found in times.items():
        median = statistics.median(found)
        what = f"{cases} cases, {jobs} job{'s' if jobs > 1 else ''}"
        print(f"| {what} | {median:.1f} s | {min(found):.1f} to {max(found):.1f} | {len(found)} | {cases / median:.1f} |")
    print(f"| speed-up | {statistics.median(times[1]) / statistics.median(times[2]):.2f} | | | |")


if __name__ == "__main__":
    main()
