"""What an operator reads: of a proof, and of what can still happen where nothing is proven."""

from __future__ import annotations

from chaos.runner.proof.answers import Answer
from chaos.runner.proof.decide import Scene, Verdict
from chaos.runner.proof.possible import Habit, describe
from chaos.runner.proof.values import Kind, Member, Source, Standing, Task, Waker
from chaos.runner.proof.words import text_of

ROLES = {1: "parent", 2: "worker.0"}
PIPE = Source(Waker.MEMBER, 1, 1, "descriptor 5 (pipe:[7]), its writing end held by 2", pids=frozenset({2}))
SLEEP = Source(Waker.LIMIT, 2, 2, "its clock_nanosleep ends", 3700.0)
PARENT = Standing(1, 1, "S", "read", f"waits in read for {PIPE.text}, without a time limit", (PIPE,))
WORKER = Standing(2, 2, "S", "clock_nanosleep", "waits in clock_nanosleep, for a limited time", (SLEEP,))
MEMBERS = {pid: Member(pid, (Task(pid, "S", 1, 0),)) for pid in ROLES}
SCENE = Scene(100.0, MEMBERS, frozenset(ROLES), (PARENT, WORKER), ())
ANSWER = Answer(2, 100.0, 1, 77, None, {77: ("/svc.py:47 start", "/launch.py:9 main")}, (), ())


def test_a_proof_names_thread_call_descriptor_holder_place_and_how_long_nothing_can_happen() -> None:
    verdict = Verdict(Kind.LATE, frozenset(ROLES), frozenset(ROLES), 3700.0)
    assert text_of(SCENE, verdict, ROLES, {2: ANSWER}, 110.0, {2: 77}).splitlines() == [
        "nothing can happen before 3600.0 s from now, and the deadline is in 10.0 s",
        "  parent (pid 1), its main thread waits in read for descriptor 5 (pipe:[7]), its writing end held by 2, without a "
        "time limit",
        "  worker.0 (pid 2), its main thread waits in clock_nanosleep, for a limited time, at /svc.py:47 start < "
        "/launch.py:9 main",
        "  until its clock_nanosleep ends: not before 3600.0 s from now",
    ]


def test_a_part_is_named_with_those_that_live_on() -> None:
    verdict = Verdict(Kind.PART, frozenset({2}), frozenset({2}))
    first, *_ = text_of(SCENE, verdict, ROLES, {}, 110.0, {}).splitlines()
    assert first == "worker.0 (pid 2) can never go on, whatever the others do (parent (pid 1))"


def test_what_can_still_happen_names_timers_peers_loops_and_work_but_not_who_waits_for_others() -> None:
    peer = Source(Waker.OUTSIDE, 1, 1, "descriptor 3 (TCP 127.0.0.1:1 to 127.0.0.1:5672)")
    runs = Source(Waker.UNKNOWN, 2, 3, "it runs")
    standings = [PARENT, Standing(1, 8, "S", "read", "", (peer,)), WORKER, Standing(2, 3, "R", "", "it runs", (runs,))]
    habits = {2: Habit(rounds_s=(1.0, 1.5, 2.0, 2.5)), 3: Habit(cpu_share=0.97)}
    assert describe(standings, [], habits, {2: ANSWER}, ROLES, 3699.5) == (
        "worker.0 (pid 2), thread 3: computes, 97% of a processor; it runs",
        "parent (pid 1), thread 8: waits for descriptor 3 (TCP 127.0.0.1:1 to 127.0.0.1:5672)",
        "worker.0 (pid 2), its main thread: goes round, 4 rounds seen lately, about every 0.50 s; its clock_nanosleep ends "
        "in 0.5 s or later, at /svc.py:47 start",
    )
    assert describe([PARENT], [], {}, {}, ROLES, 0.0) == ("nothing that could be seen",)
