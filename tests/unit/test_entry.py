"""Entries of a project file: what each key makes of a target, and every problem of an entry at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import cli
from chaos.commands.asked import options_of
from chaos.errors import UsageError
from chaos.fixtures import Launcher
from chaos.model import (
    Case,
    Exited,
    Expectation,
    Fault,
    Grade,
    Judged,
    Limits,
    Observation,
    Outcome,
    Site,
    Variant,
    Verdict,
)
from chaos.plan import Profile
from chaos.prepare import Timing, request_for
from chaos.sweep import Options, planned
from chaos.target import entries, resolve
from chaos.typed import case_of, must_notice

WHOLE = '''
[targets.shop]
command = "chaos.cli:main"
args = ["--port", "{port}"]
env = {ROLE = "shop"}
workers = [1, 3]
ready = ["log: Listening at", "tcp: 127.0.0.1:{port}"]
extra_sites = ["shop.db:Session.connect"]
known = "known.toml"
config = "workers = {workers}, {backend}"

[targets.shop.backend.eventlet]
env = {GREEN = "{workers}"}
[targets.shop.backend.threading]
args = ["--threads"]
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_backend_is_chosen_by_arguments_and_environment_of_its_own(project: Path) -> None:
    (project / "chaos.toml").write_text(WHOLE)
    target = resolve("shop", ("--more",))
    assert target.backends == ("eventlet", "threading")
    green, native = Case("shop", "eventlet", 3), Case("shop", "threading", 1)
    assert target.argv(green)[0][2:] == ("--port", "{port}", "--more")
    assert target.argv(native)[0][2:] == ("--port", "{port}", "--threads", "--more")
    assert target.environment(green) == (("ROLE", "shop"), ("GREEN", "3"))
    assert target.environment(native) == (("ROLE", "shop"),)
    assert request_for(target, green, Timing(), None).config == "workers = 3, eventlet"
    assert (target.known, target.extra_sites) == ("known.toml", ("shop.db:Session.connect",))


def test_readiness_and_sites_may_be_typed_instead(project: Path) -> None:
    (project / "chaos.toml").write_text(WHOLE)
    target = resolve("shop", ready=("notify",), sites=("shop:x",))
    assert (target.ready, target.extra_sites) == (("notify",), ("shop.db:Session.connect", "shop:x"))
    assert target.options == " --ready notify"
    assert resolve("shop").options == ""


def test_a_site_that_the_good_start_did_not_reach_is_planned_once(project: Path) -> None:
    base = Case("shop", "-", 1)
    seen = Observation(ending=Exited(0), elapsed_s=1.0, limits=Limits(), expected=Expectation(), stopped_watching="served")
    variant = Variant(Judged(base, seen, Verdict(Outcome.STARTED, Grade.PASS)), (Site("a:b", "parent", 1, 0.1),))
    faults = [case.faults[0] for case in planned([variant], Options(extra_sites=("a:b", "a:c"), profile=Profile.SMOKE))]
    assert [fault for fault in faults if fault.site == "a:c"] == [Fault("a:c", "raise", ("RuntimeError",))]
    assert any(fault.site == "a:b" and fault.role == "parent" for fault in faults)


def test_every_problem_of_an_entry_is_told_at_once(project: Path) -> None:
    (project / "chaos.toml").write_text('''
[targets.shop]
commnd = "x"
ready = ["lgo: x", "notify: y"]
workers = 2
backends = ["eventlet"]
extra_sites = ["shop.db"]
[targets.shop.backend.threadin]
args = []
[targets.shop.backend.eventlet]
arg = []
env = 3
''')
    with pytest.raises(UsageError) as error:
        entries()
    for part in ("unknown key 'commnd'; did you mean command?", "workers = 2; a list such as [1, 2]",
                 "unknown sign of readiness 'lgo'; did you mean log?", "notify takes nothing", "'command' is missing",
                 "'shop.db' is no site", "backend.threadin: there is no such backend",
                 "backend.eventlet: unknown key 'arg'; did you mean args?", "env = 3; a table of texts would be right"):
        assert part in str(error.value)


def test_a_wrong_entry_is_in_the_way_of_nobody_who_asks_for_another_by_name(project: Path) -> None:
    (project / "chaos.toml").write_text("""
