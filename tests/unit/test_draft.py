"""From what one start showed to a commented entry of chaos.toml that says the same."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

import pytest
from observations import an_observation

from chaos.draft import as_entry, entry_text, name_of, readiness_of
from chaos.entry import KEYS, fields_of, problems_of
from chaos.model import Expectation, Observation
from chaos.readiness import wanted
from chaos.target import Target

OF_NOBODY = Expectation(servers=0, notifies=False)
A_RUN = "/var/tmp/chaos-a1_b2c3d/0000001"
PLAIN = replace(an_observation(), ready_s=None, signs=(), expected=OF_NOBODY, output="", listens=())


def _read(target: Target, seen: Observation) -> Target:
    """The entry, as chaos reads it back."""
    entries = tomllib.loads(entry_text(target, seen))["targets"]
    ((name, entry),) = entries.items()
    assert problems_of(entry) == []
    return Target(name=name, **fields_of(entry))


@pytest.mark.parametrize(("command", "name"), [
    ("nova.cmd.scheduler:main", "scheduler"), ("shop:main", "shop"), ("shop.cli:main", "shop"), ("./run.sh", "run"),
    ("/opt/x/start server", "start-server"), ("nova-scheduler", "nova-scheduler")])
def test_an_entry_is_called_what_people_call_the_launcher(command: str, name: str) -> None:
    assert name_of(Target(command, command)) == name


@pytest.mark.parametrize(("changed", "ready"), [
    ({"ready_s": 0.3, "listens": ("tcp: 127.0.0.1:80",)}, ("notify",)),
    ({"expected": Expectation(servers=2)}, ()),
    ({"listens": ("tcp: 127.0.0.1:80", "unix: /run/x")}, ("tcp: 127.0.0.1:80", "unix: /run/x")),
    ({"output": "a\n2026-01-01 10:00 [12] Server (v1.2) is listening on 8000\nb\n"},
     (r"log: is listening on \d+",)),
    ({"output": "nothing to see\n"}, ()),
    ({"listens": (f"unix: {A_RUN}/run/x/shop.sock", f"unix: {A_RUN}/tmp/pymp-1/listener-0")},
     ("unix: {folder}/x/shop.sock",)),
    ({"listens": (f"unix: {A_RUN}/tmp/x",), "output": f"is listening on {A_RUN}/run/x\n"}, ("log: is listening on",)),
    ({"listens": ("unix: /run/chaos-abcdefgh/run/x",)}, ("unix: /run/chaos-abcdefgh/run/x",)),
])
def test_what_was_seen_becomes_the_suggested_readiness(changed: dict[str, object], ready: tuple[str, ...]) -> None:
    found = readiness_of(replace(PLAIN, **changed))  # type: ignore[arg-type]
    assert found == ready
    assert [wanted(sign).kind for sign in found]  or not ready


def test_a_port_among_the_arguments_becomes_one_of_each_runs_own() -> None:
    seen = replace(PLAIN, listens=("tcp: 127.0.0.1:8000",))
    target = as_entry("web", Target("./web", "./web", ("--bind=127.0.0.1:8000", "--size", "18000")), seen)
    assert target.args == ("--bind=127.0.0.1:{port}", "--size", "18000")
    assert target.ready == ("tcp: 127.0.0.1:{port}",)
    assert _read(target, seen) == replace(target, typed_args=())


@pytest.mark.parametrize("target", [
    Target("web", "web", ("--port", "{port}")), Target("web", "web", env=(("PORT", "{port}"),))], ids=["args", "env"])
@pytest.mark.parametrize(("listens", "ready"), [
    (("tcp: 127.0.0.1:20109",), ("tcp: 127.0.0.1:{port}",)),
    (("tcp: 127.0.0.1:20109", "tcp: [::1]:20109"), ("tcp: 127.0.0.1:{port}", "tcp: [::1]:{port}")),
    (("tcp: 127.0.0.1:20109", "tcp: 127.0.0.1:80"), ("tcp: 127.0.0.1:20109", "tcp: 127.0.0.1:80"))])
def test_the_port_that_a_trial_was_given_is_no_sign_of_another_run(
        target: Target, listens: tuple[str, ...], ready: tuple[str, ...]) -> None:
    """Where it listens on two, nobody can tell which of them it was given."""
    entry = as_entry("web", target, replace(PLAIN, listens=listens))
    assert (entry.ready, entry.args, entry.env) == (ready, target.args, target.env)


def test_an_entry_reads_back_as_the_launcher_that_was_tried() -> None:
    target = Target("we ird", "shop:main", ('a "b"', "\\d\t"), backends=("threading",), workers=(2,), python="/opt/py")
    entry = as_entry("we ird", target, PLAIN)
    assert _read(entry, PLAIN) == entry


def test_all_that_was_typed_is_in_the_entry_and_not_among_its_examples() -> None:
    target = Target("x", "shop:main", ("\N{ROCKET}\x7f\n",), backends=("eventlet",), workers=(3,), python="/opt/py",
                    deadline_s=30.0, extra_sites=("shop:main", "shop.db:open"), ready=("notify",))
    assert _read(as_entry("x", target, PLAIN), PLAIN) == as_entry("x", target, PLAIN)


def test_what_was_not_typed_is_there_as_a_comment_that_works_once_it_is_none() -> None:
    text = entry_text(as_entry("x", Target("x", "./x"), PLAIN), PLAIN)
    assert [key for key in KEYS if not re.search(rf"^(# )?{key}[ .]", text, re.MULTILINE)] == []
    said = re.sub(r"^# (?=[a-z_.]+ = )", "", text.replace('# ready = ["…"]\n', ""), flags=re.MULTILINE)
    (entry,) = tomllib.loads(said)["targets"].values()
    assert problems_of(entry) == []
    assert set(KEYS) - set(entry) == {"ready"}


def test_where_nothing_was_seen_the_entry_says_what_can_be_named() -> None:
    text = entry_text(as_entry("x", Target("x", "./x"), PLAIN), PLAIN)
    assert "cannot be decided" in text
    assert all(f'"{kind}' in text for kind in ("notify", "log:", "tcp:", "http:", "command:"))
