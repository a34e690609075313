"""The self-test gallery: small launchers that break one promise, or come close and do not, and whether chaos can tell.

    python tests/gallery/gallery.py [--jobs 2] [NAME…]

Every exhibit is run as chaos runs any target: by its own pool, with its own rules. Data and a runner; judges nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from chaos.actions import BY_WORD
from chaos.caseid import parse_fault
from chaos.catalog import BY_NAME
from chaos.judge import judge, judge_pair
from chaos.model import Case, Expectation, Grade, Judged, Observation
from chaos.prepare import Timing, request_for
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.target import Target

LAUNCHERS = Path(__file__).resolve().parent / "launchers"
SECRET = "Gä/l'e#ry?s\t1@pä:ss%wd"
"""Holds what each form changes: ``/ # ? @ : %`` for a URL, the tab for repr; no piece is long enough to be found alone."""
AT_ITS_WORD = Expectation(servers=0, notifies=True)
"""What a baseline learns of a launcher without oslo.service: READY=1 is all that it can be asked for."""
LEARNT = None
"""What a good start looks like is learnt: by a run without the fault, or, in a plain check, by that run itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One launcher, how it is started, and what chaos has to say about it.

    ``breaks``: it breaks ``promise``, or else comes close and breaks nothing. ``also``: the promises that the same
    defect breaks besides; any other one is a false alarm. ``fault``: the fault part of a case id; none: a plain check.
    ``expected``: what chaos knows of a good start beforehand. ``waits``: what chaos lacks so far to see it; such an
    exhibit is missed like any other until then. ``deadline_s``: seconds after the fault, or after exec in a plain check;
    None: chaos's own. ``ready``: how it shows that it is ready; () for one that does not; None: chaos
    finds out for a service of oslo.service, READY=1 for any other.
    """

    name: str
    promise: str
    breaks: bool
    launcher: str
    fault: str = ""
    backends: tuple[str, ...] = ("-",)
    workers: int = 1
    args: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    expected: Expectation | None = None
    waits: str = ""
    deadline_s: float | None = None
    grace_s: float = 8.0
    orphan_s: float = 3.0
    ready: tuple[str, ...] | None = None

    @property
    def cases(self) -> tuple[Case, ...]:
        faults = tuple(parse_fault(part, sites=BY_NAME, actions=BY_WORD) for part in self.fault.split("+") if part)
        return tuple(Case(self.name, backend, self.workers, faults) for backend in self.backends)

    def target(self, scratch: Path) -> Target:
        path = LAUNCHERS / self.launcher
        command = "/bin/sh" if path.suffix == ".sh" else sys.executable
        how = ("{backend}", "{workers}") if self.backends != ("-",) else ()
        scratch.mkdir(exist_ok=True)
        env = {"GALLERY_SCRATCH": str(scratch), "GALLERY_PYTHON": sys.executable, "GALLERY_SECRET": SECRET}
        return Target(self.name, command, (str(path), *how, *self.args), tuple(env.items()), self.backends,
                      ready=(("notify",) if not how else ()) if self.ready is None else self.ready)

    def request(self, case: Case, scratch: Path, expected: Expectation | None) -> Request:
        timing = Timing(self.deadline_s, self.grace_s)
        request = request_for(self.target(scratch), case, timing, expected)
        boot_s = self.deadline_s if self.deadline_s and not case.faults else request.limits.boot_s
        limits = dataclasses.replace(request.limits, boot_s=boot_s, orphan_s=self.orphan_s)
        return dataclasses.replace(request, limits=limits, secrets=self.secrets)

    def baseline(self, case: Case, scratch: Path) -> Request:
        """The same start without its fault, in chaos's own time."""
        request = request_for(self.target(scratch), dataclasses.replace(case, faults=()), Timing(), None)
        return dataclasses.replace(request, secrets=self.secrets)


