"""What a night consists of, and how it ends: from typed options, nothing is run."""

from __future__ import annotations

import datetime
import itertools
import shlex
from argparse import Namespace
from pathlib import Path

from chaos.cli import _parsed
from chaos.commands.asked import target_of
from chaos.commands.nightly import parts_of, seed_of, told, transports
from chaos.commands.status import Status, worst
from chaos.target import resolve


def typed(*words: str) -> Namespace:
    return _parsed(("nightly", *words))


def commands(*words: str) -> list[str]:
    options = typed(*words)
    return [part.command for part in parts_of(options, target_of(options), 7)]


def test_the_seed_is_the_day_in_utc() -> None:
    assert seed_of(datetime.date(2026, 1, 5)) == 20260105


def test_a_target_that_can_be_told_its_broker_gets_both_transports_and_another_only_its_own() -> None:
    assert transports(typed("scheduler"), resolve("scheduler", ())) == ("fake", "rabbit")
    assert transports(typed("/bin/true"), resolve("/bin/true", ())) == ("fake",)
    assert transports(typed("scheduler", "--transport", "rabbit"), resolve("scheduler", ())) == ("rabbit",)


def test_each_part_is_repeated_by_a_sweep_with_a_folder_and_a_history_of_its_own() -> None:
    assert commands() == [
        "chaos sweep scheduler --profile nightly --seed 7 --out chaos-nightly/fake --history chaos-nightly/history/fake",
        "chaos sweep scheduler --profile nightly --transport rabbit --seed 7 --out chaos-nightly/rabbit "
        "--history chaos-nightly/history/rabbit",
    ]


def test_the_command_of_a_part_holds_all_that_was_asked_for_and_means_the_same() -> None:
    words = ("--profile", "smoke", "--transport", "rabbit", "--backend", "threading", "--workers", "1,2", "--only", "*a b*",
             "--shard", "1/4", "--deadline", "4.5", "--cold", "--require-rabbit", "--out", "o", "--history", "h",
             "--known", "k", "--grace", "6", "--site", "os:kill", "--ready", "notify", "--jobs", "3",
             "--scheduler", "tcp://127.0.0.1:1")
    (command,) = commands(*words)
    again, asked = (vars(_parsed(line)) for line in (shlex.split(command)[1:], ["nightly", *words]))
    beside = {"command": "sweep", "out": Path("o/rabbit"), "history": Path("h/rabbit"), "seed": 7}
    assert again == asked | beside
    assert all(asked[name] != default for name, default in vars(_parsed(["nightly"])).items()
               if name not in {"command", "target", "args", "seed", "python"})


def test_the_url_of_a_broker_is_shown_to_nobody() -> None:
    (command,) = commands("--transport", "rabbit://u:secret@127.0.0.1/v")
    assert "secret" not in command
    assert "--out chaos-nightly/broker" in command


def test_what_makes_a_night_doubtful_wins_over_what_it_found() -> None:
    order = (Status.INTERRUPTED, Status.DEFECT, Status.USAGE, Status.UNAVAILABLE, Status.FAIL, Status.INCONCLUSIVE,
             Status.PASS)
    assert set(order) == set(Status)
    for worse, better in itertools.combinations(order, 2):
        assert worst([better, worse, better]) is worse
    assert worst([]) is Status.PASS


def test_a_part_that_was_not_reached_is_told_as_not_run() -> None:
    options = typed()
    parts = parts_of(options, resolve("scheduler", ()), 7)
    lines = list(told(parts, {"fake": Status.INTERRUPTED}))
    assert "fake: status 130; chaos-nightly/fake/report.html" in lines
    assert f"rabbit: not run; {Path('chaos-nightly/rabbit/report.html')}" in lines
