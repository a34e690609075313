"""What a process says of itself: read whole or not at all, believed only for the moment that was looked at."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path

import pytest

from chaos.runner.proof import answers as said
from chaos.runner.proof import known
from chaos.runner.proof.candidate import Candidate
from chaos.runner.proof.decide import Scene
from chaos.runner.proof.values import Member, Source, Standing, Task, Waker

HUBS = "/site-packages/eventlet/hubs"
HUB_STACK = (f"{HUBS}/poll.py:77 wait", f"{HUBS}/hub.py:362 run")
TEXT = "\n".join([
    "entered\t50.000000\t7\t3", "alarm\t0.000000", "main\t1111",
    "thread\t1111", *(f"  {line}" for line in HUB_STACK), "hub\t1111\t0\t0\t-0.000001",
    "timer\t53.5\tswitch", "  /site-packages/eventlet/greenthread.py:38 sleep", "  /svc.py:47 start",
    "listener\tread\tdescriptor 4", "  /svc.py:9 watch", "suspended\ta greenthread", "  /svc.py:80 main",
    "thread\t2222", "  /threading.py:300 wait", "end", ""])


def answer(text: str = TEXT) -> said.Answer:
    found = said.parse(9, text)
    assert found is not None
    return found


def test_an_answer_is_read_whole() -> None:
    one = answer()
    assert (one.switches, one.main, one.alarm_s) == (10, 1111, None)
    assert one.stacks == {1111: HUB_STACK, 2222: ("/threading.py:300 wait",)}
    assert one.hubs[0].vacuous and one.hubs[0].timers[0].at_s == 53.5
    assert [what for what, _ in one.green] == ["a timer", "read descriptor 4", "a greenthread"]
    assert answer(TEXT.replace("alarm\t0.0", "alarm\t2.5")).alarm_s == 2.5


@pytest.mark.parametrize("text", ["", "end", TEXT.removesuffix("end\n"), TEXT.replace("main\t1111", "main\tx")])
def test_a_torn_answer_is_none(text: str) -> None:
    assert said.parse(9, text) is None


@pytest.mark.parametrize("hub", ["hub\t1111\t1\t0\t0.0", "hub\t1111\t0\t1\t0.0", "hub\t1111\t0\t0\t5.0"])
def test_a_hub_that_has_closed_listeners_or_stops_or_has_another_clock_keeps_its_limit(hub: str) -> None:
    one = answer(TEXT.replace("hub\t1111\t0\t0\t-0.000001", hub))
    limit = Source(Waker.LIMIT, 9, 9, "its epoll_wait ends", 60.0)
    stood = Standing(9, 9, "S", "epoll_wait", "waits", (limit,))
    assert said.with_hub(stood, one.hubs[0], known.only_waits_for_children, frozenset()).sources == (limit,)


def test_a_loop_that_looks_for_children_waits_for_them_but_not_when_something_is_thrown_into_it() -> None:
    limit = Source(Waker.LIMIT, 9, 9, "its epoll_wait ends", 60.0)
    timerfd = Source(Waker.TIME, 9, 9, "descriptor 3, a timer", 55.0)
    stood = Standing(9, 9, "S", "epoll_wait", "waits", (limit, timerfd))
    for calls, wakers in (("switch", [Waker.TIME, Waker.CHILD]), ("throw", [Waker.TIME, Waker.TIME])):
        hub = answer(TEXT.replace("\tswitch", "\t" + calls)).hubs[0]
        sources = said.with_hub(stood, hub, lambda stack: True, frozenset({10})).sources
        assert sources[0] == timerfd
        assert [source.waker for source in sources] == wakers


def test_a_hub_is_only_one_that_waits_itself() -> None:
    assert said.hub_of(answer(), 1111) is not None
    assert said.hub_of(answer(), 2222) is None
    inside = TEXT.replace(f"  {HUB_STACK[0]}\n", f"  /svc.py:3 blocking_callback\n  {HUB_STACK[0]}\n", 1)
    assert said.hub_of(answer(inside), 1111) is None


def candidate(switches: int) -> Candidate:
    stood = Standing(9, 9, "S", "epoll_wait", "waits", (Source(Waker.LIMIT, 9, 9, "its epoll_wait ends", 60.0),))
    alarm = Source(Waker.ALARM, 9, 9, "an alarm that may be its own", 70.0)
    one = Candidate(Scene(49.9, {9: Member(9, (Task(9, "S", switches, 0),))}, frozenset({9}), (stood,), (alarm,)), 49.9)
    one.take(answer(), 50.0, lambda address, length: struct.pack("<i", 9))
    return one


def test_what_is_said_counts_only_for_a_thread_that_had_not_moved_since_the_snapshot() -> None:
    believed = candidate(switches=10)
    sources = believed.told(believed.scene).all_sources()
    assert [(source.waker, source.at_s) for source in sources] == [(Waker.TIME, 53.5)]
    torn = candidate(switches=11)
    assert torn.torn() == {9}
    assert torn.told(torn.scene) == torn.scene


def test_a_loop_is_known_by_the_very_file_that_was_read(tmp_path: Path) -> None:
    file = tmp_path / "oslo_service" / "backend" / "_eventlet" / "service.py"
    file.parent.mkdir(parents=True)
    file.write_text("def _respawn_children(): kill_everything()\n")
    stack = (f"{HUBS}/hub.py:300 switch", "/site-packages/eventlet/greenthread.py:38 sleep", f"{file}:555 _respawn_children")
    assert not known.only_waits_for_children(stack)
    spec = find_spec("oslo_service")
    assert spec is not None and spec.submodule_search_locations
    real = Path(spec.submodule_search_locations[0], "backend", "_eventlet", "service.py")
    assert known.only_waits_for_children((*stack[:2], f"{real}:555 _respawn_children"))
    assert not known.only_waits_for_children((*stack[:2], f"{real}:555 wait"))
    assert not known.only_waits_for_children((*stack[:2], "/svc.py:3 poll", f"{real}:555 _respawn_children"))


def test_a_master_has_lost_its_supervisor_only_when_no_thread_is_in_it() -> None:
    import cotyledon
    folder = Path(cotyledon.__file__).parent
    main = (f"{folder}/_utils.py:198 _wait_forever", f"{folder}/_service_manager.py:346 run", "/svc.py:1 main")
    supervisor = ("/threading.py:327 wait", f"{folder}/_service_manager.py:350 _child_supervisor_thread")
    assert known.has_lost_its_supervisor(1, {1: main})
    assert known.has_lost_its_supervisor(1, {1: main, 2: ("/svc.py:5 other",)})
    assert not known.has_lost_its_supervisor(1, {1: main, 2: supervisor})
    assert not known.has_lost_its_supervisor(1, {1: main[1:]})
    ending = (f"{folder}/_service_manager.py:420 _shutdown", f"{folder}/_service_manager.py:370 _on_signal_received", *main)
    assert not known.has_lost_its_supervisor(1, {1: ending})
    assert not known.has_lost_its_supervisor(1, {1: ("/else/_utils.py:198 _wait_forever", "/else/_service_manager.py:3 run")})
    assert known.only_waits_for_signals(main)
    assert not known.only_waits_for_signals(main[1:])