@dataclass(frozen=True, slots=True)
class Shown:
    """An exhibit, what chaos said of each of its runs, and whether that is right."""

    exhibit: Exhibit
    runs: tuple[Judged, ...]

    @property
    def broken(self) -> dict[str, str]:
        """Promise to why, over all runs."""
        return {one.promise: one.because for run in reversed(self.runs) for one in run.verdict.broken}

    @property
    def astray(self) -> tuple[str, ...]:
        """The promises that chaos says are broken and that are not."""
        right = (self.exhibit.promise, *self.exhibit.also) if self.exhibit.breaks else ()
        return tuple(promise for promise in self.broken if promise not in right)

    @property
    def word(self) -> str:
        if self.astray:
            return "false alarm"
        if self.exhibit.breaks:
            return "caught" if self.exhibit.promise in self.broken else "missed"
        return "quiet" if all(run.verdict.grade is Grade.PASS for run in self.runs) else "false alarm"

    @property
    def is_right(self) -> bool:
        return self.word in ("caught", "quiet")

    @property
    def outcome(self) -> str:
        return " / ".join(dict.fromkeys(run.verdict.outcome.value for run in self.runs))

    @property
    def because(self) -> str:
        """The sentence about the exhibit's promise; of a false alarm, the one that is wrong; else what was noted."""
        said = [f"{promise}: {self.broken[promise]}" for promise in self.astray]
        said += [self.broken[self.exhibit.promise]] if self.exhibit.promise in self.broken and not said else []
        said += [run.verdict.note for run in self.runs if run.verdict.note and not said]
        return "; ".join(said)


class Gallery:
    """Runs exhibits, ``jobs`` at a time, in a scratch folder of its own. Use with ``with``."""

    def __init__(self, jobs: int = 1) -> None:
        self.pool = Pool(jobs)
        self.exits = ExitStack()
        self.scratch = Path()
        self.known: dict[tuple[object, ...], Expectation] = {}
        self.count = 0

    def __enter__(self) -> Gallery:
        self.scratch = Path(self.exits.enter_context(tempfile.TemporaryDirectory(prefix="gallery-")))
        self.exits.enter_context(self.pool)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.exits.close()

    def show(self, exhibits: Sequence[Exhibit]) -> Iterator[Shown]:
        """Each exhibit when all its runs are finished. RuntimeError for one that does not even start without a fault."""
        self._learn(exhibits)
        asked = {case: exhibit for exhibit in exhibits for case in exhibit.cases}
        done: dict[Case, Judged] = {}
        requests = (exhibit.request(case, self._folder(), self._expected(exhibit, case))
                    for case, exhibit in asked.items())
        for case, seen in self._run(requests):
            done[case] = Judged(case, seen, judge(case, seen))
            exhibit = asked[case]
            if all(one in done for one in exhibit.cases):
                runs = tuple(done[one] for one in exhibit.cases)
                yield Shown(exhibit, judge_pair(*runs) if len(runs) == 2 else runs)

    def _learn(self, exhibits: Sequence[Exhibit]) -> None:
        wanted = {_start_of(exhibit, case): (exhibit, case) for exhibit in exhibits for case in exhibit.cases
                  if case.faults and exhibit.expected is None}
        new = {start: pair for start, pair in wanted.items() if start not in self.known}
        starts = {exhibit.baseline(case, self._folder()).case: start for start, (exhibit, case) in new.items()}
        for case, seen in self._run(exhibit.baseline(case, self._folder()) for exhibit, case in new.values()):
            verdict = judge(case, seen)
            if verdict.grade is not Grade.PASS:
                raise RuntimeError(f"{case}: {verdict.outcome} without its fault, {verdict.note}\n{seen.output}")
            self.known[starts[case]] = seen.expected

    def _expected(self, exhibit: Exhibit, case: Case) -> Expectation | None:
        if not case.faults or exhibit.expected is not None:
            return exhibit.expected
        return self.known[_start_of(exhibit, case)]

    def _run(self, requests: Iterable[Request]) -> Iterator[tuple[Case, Observation]]:
        yield from ((request.case, seen) for request, seen in self.pool.run(requests) if seen is not None)

    def _folder(self) -> Path:
        self.count += 1
        return self.scratch / str(self.count)


