"""Watch one case: start the tree, write down what happens, stop it, end all of it. Facts only, no judgement.

Runs in a process of its own (see ``host``), which is the sub-reaper of the tree: an orphan cannot get away from it, and
what it still finds below itself when the launcher has ended is a fact of the observation before it is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import selectors
import shutil
import signal
import socket
import subprocess
import time
from collections import deque
from pathlib import Path
from types import TracebackType

from chaos.model import (
    Ending,
    Exited,
    Expectation,
    Firing,
    Hit,
    Holding,
    Killed,
    Milestone,
    Notice,
    Observation,
    Peak,
    Phase,
    Process,
    SentSignal,
    StillRunning,
)
from chaos.runner import held, tree, wire
from chaos.runner.output import Output
from chaos.runner.request import Request
from chaos.secrets import leaks, masked

INSIDE = str(Path(__file__).resolve().parent.parent / "inside")
TICK_S = 0.03
"""How often the tree is looked at: 1 to 2 ms of work for a small tree."""
PR_SET_CHILD_SUBREAPER = 36
PROBE_SIGNAL, STACKS_SIGNAL, DUMP_SIGNAL = 61, 62, 63   # see inside/_chaos_agent.py
PROBE_AGAIN_S = 0.4
AT_ITS_WORD_S = 0.5
"""A launcher of which nothing but READY=1 is known is watched for so long after it: a start that fails may say it too."""
LEARN_NOTICE_S = 2.0
"""How long a baseline that serves is watched for READY=1 before it counts as one that does not announce itself."""
STACKS_WITHIN_S = 1.5
MOST_PROCESSES = 400
MOST_FIRINGS = 200
"""A persistent fault in a loop that polls fires for ever; what it did is known long before."""
MOST_NOTICES = 1000
READS_AT_A_TIME = 64
"""A target that writes faster than we read must not keep us from looking at the clock: 4 MiB, then back to the loop."""


class CannotStart(Exception):
    """The launcher could not be executed at all: whoever named it must act. Not for one that ends at once."""


def become_subreaper() -> None:
    """Orphans of the tree below become children of this process, however they hide (setsid, double fork, renamed)."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def supervise(request: Request) -> Observation:
    """Run the case and return what was seen. Never raises for anything that the target does."""
    become_subreaper()
    with Run(request) as run:
        run.start()
        run.watch()
        return run.observation()


