"""Watch one case: start the tree, write down what happens, stop it, end all of it. Facts only, no judgement.

Runs in a process of its own (see ``host``). What it still finds of the tree when the launcher has ended is a fact of the
observation before it is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import selectors
import signal
import time
from collections.abc import Callable
from types import TracebackType

from chaos.errorlines import said_lines
from chaos.model import Expectation, Holding, Notice, Observation, Process, Proof, SentSignal, StillRunning
from chaos.runner import held, stacks, tree, wire
from chaos.runner.debugged import Debugged
from chaos.runner.ending import become_subreaper, leave_undisturbed
from chaos.runner.facts import Facts
from chaos.runner.folder import Folder
from chaos.runner.launch import CannotStart, Cold, Launch, Traced, Warm
from chaos.runner.listening import listens
from chaos.runner.logfile import LogFile
from chaos.runner.network import Attached
from chaos.runner.output import Output
from chaos.runner.outside import Outside
from chaos.runner.proof.prover import STATE_SIGNAL, Prover
from chaos.runner.request import Request
from chaos.runner.serving import Serving
from chaos.runner.signs import Signs
from chaos.runner.zygote import NotWarm, Warden, WardenGone
from chaos.secrets import leaks, masked

__all__ = ["CannotStart", "WardenGone", "supervise"]

TICK_S = 0.03
"""How often the tree is looked at: 1 to 2 ms of work for a small tree."""
IDLE_TICK_S = 0.15
"""How often while it waits. What it does then wakes us, or is seen a little later: looks at many that wait add up."""
PROVE_NEVERTHELESS_S = 0.2
"""To look for a proof costs more than all other looks together."""
PROBE_AGAIN_S = 0.4
PROBE_UNANNOUNCED_S = 1.0
TOGETHER_S = 0.003
"""Records come in bursts: reading them together costs the target fewer switches of its processor. Its end does not wait."""
LEARN_WITHIN_S = 1.0
SAME_DEATHS, SAME_DEATHS_EACH = 8, 4
"""So many workers in a row that die the same death before they are ready, in all and for each that there should be: it goes
on like that."""
GIVES_UP_WITHIN_S = 1.0
"""Unless the last of them was the last that its launcher had patience for, or it was told to stop: it ends then, and needs a
moment for it."""
READS_AT_A_TIME = 64
"""A target that writes faster than we read must not keep us from looking at the clock: 4 MiB, then back to the loop."""


def supervise(request: Request, warden: Warden | NotWarm, tell_idle: Callable[[bool], None],
              tell_held: Callable[[Observation], None]) -> Observation:
    """Run the case, forked by ``warden`` or executed, and return what was seen. ``tell_idle`` hears whenever the tree
    begins or ends to wait; ``tell_held`` what was seen of a tree that is kept for a while before it is ended. Never raises
    for anything that the target does; `CannotStart` and `WardenGone` say why there is nothing to see."""
    become_subreaper()
    with Run(request, tell_idle) as run:
        run.start(warden)
        run.watch()
        if request.hold_s and run.facts.ending is None:
            seen = run.observation()
            tell_held(seen)
            run.hold()
            return seen
        return run.observation()


class Run:
    """One run of one case. Use with ``with``: leaving ends the tree."""

    def __init__(self, request: Request, tell_idle: Callable[[bool], None]) -> None:
        self.request = request
        self.network = Attached(request, request.network) if request.network else None
        self.secrets = (*request.secrets, *(request.network.secrets if request.network else ()))
        self.folder = Folder(request)
        self.selector = selectors.DefaultSelector()
        self.exits = contextlib.ExitStack()
        self.launch: Launch | None = None
        self.end = select.poll()
        """Of the launcher."""
        self.started_as = ""
        self.facts = Facts(request.case.faults, time.monotonic(), titles=bool(self.secrets))
        self.serving = Serving(request, self.facts, request.expected)
        self.stopped_watching = ""
        self.leftovers: tuple[Process, ...] = ()
        self.holdings: tuple[Holding, ...] = ()
        spoken = (*request.argv, *(value for _, value in request.env), request.config)
        self.belongings = held.Belongings(spoken, self.folder.path, self.folder.own)
        self.output = Output()
        self.log_file: LogFile | None = None
        self.stacks = ""
        self.prover: Prover | None = None
        self.proof: Proof | None = None
        self.still_possible: tuple[str, ...] = ()
        self.ahead: tuple[str, ...] = ()
        self.still_running = False
        self.asked: dict[int, float] = {}
        self.outside = Outside(request.case.faults, request.traces, self.facts, self.folder.trace)
        self.signs: Signs | None = None
        self.listens: tuple[str, ...] = ()
        self.held: tuple[Proof, float, tuple[object, ...]] | None = None
        """A proof, when it was found, and what had happened by then; the missing signs are asked for once more after that."""
        self.asker_pid = 0
        self.tell_idle = tell_idle
        self.idle = False
        self.happened: tuple[object, ...] = ()
        self.prove_s = 0.0
        self.partial = b""
        self.debugged = Debugged(request.debug_s)

    # -- life ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        with contextlib.ExitStack() as failed:      # an error on the way gives back what is there already
            failed.callback(self.exits.close)
            self._prepare()
            failed.pop_all()
        return self

    def _prepare(self) -> None:
        """All that there has to be before the start."""
        self.exits.enter_context(self.selector)
        if self.network:
            self.exits.enter_context(self.network)
            self.network.watch(self.selector, self.facts)
            self.folder.transport_url = self.network.url
        self.exits.push(self.folder)        # first: what it has made when it fails half-way is removed too
        self.folder.__enter__()
        self.exits.callback(self.end_everything)
        self.folder.write_plan(self.request.plan)
        self.events = self.folder.open_fifo("events", os.O_RDWR | os.O_NONBLOCK, 0o622)
        self.notify = self.folder.open_notify()
        self.selector.register(self.events, selectors.EVENT_READ, self.read_events)
        self.selector.register(self.notify, selectors.EVENT_READ, self.read_notices)
        self._look_for_signs()
        if self.request.log_file:
            self.log_file = LogFile(self.folder.filled(self.request.log_file))

    def _look_for_signs(self) -> None:
        """Before the start: what is there already is another's."""
        self.signs = Signs(self.folder.wanted(), self.selector, self.facts, self.now)
        self.exits.callback(self.signs.close)
        self.asker_pid = self.signs.begin(self.folder.commands_environment())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.exits.__exit__(kind, error, trace)

    def start(self, warden: Warden | NotWarm) -> None:
        """Start the launcher as an operator's supervisor does: a session of its own, no terminal, one output stream."""
        self.reader, writer = os.pipe2(os.O_CLOEXEC)
        self.exits.callback(os.close, self.reader)
        os.set_blocking(self.reader, False)
        self.selector.register(self.reader, selectors.EVENT_READ, self.read_output)
        try:
            self.launch = self._launched(warden, writer)
        finally:
            os.close(writer)
        self.facts.root_pid = self.launch.pid
        self.facts.roles[self.launch.pid] = ""
        pidfd = os.pidfd_open(self.launch.pid)
        self.end.register(pidfd, select.POLLIN)
        self.exits.callback(os.close, pidfd)
        self.selector.register(pidfd, selectors.EVENT_READ, self.look_at_root)
        self.outside.step(self.now())

    def _launched(self, warden: Warden | NotWarm, writer: int) -> Launch:
        if isinstance(warden, Warden):
            self.started_as = "warm"
            self.output.add(warden.preface)
            warm = Warm(self.folder, writer, warden)
            self._begin(warm.above, frozenset({warm.above, warden.zygote_pid, self.asker_pid} - {0}))
            warm.go()
            return warm
        self.started_as = f"cold: {warden}" if str(warden) else "cold"
        self._begin(os.getpid(), frozenset({self.asker_pid} - {0}))
        return (Traced if self.outside.is_traced else Cold)(self.folder, writer, self.asker_pid)

    def _begin(self, above: int, ours: frozenset[int]) -> None:
        """The start is now. The tree will be below ``above``; ``ours`` are no part of it."""
        self.facts.began = time.monotonic()
        self.prover = Prover(self.folder.path, lambda pid: os.kill(pid, STATE_SIGNAL), self.facts.began,
                             above=above, ours=ours)

    def now(self) -> float:
        return time.monotonic() - self.facts.began

    # -- reading -------------------------------------------------------------------------------------------------

    def read_events(self) -> None:
        try:
            data = self.partial + os.read(self.events, 65536)
        except BlockingIOError:
            return
        *lines, self.partial = data.split(b"\n")
        for line in lines:
            said = wire.parse(line.decode("utf-8", "replace"))
            if said is not None and said.kind == "debug":
                self.debugged.note(said.pid, said.fields[0], self.now())
            elif said is not None:
                self.facts.note(said)

    def read_notices(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(READS_AT_A_TIME):
                self.facts.notice(self.notify.recv(4096).decode("utf-8", "replace"), self.now())

    def read_output(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(READS_AT_A_TIME):
                data = os.read(self.reader, 65536)
                if not data:
                    with contextlib.suppress(KeyError):     # the end of the output may be read twice
                        self.selector.unregister(self.reader)
                    return
                self.output.add(data)
                self.facts.written_s = self.now()
                if self.signs is not None:
                    self.signs.hear(data)

    def look_at_root(self) -> None:
        """The launcher ended: learn how."""
        if self.launch is not None and self.facts.ending is None:
            result = self.launch.status()
            if result is not None:
                self.facts.note_end(result, self.now())

    def pump(self, within_s: float = TICK_S) -> bool:
        """Wait a moment for whatever comes, and handle it: whether anything came."""
        ready = self.selector.select(within_s)
        if ready and all(key.fileobj == self.events for key, _ in ready):
            self.end.poll(TOGETHER_S * 1000)
        for key, _ in ready:
            key.data()
        return bool(ready)

    # -- looking -------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """One look at the tree."""
        assert self.launch is not None
        seen = [one for one in self._all_of(self.launch.tree()) if one.state not in "ZX"]
        self.facts.look(seen, self.now())
        if self.prover is not None and self.launch.beside:
            self.prover.camera.ours |= self.launch.beside
        self.belongings.look({one.pid for one in self.facts.alive})
        idle = self.facts.is_idle(self.now()) and self.facts.ending is None
        if idle is not self.idle:
            self.idle = idle
            self.tell_idle(idle)

    def _all_of(self, seen: list[tree.Seen]) -> list[tree.Seen]:
        """``seen``, and who was not found below his parent and lives nevertheless: the kernel says of its lists of children
        that one may be left out while another comes or goes. Who is gone once is gone for good."""
        pids = {one.pid for one in seen} | (self.launch.beside if self.launch is not None else frozenset())
        known = {one.pid: one for one in self.facts.alive if one.pid not in pids}
        again = [tree.look(pid) for pid in known]
        return [*seen, *(one for one in again if one is not None and one.cpu_s >= known[one.pid].cpu_s)]

    # -- deciding what to do next (never what it means) -------------------------------------------------------------

    def watch(self) -> None:
        """Until the launcher ended, was served and stopped, or ran out of time; then what it left behind."""
        next_look = 0.0
        while not self.stopped_watching:
            something = self.pump(self._tick_s)
            looks = (something and self.idle) or self.now() >= next_look
            if looks:
                self.look()
                next_look = self.now() + self._tick_s
            if self.network:
                self.network.step(self.now())
            if self.debugged.is_on(self.now(), self.facts.is_gone) and self.facts.ending is None:
                continue
            self._look_at_signs()
            self.outside.step(self.now())
            self._step()
            if looks and not self.stopped_watching and self._may_stand_still() and self._is_proven():
                self.stopped_watching = "proof"
        if self.facts.ending is None:
            self._look_closely()
        else:
            self._look_for_leftovers()

    def _look_at_signs(self) -> None:
        if self.signs is not None and not self.facts.told_to_stop and self.facts.ending is None:
            self.signs.step()

    @property
    def _tick_s(self) -> float:
        return IDLE_TICK_S if self.idle else TICK_S

    def _step(self) -> None:
        facts = self.facts
        if facts.ending is not None:
            self._drain()
            self.stopped_watching = "served" if facts.stop_sent_s is not None else "ended"
        elif facts.stop_sent_s is not None:
            if self.now() > self._limit_s():
                self.stopped_watching = "grace"
        elif self.serving.serves(self.now()) and (self.network is None or self.network.lets_it_stop()):
            self._stop("it serves: stop it")
        elif self.now() > self._limit_s():
            if self.serving.is_up():
                self._stop("it is up, and shows no more: stop it")
            else:
                self.stopped_watching = "deadline" if facts.told_by_case_s is None else "grace"
        elif self._respawns() and not self.outside.is_about_to_act():
            self.stopped_watching = "respawn"
        else:
            self._probe()

    def _respawns(self) -> bool:
        """Whether its workers die and are forked again, more often than a launcher tries that gives up in the end. One that
        its case told to stop needs a moment for that: what it forked till then is no loop any longer."""
        facts, expected = self.facts, self.serving.expected
        workers = max(self.request.case.workers, expected.servers if expected else 0)
        enough = max(SAME_DEATHS, SAME_DEATHS_EACH * workers)
        told_s = facts.told_by_case_s
        deaths = facts.same_deaths(0.0 if told_s is None else told_s + GIVES_UP_WITHIN_S)
        if deaths < enough:
            return False
        return deaths + facts.starting_workers > enough or self.now() >= facts.last_birth_s + GIVES_UP_WITHIN_S

    def _stop(self, why: str) -> None:
        self._learn()
        facts = self.facts
        if self.request.expected is None:
            self.listens = listens(one.pid for one in facts.alive)
        facts.served_s = self.now()
        facts.stop_sent_s = self.now()   # before it is sent: what the target does about it must not seem earlier
        self._send(facts.root_pid, signal.SIGTERM, why)

    def _limit_s(self) -> float:
        limits, facts = self.request.limits, self.facts
        if facts.stop_sent_s is not None:
            return facts.stop_sent_s + limits.grace_s + self.debugged.spent_s
        limit_s = facts.fired[0].at_s + limits.deadline_s if facts.fired else limits.boot_s
        if facts.told_by_case_s is not None:    # it has its grace time, however soon its deadline would be
            limit_s = max(limit_s, facts.told_by_case_s + limits.grace_s)
        return limit_s + self.debugged.spent_s

    def _may_stand_still(self) -> bool:
        """Whether it is worth its while to look for a proof: not while something new comes at every look, but now and then
        nevertheless, for one part may write on and on beside another that hangs."""
        now_s, before, self.happened = self.now(), self.happened, self._happened()
        if self.happened != before and now_s < self.prove_s + PROVE_NEVERTHELESS_S:
            return False
        self.prove_s = now_s
        return True

    def _is_proven(self) -> bool:
        """Whether it is proven that what is owed will never come. What came while that was looked at is read first."""
        assert self.prover is not None
        facts, owed = self.facts, self.serving.owed()
        if not owed or self.outside.is_about_to_act():
            return False
        roles = {**dict.fromkeys((one.pid for one in facts.alive), ""),
                 **{pid: role for pid, role in facts.roles.items() if facts.is_alive(pid)}}
        proof = self._held_proof() or self.prover.look(roles, owed, self._limit_s())
        if proof is None:
            return False
        self._drain()
        self.look()
        self.look_at_root()
        if not self._signs_are_missing_still(proof):
            return False
        if facts.ending is not None or (facts.stop_sent_s is None and self.serving.serves(self.now())):
            return False
        self.proof = proof
        return True

    def _held_proof(self) -> Proof | None:
        """The one that waits for the missing signs to be asked for once more, if nothing has happened since."""
        return self.held[0] if self.held and self.held[2] == self._happened() else None

    def _happened(self) -> tuple[object, ...]:
        facts = self.facts
        return len(facts.hits), len(facts.milestones), facts.written_s, frozenset(one.pid for one in facts.alive)

    def _signs_are_missing_still(self, proof: Proof) -> bool:
        """Whether what is missing was asked for once more since the tree stands still: an answer may be old."""
        if self.signs is None or not self.facts.signs or self.facts.announced_s is not None or self.facts.told_to_stop:
            return True
        if self._held_proof() is None:
            self.held = (proof, self.now(), self._happened())
        assert self.held is not None
        return self.signs.was_asked_since(self.held[1])

    def _probe(self) -> None:
        """Ask each process that started its service for a real RPC call, again until it answers.

        Where a good start says READY=1 not before that, or the call would meet a fault that was meant for a call of the
        launcher's own.
        """
        expected, facts = self.serving.expected, self.facts
        if expected is not None and expected.notifies and facts.ready_s is None \
                and self.now() < facts.last_started_s + PROBE_UNANNOUNCED_S:
            return
        if self.network:
            self.network.probe(self.now())
            return
        for pid in facts.unanswered():
            if self.now() >= self.asked.get(pid, 0.0) and tree.catches(pid, stacks.PROBE_SIGNAL):
                self.asked[pid] = self.now() + PROBE_AGAIN_S
                stacks.ask([pid], stacks.PROBE_SIGNAL)

    def _learn(self) -> None:
        """What its processes have imported by now, where the request asks for it; the launcher's own first."""
        if not self.request.learns:
            return
        pids = sorted((one.pid for one in self.facts.alive), key=lambda pid: (pid != self.facts.root_pid, pid))
        stacks.ask(pids, stacks.PROBE_SIGNAL)
        paths = [self.folder.path / f"ahead.{pid}" for pid in pids if tree.catches(pid, stacks.PROBE_SIGNAL)]
        there = stacks.wait_for_files(paths, LEARN_WITHIN_S, self.pump)
        texts = (path.read_text(encoding="utf-8", errors="surrogateescape") for path in there)
        self.ahead = tuple(dict.fromkeys(line for text in texts for line in text.splitlines()))

    def _send(self, pid: int, number: signal.Signals, why: str) -> None:
        self.facts.signals.append(SentSignal(round(self.now(), 4), number.name, pid, why))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def hold(self) -> None:
        """Keep what still runs, and go on reading what it says, until the time is up or it ends. Whoever does not want it
        any longer ends us."""
        until = self.now() + self.request.hold_s
        while self.facts.ending is None and self.now() < until:
            self.pump(IDLE_TICK_S)

    # -- at the end --------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """What was written before the end is still in the pipes."""
        self.read_events()
        self.read_notices()
        self.read_output()
        self.outside.step(self.now())
        if self.network:
            self.network.step(self.now())

    def _look_closely(self) -> None:
        """It still runs: how busy is it, how many workers live, and where does every thread stand?"""
        self.look()
        self.still_running = True
        if self.proof is None and self.prover is not None:
            self.still_possible = self.prover.still_possible()
        self.read_output()
        self.stacks = stacks.collect(self.folder.path, [one.pid for one in self.facts.alive], self.facts.roles,
                                     self.output, self.pump)

    def _look_for_leftovers(self) -> None:
        """The launcher is gone: whatever of its tree still lives after ``orphan_s`` is left over."""
        assert self.launch is not None
        facts, until = self.facts, self.now() + self.request.limits.orphan_s
        while True:
            self.launch.reap_others()
            self.look()
            left = [one for one in facts.alive if one.pid != facts.root_pid]
            if not left or self.now() > until:
                break
            self.pump(TICK_S / 3)
        self._drain()
        if self.network:
            self.network.last_words()
        new = (Process(one.pid, one.parent_pid, facts.roles.get(one.pid, ""), tree.command(one.pid), self.now())
               for one in left)     # one that came after MOST_PROCESSES others was not written down; others exec'd since
        self.leftovers = tuple(dataclasses.replace(facts.processes.get(one.pid, one), command=one.command) for one in new)
        kept = [Holding("temporary file", name) for name in self.folder.temporary_files()]
        self.holdings = (*kept, *self.belongings.left(facts.processes, [one.pid for one in left]))

    def end_everything(self) -> None:
        """Kill and reap all of the tree, whatever happened. Bounded: what cannot be killed is told."""
        leave_undisturbed()     # the host's or the kernel's word to leave: that is being done
        if self.launch is not None:
            self.launch.end()

    def observation(self) -> Observation:
        """All facts, once the run is over."""
        facts, output = self.facts, self.output.text()
        log = None if self.log_file is None else self.log_file.text()
        shown, shown_log = self._masked(output), None if log is None else self._masked(log)
        return Observation(
            ending=facts.ending or StillRunning(round(self.now(), 3)),
            elapsed_s=round(facts.ended_s if facts.ended_s is not None else self.now(), 4),
            limits=self.request.limits,
            expected=self._expected(shown, shown_log),
            stopped_watching=self.stopped_watching,
            started_as=self.started_as,
            hits=tuple(sorted((*facts.hits, *self.outside.hits()), key=lambda hit: hit.at_s)),
            fired=tuple(facts.fired),
            milestones=tuple(facts.milestones),
            notices=tuple(Notice(notice.at_s, self._masked(notice.text)) for notice in facts.notices),
            processes=tuple(self._without_secrets(one) for one in
                            sorted(facts.processes.values(), key=lambda process: process.seen_s)),
            signals=tuple(facts.signals),
            leftovers=tuple(map(self._without_secrets, self.leftovers)),
            holdings=self.holdings,
            peak=facts.peak,
            standing=facts.standing,
            ready_s=facts.ready_s,
            signs=facts.signs,
            listens=self.listens,
            served_s=None if facts.served_s is None else round(facts.served_s, 4),
            stop_sent_s=None if facts.stop_sent_s is None else round(facts.stop_sent_s, 4),
            alive_workers=facts.alive_workers if self.still_running else None,
            cpu_share=facts.cpu_share if self.still_running else None,
            output=shown,
            log=shown_log,
            stacks=self._masked(self.stacks),
            proof=self.proof and dataclasses.replace(self.proof, text=self._masked(self.proof.text)),
            calls=tuple(facts.calls.items()),
            means=tuple(dict.fromkeys(facts.means)),
            still_possible=tuple(map(self._masked, self.still_possible)),
            leaks=leaks(self._shown(output, log or ""), self.secrets),
            ahead=self.ahead,
        )

    def _expected(self, output: str, log: str | None) -> Expectation:
        """What was known, or learnt by this run; of a program without an agent also all that it wrote."""
        expected = self.serving.expected or Expectation(self.request.case.workers, notifies=False)
        if self.request.expected is not None or expected.speaks:
            return expected
        return dataclasses.replace(expected, said=said_lines(f"{output}\n{log or ''}"))

    def _shown(self, output: str, log: str) -> dict[str, str]:
        """Everything of the target that others can see: where, and what stands there."""
        facts = self.facts
        texts = {"the output": output, "its log file": log, "its notices": "\n".join(notice.text for notice in facts.notices)}
        for title, pid in facts.titles.items():      # a process may have had several, and its last is its name in brackets
            where = f"the arguments of {facts.roles.get(pid) or 'a process'} (pid {pid})"
            texts[where] = "\n".join(filter(None, (texts.get(where), title)))
        return texts

    def _masked(self, text: str) -> str:
        return masked(text, self.secrets) if self.secrets else text

    def _without_secrets(self, process: Process) -> Process:
        return dataclasses.replace(process, command=self._masked(process.command))