def _start_of(exhibit: Exhibit, case: Case) -> tuple[object, ...]:
    """Equal for cases that have the same baseline."""
    return exhibit.launcher, exhibit.args, exhibit.ready, case.backend, case.workers


# --- the table ------------------------------------------------------------------------------------------------------


def _breaks(promise: str, launcher: str, fault: str = "", name: str = "", **more: object) -> Exhibit:
    return _exhibit(promise, launcher, fault, name, True, more)


def _close(promise: str, launcher: str, fault: str = "", name: str = "", **more: object) -> Exhibit:
    return _exhibit(promise, launcher, fault, name, False, more)


def _exhibit(promise: str, launcher: str, fault: str, name: str, breaks: bool, more: dict[str, object]) -> Exhibit:
    """A launcher that names no backend is a plain one. To learn about it takes two seconds, of which most need none."""
    more.setdefault("expected", LEARNT if "backends" in more else AT_ITS_WORD)
    name = name or Path(launcher).stem.replace("_", "-")
    return Exhibit(name=name, promise=promise, breaks=breaks, launcher=launcher, fault=fault, **more)  # type: ignore[arg-type]


EVENTLET, THREADING, BOTH = ("eventlet",), ("threading",), ("eventlet", "threading")
NO_THREAD, NO_THREAD_ONCE = "thread.spawn=raise", "thread.spawn#1=raise"

