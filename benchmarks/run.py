"""All that chaos costs, in short form, one table after the other: each script below says more on its own, and takes longer.

    python benchmarks/run.py [--whole]

``--whole``: each as long as the figures in README.md took (more than an hour). Exit status 1 where a script fails, which the
hang proof does on a single false one. The last one needs RabbitMQ.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FAILING = "*/w1/service.*=raise:*"
"""Starts that fail, with one worker, both backends: enough of a sweep to see what a second job gives."""
PARTS = (
    ("A case at the floor, warm and cold", "warm.py", ("--runs", "9"), ("--runs", "21")),
    ("One job and two", "jobs.py", ("--turns", "1", "--only", FAILING), ("--turns", "3")),
    ("How soon a hang is proven, and whether one ever is that is none", "hang_proof.py", ("--runs", "60"),
     ("--runs", "1340", "--burners", "2")),
    ("Cases planned, with a runner that does nothing", "own_cost.py", ("1000", "10000"), ("1000", "10000", "100000")),
    ("The pure parts and a cold start beside a bare one", "starts.py", (), ()),
    ("The fault proxy", "proxy.py", (), ()),
    ("A case on RabbitMQ beyond its target, and the nodes of a sweep", "transport.py", ("--runs", "7"), ()),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="each part as long as for the figures in README.md")
    whole = parser.parse_args().whole
    print(f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}, "
          f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    failed = []
    for what, script, short, long in PARTS:
        print(f"\n## {what}\n", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *(long if whole else short)], check=False).returncode:
            failed.append(script)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
