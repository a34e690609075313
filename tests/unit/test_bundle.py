"""The script of a finding: short, a program for every fault that a patch can make, refused for every other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chaos.actions import ActionError, told
from chaos.bundle import MOST_LINES, script_of
from chaos.caseid import format_case, parse_case
from chaos.catalog import BY_NAME, SITES, By
from chaos.errors import UsageError
from chaos.model import (
    Broken,
    Case,
    Exited,
    Expectation,
    Fault,
    Firing,
    Grade,
    Hits,
    Judged,
    Limits,
    Milestone,
    Observation,
    Outcome,
    StillRunning,
    Verdict,
    token_of,
)
from chaos.prepare import Timing, request_for
from chaos.target import Target

TARGET = Target("shop", "shop.cmd:main", ("--conf", "{config}", "{backend}", "--bind", "127.0.0.1:{port}"),
                (("SHOP", "{workers}"), ("SHOP_STATE", "{folder}/state")), config="a = 'b'\n")
VERSIONS = (("Python", "3.11.7"), ("oslo.service", "4.8.0"), ("cotyledon", "2.2.0"), ("oslo.messaging", "18.3.1"))
NUMBERED = {"delay": "1", "latency": "1", "signal": "TERM", "limit": "nofile", "set": "0"}
RESPAWNS = Observation(
    ending=StillRunning(9.0), elapsed_s=9.0, limits=Limits(), expected=Expectation(2), stopped_watching="respawn",
    ready_s=0.3, fired=(Firing(0.5, 0, "", "worker.0", 7, 1, "", where="shop.service:Shop.start"),))
FALSE = replace(RESPAWNS, ending=Exited(0), elapsed_s=0.6)


def every_fault() -> Iterator[Fault]:
    for site in SITES:
        for action in site.actions:
            first = next((error.words for error in site.errors), ()) if action == "raise" else ()
            args = first or ((NUMBERED[action],) if action in NUMBERED else ())
            fault = Fault(site.name, action, args)
            try:
                told(fault)
            except ActionError:     # an action that only the wire or the node can do at a site that has both
                continue
            yield fault


EVERY = list(every_fault())
REFUSED = {"limit", "fill", "two_addresses"}


BROKEN = (Broken("status", "it exited 0 " + "very " * 40 + '"""soon\\'), Broken("ready-means-ready", "READY=1 came"))


def script(case_id: str | Case, seen: Observation = FALSE, outcome: Outcome = Outcome.FALSE_SUCCESS,
           broken: tuple[Broken, ...] = BROKEN) -> str:
    case = parse_case(case_id) if isinstance(case_id, str) else case_id
    judged = Judged(case, seen, Verdict(outcome, Grade.FAIL, broken))
    return script_of(request_for(TARGET, case, Timing(), None), TARGET.command, judged, VERSIONS)


@pytest.mark.parametrize(("role", "hits"), [(None, Hits()), ("worker.1", Hits(2, 3))])
@pytest.mark.parametrize("seen", [FALSE, RESPAWNS], ids=["ended", "respawns"])
def test_every_fault_that_a_patch_can_make_is_a_program_of_less_than_80_lines(
    role: str | None, hits: Hits, seen: Observation,
) -> None:
    """Each site with one action, and each action at one site."""
    one_each = {**{fault.site: fault for fault in EVERY[::-1]}, **{fault.action: fault for fault in EVERY}}
    for fault in one_each.values():
        if fault.action in REFUSED or BY_NAME[fault.site].by is not By.AGENT:
            continue
        case = Case("shop", "threading", 2, (replace(fault, role=role, hits=hits),))
        text = script(case, seen, Outcome.RESPAWN_LOOP if seen is RESPAWNS else Outcome.FALSE_SUCCESS)
        compile(text, format_case(case), "exec")
        assert text.count("\n") <= MOST_LINES, format_case(case)
        assert "import chaos" not in text and "from chaos" not in text