EXHIBITS: tuple[Exhibit, ...] = (
    # A launcher that hangs costs its deadline, so that is short here. Where nothing should hang it is chaos's own.
    _breaks("ends", "ends_waits_on_a_lock.py", expected=LEARNT, deadline_s=1.2),
    _breaks("ends", "ends_retries_for_ever.py", "rpc.connect=refuse", backends=EVENTLET,
            also=("ready-means-ready",), deadline_s=1.5),
    _breaks("ends", "ends_behind_a_live_thread.py", "thread.spawn#2=raise", also=("recovers",), deadline_s=1.2),
    _breaks("ends", "ends_opens_a_fifo.sh", expected=LEARNT, deadline_s=1.2),
    _breaks("ends", "ends_polls_for_ever.sh", expected=LEARNT, deadline_s=1.2),
    _breaks("ends", "ends_deaf_behind_its_port.py", NO_THREAD, expected=LEARNT, deadline_s=1.5, args=("{port}",),
            ready=("http: http://127.0.0.1:{port}/",)),
    _close("ends", "ends_after_some_retries.py", NO_THREAD),
    _close("ends", "ends_slowly.py", "thread.spawn=delay:0.5"),

    _breaks("status", "status_swallows_the_error.py", NO_THREAD),
    _breaks("status", "nova_shaped.py", "service.start=raise", name="status-drops-the-value-of-wait",
            backends=EVENTLET, also=("ready-means-ready",)),
    _breaks("status", "status_aborts.py"),
    _breaks("status", "status_lost_in_a_pipe.sh"),
    _breaks("status", "status_of_a_daemon.py", also=("nobody-left",), orphan_s=0.6),
    _close("status", "status_three.py", NO_THREAD),
    _close("status", "status_of_sigterm.py"),
    _close("status", "status_143.sh"),

    _breaks("cause", "cause_not_in_the_message.py", NO_THREAD),
    _breaks("cause", "cause_replaced_by_clean_up.py", NO_THREAD),
    _breaks("cause", "cause_buried_by_clean_up.py", NO_THREAD),
    _breaks("cause", "cause_unspoken.sh"),
    _breaks("cause", "cause_only_greets.sh", "env.variable@parent#1=unset:HOME", expected=LEARNT),
    _close("cause", "cause_in_its_own_words.sh", "env.variable@parent#1=unset:HOME", expected=LEARNT),
    _close("cause", "cause_before_noise.py", NO_THREAD),
    _close("cause", "cause_chained.py", NO_THREAD),
    _close("cause", "cause_beside_a_log_file.py", NO_THREAD),
    _close("cause", "cause_of_many_lines.py", NO_THREAD),

    _breaks("nobody-left", "nobody_left_daemon.py", orphan_s=0.6),
    _breaks("nobody-left", "nobody_left_background_job.sh", orphan_s=0.6),
    _breaks("nobody-left", "nobody_left_deaf_worker.py", orphan_s=0.6),
    _breaks("nobody-left", "nobody_left_by_a_failed_start.py", "process.fork#2=raise", orphan_s=0.6),
    _close("nobody-left", "nobody_left_soon.py"),
    _close("nobody-left", "nobody_left_reaped.py"),
    _close("nobody-left", "nobody_left_zombies.py"),

    _breaks("nothing-held", "nothing_held_temp_file.py"),
    _breaks("nothing-held", "nothing_held_temp_folder.py", NO_THREAD),
    _breaks("nothing-held", "nothing_held_port.py", also=("nobody-left",), orphan_s=0.6),
    _breaks("nothing-held", "nothing_held_temp_socket.py"),
    _breaks("nothing-held", "nothing_held_socket_path.py", expected=LEARNT,
            waits="sockets bound outside TMPDIR are recorded"),
    _breaks("nothing-held", "nothing_held_pid_file.py", waits="pid files outside TMPDIR are recorded"),
    _breaks("nothing-held", "nothing_held_lock.py", also=("nobody-left",), orphan_s=0.6,
            waits="locks of what is left over are recorded (/proc/PID/fdinfo)"),
    _close("nothing-held", "nothing_held_tidy.py", NO_THREAD),
    _close("nothing-held", "nothing_held_time_wait.py"),
    _close("nothing-held", "nothing_held_log_file.py"),

    _breaks("gives-up", "gives_up_never_prefork.py", "thread.spawn@worker=raise", also=("ends",), deadline_s=2),
    _breaks("gives-up", "nova_shaped.py", "service.start=raise", name="gives-up-never-oslo", backends=EVENTLET,
            workers=2, also=("ends", "ready-means-ready"), deadline_s=3),
    _breaks("gives-up", "gives_up_never_spawn.py", also=("ends",), expected=LEARNT, deadline_s=3),
    _breaks("gives-up", "gives_up_never_exec.py", also=("ends",), expected=LEARNT, deadline_s=2),
    _close("gives-up", "gives_up_after_three.py", "thread.spawn@worker=raise"),
    _close("gives-up", "gives_up_not_needed.py", "thread.spawn@worker#1..2=raise"),
    _close("gives-up", "gives_up_helpers.py"),
    _close("gives-up", "gives_up_probing.py"),

    _breaks("ready-means-ready", "ready_before_it_fails.py", expected=LEARNT),
    _breaks("ready-means-ready", "ready_before_its_work.py", NO_THREAD),
    _breaks("ready-means-ready", "nova_shaped.py", "service.start@worker=stall", name="ready-from-wait",
            backends=THREADING, also=("ends", "full-strength"), deadline_s=1.5),
    _breaks("ready-means-ready", "ready_forgotten.py", "timer.add=raise", backends=THREADING, deadline_s=1.5),
    _breaks("ready-means-ready", "ready_without_rpc.py", "rpc.server.start=raise", backends=THREADING,
            also=("ends", "full-strength"), deadline_s=2),
    _close("ready-means-ready", "ready_a_moment_early.py", backends=THREADING),
    _close("ready-means-ready", "ready_in_many_words.py"),
    _close("ready-means-ready", "ready_never_promised.py", backends=EVENTLET),
    _close("ready-means-ready", "ready_by_its_port.py", expected=LEARNT, args=("{port}",), ready=("tcp: 127.0.0.1:{port}",)),
    _close("ready-means-ready", "ready_by_its_log_file.py", "thread.spawn#1=raise", expected=LEARNT, args=("{folder}",),
           ready=("file: {folder}/shop.log is ready$",)),
    _close("ready-means-ready", "ready_in_no_way.py", "thread.spawn#1=delay:0.5", expected=LEARNT, ready=()),
    _close("ready-means-ready", "ready_in_no_way.sh", name="ready-in-no-way-shell", expected=LEARNT, ready=()),

    _breaks("full-strength", "nova_shaped.py", "process.fork@parent#2=raise", name="full-strength-lost-fork",
            backends=THREADING, workers=2, also=("ends", "ready-means-ready", "recovers"), deadline_s=2),
    _breaks("full-strength", "full_strength_lost_worker.py", "service.start@worker.1=raise", backends=THREADING,
            workers=2, also=("ends", "ready-means-ready"), deadline_s=1.5),
    _breaks("full-strength", "ready_without_rpc.py", "rpc.server.start@worker.1=raise",
            name="full-strength-lost-listener", backends=THREADING, workers=2, also=("ends", "ready-means-ready"),
            deadline_s=2),
    _breaks("full-strength", "full_strength_fewer_threads.py", "thread.spawn#3=raise", expected=LEARNT,
            also=("ends", "ready-means-ready", "recovers"), deadline_s=1.2),
    _breaks("full-strength", "full_strength_fewer_children.py", "process.fork#2=raise", expected=LEARNT,
            also=("ends", "ready-means-ready", "recovers"), deadline_s=1.2),
    _close("full-strength", "nova_shaped.py", "process.body@worker.1#1=kill", name="full-strength-replaced",
           backends=EVENTLET, workers=2),
    _close("full-strength", "nova_shaped.py", "service.start@worker.1#1=delay:0.7", name="full-strength-later",
           backends=THREADING, workers=2),
    _close("full-strength", "full_strength_tries_again.py", "thread.spawn#2=raise", expected=LEARNT),
    _close("full-strength", "full_strength_comes_and_goes.py", "thread.spawn#1=delay:0.5", expected=LEARNT),

    _breaks("recovers", "recovers_waits_for_a_lost_thread.py", NO_THREAD_ONCE, also=("ends",), deadline_s=1.2),
    _breaks("recovers", "recovers_to_an_empty_server.py", "rpc.connect#1=refuse", backends=EVENTLET,
            also=("ends", "ready-means-ready", "full-strength"), deadline_s=2),
    _breaks("recovers", "recovers_too_late.py", "process.fork#1=raise", also=("ends",), deadline_s=1.2),
    _breaks("recovers", "nova_shaped.py", "process.fork@parent#1=raise", name="recovers-without-a-worker",
            backends=THREADING, also=("ends", "ready-means-ready", "full-strength"), deadline_s=1.5),
    _close("recovers", "recovers_with_a_new_server.py", "rpc.connect#1=refuse", backends=EVENTLET),
    _close("recovers", "ends_after_some_retries.py", "thread.spawn#1..3=raise", name="recovers-in-the-end"),
    _close("recovers", "status_three.py", NO_THREAD_ONCE, name="recovers-by-ending"),

    _breaks("stops-when-told", "stops_never_deaf.py", grace_s=1.2),
    _breaks("stops-when-told", "stops_never_joins.py", grace_s=1.2),
    _breaks("stops-when-told", "stops_late_behind_sleep.sh", grace_s=1.2),
    _breaks("stops-when-told", "stops_with_a_traceback.py"),
    _breaks("stops-when-told", "stops_not_while_starting.py", "thread.spawn=kill:TERM", grace_s=1.2, deadline_s=2),
    _close("stops-when-told", "stops_slowly.py"),
    _close("stops-when-told", "stops_while_starting.py", "thread.spawn=kill:TERM"),
    _close("stops-when-told", "stops_its_children.sh"),

    _breaks("keeps-secrets", "secrets_in_the_log.py", secrets=(SECRET,)),
    _breaks("keeps-secrets", "secrets_in_a_url.py", secrets=(SECRET,)),
    _breaks("keeps-secrets", "secrets_in_base64.py", secrets=(SECRET,)),
    _breaks("keeps-secrets", "secrets_in_a_header.py", secrets=(SECRET,)),
    _breaks("keeps-secrets", "secrets_in_a_repr.py", secrets=(SECRET,)),
    _breaks("keeps-secrets", "secrets_in_arguments.py", secrets=(SECRET,), expected=LEARNT),
    _breaks("keeps-secrets", "secrets_in_the_title.py", secrets=(SECRET,), expected=LEARNT),
    _close("keeps-secrets", "secrets_masked.py", secrets=(SECRET,)),
    _close("keeps-secrets", "secrets_hashed.py", secrets=(SECRET,)),
    _close("keeps-secrets", "secrets_by_pipe.sh", secrets=(SECRET,)),

    _breaks("stays-in-bounds", "bounds_threads.py", expected=LEARNT),
    _breaks("stays-in-bounds", "bounds_fds.py", expected=LEARNT),
    _breaks("stays-in-bounds", "bounds_children.py", expected=LEARNT),
    _breaks("stays-in-bounds", "bounds_leaking_retry.py", NO_THREAD, expected=LEARNT),
    _close("stays-in-bounds", "bounds_some_threads.py"),
    _close("stays-in-bounds", "bounds_closed_at_once.py"),
    _close("stays-in-bounds", "bounds_children_in_turn.py"),

    _breaks("same-on-both-backends", "same_not_in_its_status.py", NO_THREAD, backends=BOTH, also=("status",),
            expected=AT_ITS_WORD),
    _breaks("same-on-both-backends", "same_not_when_retried.py", NO_THREAD_ONCE, backends=BOTH, expected=AT_ITS_WORD),
    _breaks("same-on-both-backends", "same_not_in_a_greenthread.py", "service.start=raise", backends=BOTH,
            also=("ends",), deadline_s=1.5),
    _close("same-on-both-backends", "same_in_other_words.py", NO_THREAD, backends=BOTH, expected=AT_ITS_WORD),
    _close("same-on-both-backends", "same_later.py", NO_THREAD_ONCE, backends=BOTH, expected=AT_ITS_WORD),
    _close("same-on-both-backends", "same_at_another_time.py", NO_THREAD, backends=BOTH, expected=AT_ITS_WORD),
)


