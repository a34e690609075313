"""Run one exhibit and look at it until something is proven or it goes on: in a process of its own, as chaos does.

    python -m runner.proof.watching FOLDER      the observer: reads FOLDER/exhibit.json, prints one line of JSON

``watched`` starts the observer, and is what a test or the benchmark calls.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from chaos.runner import tree, wire
from chaos.runner.folder import FILES
from chaos.runner.proof.prover import STATE_SIGNAL, Prover
from runner.proof.gallery import Exhibit
from runner.proof.outsiders import ACTS, BEFORE_THE_MARK

INSIDE = Path(sys.modules["chaos.runner"].__file__ or "").parent.parent / "inside"
TESTS = Path(__file__).resolve().parent.parent.parent
TICK_S = 0.03
DEADLINE_S = 30.0
"""The deadline that the prover is told: far beyond every time that an exhibit that goes on takes."""


@dataclass(frozen=True, slots=True)
class Watched:
    """``proof``: its kind, "" none; ``after_s``: from the mark to the proof, -1 before the mark, None without one;
    ``ended``: how it went on without a proof; ``looks``: how often it was looked at; ``look_s``: the median look."""

    name: str
    proof: str
    text: str
    after_s: float | None
    ended: str
    looks: int
    look_s: float
    longest_s: float
    possible: tuple[str, ...] = ()


def watched(exhibit: Exhibit, *, goes_on_s: float, at_most_s: float, python: str = sys.executable) -> Watched:
    """What was proven of ``exhibit``; one that is not hung goes on ``goes_on_s`` after its mark."""
    with tempfile.TemporaryDirectory(prefix="chaos-proof-") as name:
        folder = Path(name)
        (folder / "exhibit.py").write_text(exhibit.text)
        (folder / "how.json").write_text(json.dumps(
            {"name": exhibit.name, "owes": sorted(exhibit.owes), "goes_on_s": goes_on_s, "at_most_s": at_most_s,
             "python": python}))
        over = threading.Event()
        outsider: threading.Thread | None = None
        if exhibit.outside:
            steps = ACTS[exhibit.outside](folder)
            next(steps)
            outsider = threading.Thread(target=_act, args=(exhibit, folder, goes_on_s, over, steps))
            outsider.start()
        env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
        try:
            run = subprocess.run([sys.executable, "-m", "runner.proof.watching", name], env=env, capture_output=True,
                                 text=True, timeout=at_most_s + 30, check=False)
        finally:
            over.set()
            if outsider is not None:
                outsider.join(10)
        if run.returncode:
            raise AssertionError(f"{exhibit.name}: the observer failed: {run.stderr[-3000:]}")
        found = json.loads(run.stdout)
        return Watched(**{**found, "possible": tuple(found["possible"])})


def _act(exhibit: Exhibit, folder: Path, goes_on_s: float, over: threading.Event, steps: Iterator[None]) -> None:
    with contextlib.suppress(StopIteration, OSError):       # the exhibit may be gone by now
        if exhibit.outside in BEFORE_THE_MARK:
            next(steps)
        while not (folder / "mark").exists() and not over.wait(0.01):
            pass
        over.wait(goes_on_s)
        next(steps)


# --- the observer ----------------------------------------------------------------------------------------------------


class Observer:
    """One run: the tree below this process, the agent's records, and the looks of a prover."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.how = json.loads((folder / "how.json").read_text())
        self.roles: dict[int, str] = {}
        for name in FILES:
            (folder / name).touch()
        (folder / "plan").write_text("")
        os.mkfifo(folder / "events")
        self.events = os.open(folder / "events", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.partial = b""
        self.began_s = time.monotonic()
        self.prover = Prover(folder, self.ask, self.began_s)
        self.costs: list[float] = []

    def ask(self, pid: int) -> None:
        os.kill(pid, STATE_SIGNAL)

    def start(self) -> None:
        env = dict(os.environ, PYTHONPATH=str(INSIDE), CHAOS_AGENT=str(self.folder), CHAOS_ROLE="parent",
                   LAB_T=str(self.how["goes_on_s"]), PYTHONWARNINGS="ignore")
        env.pop("NOTIFY_SOCKET", None)
        self.reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.reader, False)
        self.root = subprocess.Popen([self.how["python"], "exhibit.py"], cwd=self.folder, env=env, stdout=writer,
                                     stderr=writer, stdin=subprocess.DEVNULL, start_new_session=True)
        os.close(writer)
        self.output = b""

    def listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.reader, 65536):
                self.output += data
        with contextlib.suppress(BlockingIOError):
            while True:
                *lines, self.partial = (self.partial + os.read(self.events, 65536)).split(b"\n")
                for said in filter(None, (wire.parse(line.decode()) for line in lines)):
                    if said.kind == "start":
                        self.roles[said.pid] = said.role
                    elif said.kind == "fork":
                        self.roles.setdefault(int(said.fields[0]), said.fields[1])

    def ended(self) -> str:
        if (self.folder / "ready").exists():
            return "went on"
        if os.waitid(os.P_PID, self.root.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return "ended"
        return ""

    def watch(self) -> Watched:
        self.start()
        ended, proof = "", None
        while not ended and proof is None and time.monotonic() < self.began_s + self.how["at_most_s"]:
            time.sleep(TICK_S)
            self.listen()
            roles = {one.pid: self.roles.get(one.pid, "") for one in tree.descendants(os.getpid())}
            served = {path.name.removeprefix("served.") for path in self.folder.glob("served.*")}
            began = time.perf_counter()
            proof = self.prover.look(roles, set(self.how["owes"]) - served, DEADLINE_S)
            self.costs.append(time.perf_counter() - began)
            ended = self.ended() if proof is None else ""
        possible = () if proof is not None or ended else self.prover.still_possible()
        marked = (self.folder / "mark").exists()
        mark_s = float((self.folder / "mark").read_text()) - self.began_s if marked else float("inf")
        after_s = None if proof is None else proof.at_s - mark_s if marked else -1.0
        self.costs.sort()
        text = proof.text if proof else self.output.decode("utf-8", "replace")[-2000:]
        return Watched(self.how["name"], proof.kind if proof else "", text, after_s, ended or "nothing",
                       len(self.costs), self.costs[len(self.costs) // 2], self.costs[-1], possible)

    def end_everything(self) -> None:
        while below := tree.descendants(os.getpid()):
            for one in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.001)
        self.root.returncode = 0


def main() -> None:
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    observer = Observer(Path(sys.argv[1]))
    try:
        seen = observer.watch()
    finally:
        observer.end_everything()
    print(json.dumps(asdict(seen)))


if __name__ == "__main__":
    main()