class Run:
    """One run of one case: the folder, the tree, and what was seen so far. Use with ``with``: leaving ends the tree."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.folder = Path(request.folder)
        self.selector = selectors.DefaultSelector()
        self.exits = contextlib.ExitStack()
        self.root: subprocess.Popen[bytes] | None = None
        self.began = time.monotonic()
        self.expected = request.expected
        self.stopped_watching = ""
        self.ending: Ending | None = None
        self.ended_s: float | None = None
        self.hits: list[Hit] = []
        self.fired: list[Firing] = []
        self.milestones: list[Milestone] = []
        self.notices: list[Notice] = []
        self.signals: list[SentSignal] = []
        self.leftovers: tuple[Process, ...] = ()
        self.holdings: tuple[Holding, ...] = ()
        self.processes: dict[int, Process] = {}
        self.roles: dict[int, str] = {}
        self.titles: dict[str, int] = {}
        spoken = (*request.argv, *(value for _, value in request.env), request.config)
        self.belongings = held.Belongings(spoken, self.folder)
        self.means: list[str] = []
        self.calls: dict[str, str] = {}
        self.alive: tuple[tree.Seen, ...] = ()
        self.cpu: deque[tuple[float, float]] = deque(maxlen=int(1.2 / TICK_S))
        self.cpu_share: float | None = None
        self.alive_workers: int | None = None
        self.peak = Peak()
        self.standing = Peak()
        self.least: Peak | None = None
        self.output = Output()
        self.stacks = ""
        self.asked: dict[int, float] = {}
        self.served_s: float | None = None
        self.stop_sent_s: float | None = None
        self.partial = b""

    # -- life ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        self.exits.enter_context(self.selector)
        self.exits.callback(self.end_everything)
        self._lay_out()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.exits.close()

    def _lay_out(self) -> None:
        """The run's folder: plan, FIFO, hit counters, notify socket, a TMPDIR of its own. The target may drop rights."""
        for name in ("", "hits", "pids", "tmp", "bin"):
            path = self.folder / name
            path.mkdir(exist_ok=True)
            path.chmod(0o777 if name in ("hits", "pids", "tmp") else 0o755)
        (self.folder / "plan").write_text(self.request.plan, encoding="utf-8", errors="surrogateescape")
        if self.request.script:
            name, text = self.request.script
            (self.folder / "bin" / name).write_text(text, encoding="utf-8")
            (self.folder / "bin" / name).chmod(0o755)
        if self.request.config and "config.missing" not in self.request.given:
            (self.folder / "target.conf").write_text(self.request.config, encoding="utf-8")
        if "config.unreadable" in self.request.given:   # root may read whatever its mode is, but not a folder
            (self.folder / "target.conf").unlink(missing_ok=True)
            (self.folder / "target.conf").mkdir()
        os.mkfifo(self.folder / "events")
        (self.folder / "events").chmod(0o622)
        self.events = os.open(self.folder / "events", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.exits.callback(os.close, self.events)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.exits.callback(self.notify.close)
        self.notify.bind(str(self.folder / "notify"))
        (self.folder / "notify").chmod(0o777)
        if "notify.gone" in self.request.given:
            (self.folder / "notify").unlink()
        self.selector.register(self.events, selectors.EVENT_READ, self.read_events)
        self.selector.register(self.notify, selectors.EVENT_READ, self.read_notices)

    def _environment(self) -> dict[str, str]:
        env = dict(os.environ)
        env.update((name, self._filled(value)) for name, value in self.request.env)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (INSIDE, env.get("PYTHONPATH"))))
        env.update(CHAOS_AGENT=str(self.folder), CHAOS_ROLE="parent", NOTIFY_SOCKET=str(self.folder / "notify"),
                   TMPDIR=str(self.folder / "tmp"))
        if "notify.absent" in self.request.given:
            del env["NOTIFY_SOCKET"]
        return env

    def start(self) -> None:
        """Start the launcher as an operator's supervisor does: a session of its own, no terminal, one output stream."""
        argv = [self._filled(word) for word in self.request.argv]
        reader, writer = os.pipe2(os.O_CLOEXEC)
        self.exits.callback(os.close, reader)
        os.set_blocking(reader, False)
        self.selector.register(reader, selectors.EVENT_READ, self.read_output)
        self.reader = reader
        self.began = time.monotonic()
        try:
            self.root = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
                                         env=self._environment(), start_new_session=True)
        except OSError as error:
            raise CannotStart(f"{argv[0]} cannot be executed: {error.strerror or error}") from None
        finally:
            os.close(writer)
        self.roles[self.root.pid] = ""
        pidfd = os.pidfd_open(self.root.pid)
        self.exits.callback(os.close, pidfd)
        self.selector.register(pidfd, selectors.EVENT_READ, self.look_at_root)

    def _filled(self, word: str) -> str:
        """``word`` with the paths that only this run knows."""
        if self.request.script:
            word = word.replace("{script}", str(self.folder / "bin" / self.request.script[0]))
        return word.replace("{config}", str(self.folder / "target.conf"))

    def now(self) -> float:
        return time.monotonic() - self.began

    # -- reading -------------------------------------------------------------------------------------------------

    def read_events(self) -> None:
        try:
            data = self.partial + os.read(self.events, 65536)
        except BlockingIOError:
            return
        *lines, self.partial = data.split(b"\n")
        for line in lines:
            said = wire.parse(line.decode("utf-8", "replace"))
            if said is not None:
                self.note(said)

    def note(self, said: wire.Said) -> None:
        """One record of the agent becomes a fact."""
        at_s, phase = round(said.at - self.began, 4), self._phase(said.at - self.began)
        fields = said.fields
        match said.kind:
            case "start":
                self.roles[said.pid] = said.role
                self._see(said.pid, int(fields[0]), said.role, at_s)
            case "fork":
                self.roles.setdefault(int(fields[0]), fields[1])
            case "hit":
                self.hits.append(Hit(at_s, fields[0], said.role, int(fields[1]), phase))
            case "fired" if len(self.fired) < MOST_FIRINGS:
                self.fired.append(Firing(at_s, int(fields[0]), fields[1], said.role, said.pid, int(fields[2]),
                                         fields[3], fields[4], phase))
            case "call":
                self.calls.setdefault(fields[0], fields[1])
            case "means":
                self.means.append(fields[0])
            case "mile":
                self.milestones.append(Milestone(at_s, fields[0], said.role, said.pid))
            case _:
                pass

    def _phase(self, at_s: float) -> Phase:
        if self.stop_sent_s is not None and at_s >= self.stop_sent_s:
            return Phase.STOP
        return Phase.SERVING if self.served_s is not None and at_s >= self.served_s else Phase.START

    def read_notices(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(READS_AT_A_TIME):
                text = self.notify.recv(4096).decode("utf-8", "replace")
                news = "READY=1" in text.splitlines() and self._ready_s() is None
                if news or len(self.notices) < MOST_NOTICES:
                    self.notices.append(Notice(round(self.now(), 4), text))

    def read_output(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(READS_AT_A_TIME):
                data = os.read(self.reader, 65536)
                if not data:
                    with contextlib.suppress(KeyError):     # the end of the output may be read twice
                        self.selector.unregister(self.reader)
                    return
                self.output.add(data)

    def look_at_root(self) -> None:
        """The launcher ended: learn how without reaping it, so that its pid cannot be used again before it is safe."""
        if self.root is None or self.ending is not None:
            return
        result = os.waitid(os.P_PID, self.root.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if result is None:
            return
        self.ended_s = self.now()
        if result.si_code == os.CLD_EXITED:
            self.ending = Exited(result.si_status)
        else:
            name = signal_name(result.si_status)
            self.ending = Killed(name, by_chaos=self._chaos_sent(name))

    def _chaos_sent(self, name: str) -> bool:
        pid = self.root.pid if self.root else 0
        by_hand = any(sent.pid == pid and sent.signal == name for sent in self.signals)
        return by_hand or any(self._aimed(shot) == (pid, name) for shot in self.fired)

    def _aimed(self, shot: Firing) -> tuple[int, str]:
        """The process and the signal of a fault that sends one: (0, "") for any other."""
        if shot.action not in ("kill", "signal"):
            return 0, ""
        args = self.request.case.faults[shot.index].args
        name, whom = args[0] if args else "KILL", args[1] if len(args) > 1 else "self"
        return self.root.pid if self.root and whom == "parent" else shot.pid, "SIG" + name

    # -- looking -------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """One look at the tree: who was born, who is gone, how much it uses."""
        at_s = round(self.now(), 4)
        seen = tuple(one for one in tree.descendants(os.getpid()) if one.state not in "ZX")
        for one in seen:
            self._see(one.pid, one.parent_pid, self.roles.get(one.pid, ""), at_s)
        alive = {one.pid for one in seen}
        for pid, process in self.processes.items():
            if process.gone_s is None and pid not in alive:
                self.processes[pid] = _with(process, gone_s=at_s)
        self.alive = seen
        self.belongings.look(alive)
        self.cpu.append((at_s, sum(one.cpu_s for one in seen)))
        if self.stop_sent_s is None and self.ending is None:
            self.standing = now = Peak(len(seen), sum(one.threads for one in seen))
            if self._ready_s() is not None:
                least = self.least or now
                self.least = Peak(min(least.processes, now.processes), min(least.threads, now.threads))
        self.peak = Peak(max(self.peak.processes, len(seen)), max(self.peak.threads, sum(o.threads for o in seen)),
                         max(self.peak.fds, sum(tree.count_fds(one.pid) for one in seen)))

    def _see(self, pid: int, parent_pid: int, role: str, at_s: float) -> None:
        known = self.processes.get(pid)
        if known is None and len(self.processes) < MOST_PROCESSES:
            self.processes[pid] = Process(pid, parent_pid, role, tree.command(pid), at_s)
        elif known is not None and role and known.role != role:
            self.processes[pid] = _with(known, role=role)
        if self.request.secrets:    # a process may change its title at any time
            self.titles.setdefault(tree.command(pid), pid)

    def _is_alive(self, pid: int) -> bool:
        process = self.processes.get(pid)
        return process is not None and process.gone_s is None

    # -- deciding what to do next (never what it means) -------------------------------------------------------------

    def watch(self) -> None:
        """Until the launcher ended, was served and stopped, or ran out of time; then what it left behind."""
        next_look = 0.0
        while not self.stopped_watching:
            for key, _ in self.selector.select(TICK_S):
                key.data()
            if self.now() >= next_look:
                self.look()
                next_look = self.now() + TICK_S
            self._step()
        if self.ending is None:
            self._look_closely()
        else:
            self._look_for_leftovers()

    def _step(self) -> None:
        if self.ending is not None:
            self._drain()
            self.stopped_watching = "served" if self.stop_sent_s is not None else "ended"
        elif self.stop_sent_s is not None:
            if self.now() > self.stop_sent_s + self.request.limits.grace_s:
                self.stopped_watching = "grace"
        elif self._serves():
            self.served_s = self.now()
            self.stop_sent_s = self.now()   # before it is sent: what the target does about it must not seem earlier
            self._send(self.root.pid if self.root else 0, signal.SIGTERM, "it serves: stop it")
        elif self.now() > self._limit_s():
            self.stopped_watching = "deadline"
        else:
            self._probe()

    def _limit_s(self) -> float:
        limits = self.request.limits
        return self.fired[0].at_s + limits.deadline_s if self.fired else limits.boot_s

    def _ready_s(self) -> float | None:
        return next((notice.at_s for notice in self.notices if "READY=1" in notice.text.splitlines()), None)

    def _pids_at(self, milestone: str) -> set[int]:
        return {mile.pid for mile in self.milestones if mile.name == milestone and self._is_alive(mile.pid)}

    def _serving(self) -> set[int]:
        """Live processes whose service has started and, where they have an RPC server, has answered a call."""
        listening, answered = self._pids_at("listening"), self._pids_at("answered")
        return {pid for pid in self._pids_at("service started") if pid not in listening or pid in answered}

    def _serves(self) -> bool:
        serving, ready_s = len(self._serving()), self._ready_s()
        if self.expected is not None:
            if len(self._serving() & self._pids_at("answered")) < self.expected.answers:
                return False
            if any(word.startswith("notify.") for word in self.request.given):  # it may speak, but we cannot hear it
                return serving >= self.expected.servers and self._settled()
            if not self.expected.servers:
                return ready_s is not None and self.now() >= ready_s + AT_ITS_WORD_S and self._stands()
            return serving >= self.expected.servers and (ready_s is not None or not self.expected.notifies)
        return self._learns(serving, ready_s)

    def _stands(self) -> bool:
        """Whether as many processes and threads are there as a good start always had. Idle pools are not: see _learns."""
        wanted = self.expected.standing if self.expected else Peak()
        return self.standing.processes >= wanted.processes and self.standing.threads >= wanted.threads

    def _settled(self) -> bool:
        return self.now() > max(mile.at_s for mile in self.milestones) + LEARN_NOTICE_S / 2

    def _learns(self, serving: int, ready_s: float | None) -> bool:
        """Whether a baseline is at its best: all workers serve, and READY=1 came or was given time to come.

        A launcher in which no service is seen at all (not oslo.service, not Python) is taken at its word.
        """
        if serving >= self.request.case.workers:
            last = max(mile.at_s for mile in self.milestones)
            if ready_s is None and self.now() < last + LEARN_NOTICE_S:
                return False
        elif ready_s is None or self._has_services() or self.now() < ready_s + LEARN_NOTICE_S:
            return False
        roles = sorted({self.roles.get(pid, "") for pid in self._serving()})
        answers = len(self._serving() & self._pids_at("answered"))
        self.expected = Expectation(serving, ready_s is not None, self.peak.processes, self.peak.threads,
                                    self.peak.fds, ready_s, tuple(roles), self.least or Peak(), answers)
        return True

    def _has_services(self) -> bool:
        return any(hit.site.startswith(("service.", "launcher.")) for hit in self.hits)

    def _probe(self) -> None:
        """Ask each process that started its service for a real RPC call, again until it answers."""
        for pid in self._pids_at("listening") & self._pids_at("service started") - self._pids_at("answered"):
            if self.now() >= self.asked.get(pid, 0.0) and tree.catches(pid, PROBE_SIGNAL):
                self.asked[pid] = self.now() + PROBE_AGAIN_S
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, PROBE_SIGNAL)

    def _send(self, pid: int, number: signal.Signals, why: str) -> None:
        self.signals.append(SentSignal(round(self.now(), 4), number.name, pid, why))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    # -- at the end --------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """What was written before the end is still in the pipes."""
        self.read_events()
        self.read_notices()
        self.read_output()
        self.look()

    def _look_closely(self) -> None:
        """It still runs: how busy is it, how many workers live, and where does every thread stand?"""
        self.look()
        (first_s, before), (last_s, after) = self.cpu[0], self.cpu[-1]
        self.cpu_share = max(0.0, after - before) / (last_s - first_s) if last_s > first_s else 0.0
        self.alive_workers = sum(1 for one in self.alive if self.roles.get(one.pid, "").startswith("worker"))
        self._collect_stacks()

    def _collect_stacks(self) -> None:
        """Ask every Python of the tree for its stacks; whoever cannot answer (its interpreter is blocked) is dumped in C."""
        pids = [one.pid for one in self.alive if tree.catches(one.pid, STACKS_SIGNAL)]
        self._ask_for_stacks(pids, STACKS_SIGNAL)
        given = self._wait_for_stacks(pids)
        parts = [f"process {pid} ({self.roles.get(pid) or 'other'}):\n{text}" for pid, text in given.items()]
        for pid in pids:
            if pid not in given and tree.catches(pid, DUMP_SIGNAL):
                parts.append(f"process {pid} ({self.roles.get(pid) or 'other'}), from C, its interpreter is blocked:\n"
                             + self._dump(pid))
        self.stacks = "\n".join(parts)

    def _ask_for_stacks(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait_for_stacks(self, pids: list[int]) -> dict[int, str]:
        until = self.now() + STACKS_WITHIN_S
        given: dict[int, str] = {}
        while len(given) < len(pids) and self.now() < until:
            for key, _ in self.selector.select(TICK_S):
                key.data()
            for pid in pids:
                path = self.folder / f"stacks.{pid}"
                if pid not in given and path.exists():
                    given[pid] = path.read_text(encoding="utf-8", errors="replace")
        return given

    def _dump(self, pid: int) -> str:
        """faulthandler writes to the target's standard error: what comes from here on is not its log."""
        self.read_output()
        mark = self.output.total
        self._ask_for_stacks([pid], DUMP_SIGNAL)
        until = self.now() + STACKS_WITHIN_S / 3
        while self.now() < until and not self.output.since(mark).endswith(b"\n"):
            for key, _ in self.selector.select(TICK_S):
                key.data()
        return self.output.cut_from(mark).decode("utf-8", "replace")

    def _look_for_leftovers(self) -> None:
        """The launcher is gone: whatever still lives below us after ``orphan_s`` is left over."""
        until = self.now() + self.request.limits.orphan_s
        while True:
            self._reap_all_but_root()
            self.look()
            left = [one for one in self.alive if not self.root or one.pid != self.root.pid]
            if not left or self.now() > until:
                break
            for key, _ in self.selector.select(TICK_S / 3):
                key.data()
        self._drain()
        new = (Process(one.pid, one.parent_pid, self.roles.get(one.pid, ""), tree.command(one.pid), self.now())
               for one in left)     # one that came after MOST_PROCESSES others was not written down; others exec'd since
        self.leftovers = tuple(dataclasses.replace(self.processes.get(one.pid, one), command=one.command) for one in new)
        self.holdings = self._held(left)

    def _held(self, left: list[tree.Seen]) -> tuple[Holding, ...]:
        files: list[str] = []
        with contextlib.suppress(FileNotFoundError):    # the target may have removed its TMPDIR
            files = sorted(path.name for path in (self.folder / "tmp").iterdir())
        kept = [Holding("temporary file", name) for name in files]
        named = self.belongings.left(self.processes, [one.pid for one in left])
        return (*kept, *named)

    def _reap_all_but_root(self) -> None:
        for one in tree.children(os.getpid()):
            if not self.root or one != self.root.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(one, os.WNOHANG)

    def end_everything(self) -> None:
        """Kill and reap all that is below this process, whatever happened. Bounded: what cannot be killed is told."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)   # the host's or the kernel's word to leave: that is being done
        until = time.monotonic() + 5.0
        while time.monotonic() < until:
            below = tree.descendants(os.getpid())
            if not below:
                break
            for one in below:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(one.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.001)
        if self.root is not None:
            self.root.returncode = 0    # reaped above: Popen must not warn or wait for a pid that is no longer ours
        shutil.rmtree(self.folder, ignore_errors=True)

    def observation(self) -> Observation:
        """All facts, once the run is over."""
        ended_s = self.ended_s if self.ended_s is not None else self.now()
        output = self.output.text()
        return Observation(
            ending=self.ending or StillRunning(round(self.now(), 3)),
            elapsed_s=round(ended_s, 4),
            limits=self.request.limits,
            expected=self.expected or Expectation(self.request.case.workers, notifies=False),
            stopped_watching=self.stopped_watching,
            hits=tuple(sorted(self.hits, key=lambda hit: hit.at_s)),
            fired=tuple(self.fired),
            milestones=tuple(self.milestones),
            notices=tuple(Notice(notice.at_s, self._masked(notice.text)) for notice in self.notices),
            processes=tuple(self._without_secrets(one) for one in
                            sorted(self.processes.values(), key=lambda process: process.seen_s)),
            signals=tuple(self.signals),
            leftovers=tuple(map(self._without_secrets, self.leftovers)),
            holdings=self.holdings,
            peak=self.peak,
            standing=self.standing,
            ready_s=self._ready_s(),
            served_s=None if self.served_s is None else round(self.served_s, 4),
            stop_sent_s=None if self.stop_sent_s is None else round(self.stop_sent_s, 4),
            alive_workers=self.alive_workers,
            cpu_share=self.cpu_share,
            output=self._masked(output),
            stacks=self._masked(self.stacks),
            calls=tuple(self.calls.items()),
            means=tuple(dict.fromkeys(self.means)),
            leaks=leaks(self._shown(output), self.request.secrets),
        )

    def _shown(self, output: str) -> dict[str, str]:
        """Everything of the target that others can see: where, and what stands there."""
        texts = {"the output": output, "its notices": "\n".join(notice.text for notice in self.notices)}
        for title, pid in self.titles.items():      # a process may have had several, and its last is its name in brackets
            where = f"the arguments of {self.roles.get(pid) or 'a process'} (pid {pid})"
            texts[where] = "\n".join(filter(None, (texts.get(where), title)))
        return texts

    def _masked(self, text: str) -> str:
        return masked(text, self.request.secrets) if self.request.secrets else text

    def _without_secrets(self, process: Process) -> Process:
        return dataclasses.replace(process, command=self._masked(process.command))


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _with(process: Process, *, role: str | None = None, gone_s: float | None = None) -> Process:
    return Process(process.pid, process.parent_pid, process.role if role is None else role, process.command,
                   process.seen_s, process.gone_s if gone_s is None else gone_s)