# --- the command ----------------------------------------------------------------------------------------------------


def row(shown: Shown) -> str:
    name = shown.exhibit.name + (" (waits)" if shown.exhibit.waits else "")
    return f"  {shown.word:<12} {name:<42} {shown.outcome:<28} {shown.because}".rstrip()


def totals(every: Sequence[Shown]) -> str:
    broken = [one for one in every if one.exhibit.breaks]
    close = [one for one in every if not one.exhibit.breaks]
    wrong = sum(one.word == "false alarm" for one in every)
    return f"detection {sum(one.is_right for one in broken)}/{len(broken)}, false alarms {wrong}/{len(close)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gallery, or the exhibits that are named; print the table. 1 on any miss or false alarm."""
    parser = argparse.ArgumentParser(description="Does chaos catch what is broken, and only that?")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *(one.name for one in EXHIBITS)])
    options = parser.parse_args(argv)
    wanted = [one for one in EXHIBITS if not options.names or one.name in options.names]
    began = time.monotonic()
    with Gallery(options.jobs) as gallery:
        found = {one.exhibit.name: one for one in gallery.show(wanted)}
    every = [found[one.name] for one in wanted]
    for promise in dict.fromkeys(one.promise for one in wanted):
        print(promise, *(row(one) for one in every if one.exhibit.promise == promise), sep="\n")
    print(f"{len(every)} exhibits in {time.monotonic() - began:.0f} s")
    print(totals(every))
    return 0 if all(one.is_right for one in every) else 1


if __name__ == "__main__":
    sys.exit(main())
