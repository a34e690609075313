"""How often a hang is proven, how soon, and whether ever one is proven that is none: the gallery of the tests, many times.

    python benchmarks/hang_proof.py --runs 1300 --burners 2

Half a dozen runs at a time, each exhibit in turn. ``--burners`` processes compute all the while, so that the machine is
busy. ``--hung`` says which share of the runs is of hung exhibits. Prints truth against verdict, and the time from the
moment at which an exhibit began to wait to its proof. The exit status is 1 when there was a single false proof. Interrupted,
it tells what it has seen so far.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from runner.proof.gallery import EXHIBITS, Exhibit
from runner.proof.watching import Watched, watched

GOES_ON_S = (0.4, 2.5)
"""One that is not hung goes on so long after its mark: drawn anew for each run."""
HUNG_AT_MOST_S = 8.0
AT_MOST_S = 30.0
PROVEN_WITHIN_S = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=260)
    parser.add_argument("--hung", type=float, default=0.25, help="share of the runs that are of hung exhibits")
    parser.add_argument("--burners", type=int, default=0, help="processes that compute all the while")
    parser.add_argument("--jobs", type=int, default=4, help="runs at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="exhibits whose name holds this")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    exhibits: list[Exhibit] = []
    seen: list[Watched | str] = []
    with burning(given.burners), ThreadPoolExecutor(given.jobs) as pool:
        began = time.monotonic()
        ahead = {pool.submit(run, one): one[0] for one in planned(given)}
        try:
            for done in as_completed(ahead):
                exhibits.append(ahead[done])
                seen.append(done.result())
        except KeyboardInterrupt:       # what was seen so far is told
            pool.shutdown(wait=False, cancel_futures=True)
        took_s = time.monotonic() - began
    return report(exhibits[:len(seen)], seen, took_s, given)


def planned(given: argparse.Namespace) -> Iterator[tuple[Exhibit, float]]:
    """Each exhibit in turn, hung and not hung mixed, with the time after which one that is not hung goes on."""
    draw = random.Random(given.seed)
    chosen = [exhibit for name, exhibit in EXHIBITS.items() if given.only in name]
    hung = itertools.cycle([exhibit for exhibit in chosen if exhibit.proofs] or [None])
    other = itertools.cycle([exhibit for exhibit in chosen if not exhibit.proofs] or [None])
    share = 0.0
    for _ in range(given.runs):
        share += given.hung
        if share >= 1:
            share -= 1
            exhibit = next(hung) or next(other)
        else:
            exhibit = next(other) or next(hung)
        if exhibit is not None:
            yield exhibit, draw.uniform(*GOES_ON_S)


def run(one: tuple[Exhibit, float]) -> Watched | str:
    exhibit, goes_on_s = one
    try:
        return watched(exhibit, goes_on_s=goes_on_s, at_most_s=HUNG_AT_MOST_S if exhibit.proofs else AT_MOST_S)
    except Exception as error:      # a run that could not be made is told, and no proof
        return f"{type(error).__name__}: {error}"


@contextmanager
def burning(count: int) -> Iterator[None]:
    burners = [multiprocessing.get_context("spawn").Process(target=burn, daemon=True) for _ in range(count)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.join()


def burn() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(100_000))


# --- the table -------------------------------------------------------------------------------------------------------


def verdict(exhibit: Exhibit, seen: Watched | str) -> str:
    """One of the columns of the table. ``too soon``: proven before it began to wait; ``failed``: it could not be run."""
    if isinstance(seen, str):
        return "failed"
    if not seen.proof:
        return seen.ended if seen.ended in ("went on", "ended") else "cannot tell"
    if not exhibit.proofs:
        return "false"
    if seen.after_s is not None and seen.after_s < 0:
        return "too soon"
    return "proven" if seen.proof in exhibit.proofs else "other kind"


def report(exhibits: Sequence[Exhibit], seen: Sequence[Watched | str], took_s: float, given: argparse.Namespace) -> int:
    verdicts = [verdict(exhibit, one) for exhibit, one in zip(exhibits, seen, strict=True)]
    truths = ["hung" if exhibit.proofs else "not hung" for exhibit in exhibits]
    columns = ("proven", "other kind", "too soon", "false", "went on", "ended", "cannot tell", "failed")
    counts = Counter(zip(truths, verdicts, strict=True))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{len(seen)} runs of {len({exhibit.name for exhibit in exhibits})} exhibits in {took_s:.0f} s, "
          f"{given.jobs} at a time, {given.burners} burners, {os.cpu_count()} processors, load {load}\n")
    print(f"{'truth':<10}{'exhibits':>9}{'runs':>6}" + "".join(f"{column:>13}" for column in columns))
    for truth in ("hung", "not hung"):
        names = {exhibit.name for exhibit in exhibits if bool(exhibit.proofs) == (truth == "hung")}
        print(f"{truth:<10}{len(names):>9}{truths.count(truth):>6}"
              + "".join(f"{counts[truth, column]:>13}" for column in columns))
    looks = sum(one.looks for one in seen if not isinstance(one, str))
    print(f"\n{looks} looks; the median of a run's median look "
          f"{1000 * statistics.median(one.look_s for one in seen if not isinstance(one, str)):.2f} ms")
    times = sorted(one.after_s for one, said in zip(seen, verdicts, strict=True)
                   if said in ("proven", "other kind") and not isinstance(one, str) and one.after_s is not None)
    if times:
        print(f"from the moment at which it began to wait to the proof: median {statistics.median(times):.2f} s, "
              f"p90 {times[int(len(times) * 0.9)]:.2f}, p95 {times[int(len(times) * 0.95)]:.2f}, max {times[-1]:.2f}; "
              f"{100 * sum(one <= PROVEN_WITHIN_S for one in times) / len(times):.0f} % within {PROVEN_WITHIN_S} s")
    slow = sorted(((one.after_s, one.name) for one in seen if not isinstance(one, str) and one.after_s is not None),
                  reverse=True)
    print("the slowest: " + "; ".join(f"{name} {after_s:.2f} s" for after_s, name in slow[:5]))
    good = {"hung": ("proven",), "not hung": ("went on", "ended")}
    for exhibit, truth, said, one in zip(exhibits, truths, verdicts, seen, strict=True):
        if said not in good[truth]:
            text = one if isinstance(one, str) else one.text + "".join(f"\n    {line}" for line in one.possible)
            print(f"\n{said}: {exhibit.name}\n  " + text.replace("\n", "\n  "))
    return 1 if "false" in verdicts or "too soon" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