@pytest.mark.parametrize("case_id", [
    "shop/threading/w2/process.image=limit:nproc",
    "shop/threading/w2-rabbit/service.start=raise",
    "shop/threading/w2-rabbit/amqp.connect=refuse",
    "shop/threading/w2/service.start=signal:TERM:worker.0",
    "shop/threading/w2/shop:main,builtins:print=raise",
    "shop/threading/w2/process.image=fill+dns.resolve=two_addresses",
])
def test_what_no_patch_can_do_is_refused_with_what_can_be_done(case_id: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be shown without chaos: .*chaos repro --export pytest"):
        script(case_id)


def test_a_fault_that_needed_a_call_of_chaos_is_refused_and_one_on_the_way_up_is_not() -> None:
    case_id = "shop/threading/w1/executor.submit=raise"
    assert script(case_id)
    answering = replace(FALSE, milestones=(Milestone(0.4, "service started", "worker.0", 7),))
    with pytest.raises(UsageError, match="was reached when chaos called the service"):
        script(case_id, answering)


def test_the_script_says_what_was_seen_with_which_versions_and_the_case() -> None:
    case_id = "shop/threading/w2/service.start@worker#1=raise:RuntimeError"
    head = script(case_id).split('"""')[1]
    for part in ("false-success: shop.cmd:main (2 workers, threading)",
                 "raise RuntimeError happens at service.start in worker", "oslo.service 4.8.0",
                 "exit status 0 after 0.60 s", "READY=1 came", case_id):
        assert part in head


def test_it_patches_the_function_at_which_the_fault_was_seen_and_raises_what_chaos_raised() -> None:
    case_id = "shop/threading/w2/service.start@worker#1=raise:RuntimeError"
    text = script(case_id)
    assert "('shop.service', 'Shop', lambda module: watch(module.Shop, 'start', reached_0))" in text
    assert f"raise RuntimeError('start failed [{token_of(case_id, 0)}]')" in text
    assert 'if os.getppid() == PARENT and 1 <= count("hits.0") <= 1:' in text


def test_where_the_function_has_no_name_the_methods_of_every_derived_class_are_watched() -> None:
    fired = (replace(FALSE.fired[0], where="shop.cmd:main.<locals>.Shop.start"),)
    text = script("shop/threading/w2/service.start=raise", replace(FALSE, fired=fired))
    assert "heirs(module.ServiceBase, ('start',), ('oslo_messaging',), reached_0)" in text


def test_a_traced_call_fails_only_for_its_caller() -> None:
    text = script("shop/-/w1/shop.cmd:main,shop_db.api:Pool.get=raise:OSError:ENOSPC")
    assert "('shop_db.api', 'Pool', lambda module: watch(module.Pool, 'get', reached_0, ('shop.cmd', 'main')))" in text
    assert "== caller and reached()" in text


def test_a_file_or_socket_that_is_wrong_from_the_start_is_wrong_for_the_script_s_launcher_too() -> None:
    assert 'open(work + "/config", "w")' not in script("shop/threading/w1/config.file=missing")
    assert 'os.mkdir(work + "/config")' in script("shop/threading/w1/config.file=unreadable")
    assert "NOTIFY_SOCKET" not in script("shop/threading/w1/notify.socket=absent")
    assert 'os.unlink(work + "/notify")' in script("shop/threading/w1/notify.socket=gone")
    assert "[unfinished" in script("shop/threading/w1/config.file=malformed")


@pytest.mark.parametrize("where", ["its log file, line 3", "its notices", "the arguments of worker.0 (pid 7)"])
def test_a_secret_where_a_script_does_not_look_is_refused_with_where_it_was(where: str) -> None:
    case_id, leaked = "shop/threading/w1/service.start=raise", Broken("keeps-secrets", "1 leak of its configuration")
    leak = f"secret 1 (plain) in {where}"
    with pytest.raises(UsageError, match=re.escape(f"{leak}, and a script looks at the output alone")):
        script(case_id, replace(FALSE, leaks=(leak,)), broken=(leaked,))
    assert "a secret" not in script(case_id, replace(FALSE, leaks=(leak,)), broken=(*BROKEN, leaked)).split('"""')[2]
    also = replace(FALSE, leaks=(leak, "secret 2 (base64) in the output, line 2"))
    assert "a secret of its configuration is in the output" in script(case_id, also, broken=(leaked,))