[targets.shop]
comand = "x"
[targets.till]
command = "chaos.cli:main"
[targets.bar]
""")
    assert resolve("scheduler").command == "chaos.sample.launcher:main"
    assert resolve("till").command == "chaos.cli:main"
    for typed in ("shop", "shpo", "chaos.cli:main"):        # it, or what it might be, or who may have its command
        with pytest.raises(UsageError) as error:
            resolve(typed)
        assert "target 'shop': unknown key 'comand'; did you mean command?" in str(error.value)
        assert "target 'bar': 'command' is missing" in str(error.value)


@pytest.mark.parametrize(("words", "says"), [
    ({"ready": ("tcp: x",)}, "--ready 'tcp: x': 'x' is not HOST:PORT"),
    ({"sites": ("shop",)}, "'shop' is no site; package.module:Qualified.name would be right")])
def test_what_is_typed_wrongly_is_told(project: Path, words: dict[str, tuple[str, ...]], says: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve("chaos.cli:main", **words)  # type: ignore[arg-type]
    assert says in str(error.value)


# --- a backend and a number of workers of which nothing tells it -------------------------------------------------------

PLAIN = '[targets.shop]\ncommand = "chaos.cli:main"\n'
ENTRIES = {
    "says nothing": PLAIN,
    "args": PLAIN + 'args = ["{backend}", "{workers}"]\n',
    "config": PLAIN + 'config = "{backend} {workers}"\n',
    "lists them": PLAIN + 'backends = ["threading"]\nworkers = [4]\n',
    "choices": PLAIN + '[targets.shop.backend.threading]\nargs = ["{workers}"]\n',
}


@pytest.mark.parametrize(("says", "backend", "workers", "wrong"), [
    ("says nothing", "threading", 1, "backend threading"), ("says nothing", "-", 2, "workers 2"),
    ("says nothing", "-", 1, ""), ("choices", "threading", 9, ""), ("choices", "eventlet", 1, "backend eventlet"),
    ("args", "threading", 3, ""), ("args", "-", 1, "backend -: chaos.cli:main runs on eventlet or threading"),
    ("config", "eventlet", 2, ""), ("lists them", "threading", 4, ""), ("lists them", "eventlet", 4, "backend eventlet"),
    ("lists them", "threading", 1, "workers 1"),
])
def test_a_case_that_the_target_cannot_be_told_is_refused_and_no_other(
    says: str, backend: str, workers: int, wrong: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "chaos.toml").write_text(ENTRIES[says])
    target = resolve("shop")
    if not wrong:
        target.must_be_told(backend, workers)
        return
    with pytest.raises(UsageError, match=wrong):
        target.must_be_told(backend, workers)
    for words in (["run"], ["repro"], ["repro", "--export", "pytest"], ["bundle"]):
        assert cli.main([words[0], f"shop/{backend}/w{workers}/service.start=raise:RuntimeError", *words[1:]]) == 64
    assert capsys.readouterr().err.count(wrong) == 4


def test_an_entry_that_names_the_backend_runs_on_both_where_it_does_not_say(project: Path) -> None:
    (project / "chaos.toml").write_text(ENTRIES["args"])
    assert (resolve("shop").backends, resolve("shop").workers) == (("eventlet", "threading"), (1,))
    (project / "chaos.toml").write_text(ENTRIES["says nothing"])
    assert resolve("shop", ("{backend}",)).backends == ("eventlet", "threading")


def test_what_a_sweep_is_asked_for_and_cannot_tell_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "chaos.toml").write_text(ENTRIES["says nothing"])
    assert cli.main(["sweep", "shop", "--workers", "1,2"]) == 64
    assert "put {workers} into its arguments after -- or into an entry" in capsys.readouterr().err
    assert cli.main(["plan", "shop", "--backend", "eventlet"]) == 64
    assert "put {backend} into" in capsys.readouterr().err


UNHEARD = ["config.file=malformed", "log.file=full", "workers.count=set:0"]


@pytest.mark.parametrize("fault", UNHEARD)
def test_a_fault_of_what_the_target_is_never_given_is_refused_and_planned_for_nobody(
    fault: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that it would change is a file or a number that the target does not look at, and it would pass."""
    (project / "chaos.toml").write_text(PLAIN)
    for words in (["run"], ["repro"], ["repro", "--export", "pytest"], ["bundle"]):
        assert cli.main([words[0], f"shop/-/w1/{fault}", *words[1:]]) == 64
    assert capsys.readouterr().err.count("chaos.cli:main would not notice; {") == 4
    with Launcher("shop") as launcher, pytest.raises(UsageError, match="would not notice"):
        launcher.start(faults=[fault])
    (project / "chaos.toml").write_text(PLAIN + 'args = ["{config}", "{workers}"]\n')
    must_notice(resolve("shop"), case_of(f"shop/-/w1/{fault}").faults)


def test_what_happens_inside_the_target_needs_nothing_that_is_given(project: Path) -> None:
    (project / "chaos.toml").write_text(PLAIN)
    must_notice(resolve("shop"), case_of("shop/-/w1/config.file=stall").faults)


@pytest.mark.parametrize(("says", "notifies", "sites"), [
    ("", True, {"notify.socket"}), ("", False, set()), ('args = ["{workers}"]', False, {"workers.count"}),
    ('env = {CONF = "{config}"}', False, {"config.file", "log.file"})])
def test_what_the_target_is_never_given_is_planned_for_nobody(
    says: str, notifies: bool, sites: set[str], project: Path
) -> None:
    (project / "chaos.toml").write_text(f"{PLAIN}{says}\n")
    asked = options_of(cli._parsed(["plan", "shop", "--profile", "full"]), resolve("shop"))
    seen = Observation(ending=Exited(0), elapsed_s=1.0, limits=Limits(), expected=Expectation(notifies=notifies),
                       stopped_watching="served")
    reached = tuple(Site(name, "parent", 1, 0.1) for name in ("service.start", "config.file", "log.file"))
    variant = Variant(Judged(Case("shop", "-", 1), seen, Verdict(Outcome.STARTED, Grade.PASS)), reached)
    assert {case.faults[0].site for case in planned([variant], asked)} - {"service.start"} == sites


@pytest.mark.parametrize("name", ["scheduler", "naive"])
def test_the_targets_that_come_with_chaos_are_told_of_everything(name: str, project: Path) -> None:
    assert resolve(name).untold == ()
