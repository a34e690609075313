"""Whatever is typed wrongly is told with the value and what would be right: status 64, no traceback, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos.prepare import DEADLINE_FACTOR
from cli.typing_chaos import HEALTHY, PASSES, TESTS, Chaos
from processes import Deadline

WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ((), ("COMMAND",)),
    "command": (("swep",), ("'swep'", "did you mean sweep")),
    "command-far": (("frobnicate",), ("'frobnicate'", "sweep", "repro")),
    "option": (("sweep", "--frobnicate"), ("--frobnicate",)),
    "option-shortened": (("sweep", "--work", "2"), ("--work",)),
    "target": (("sweep", "schedular"), ("'schedular'", "did you mean scheduler")),
    "target-far": (("check", "frobnicate"), ("'frobnicate'", "scheduler", "package.module:callable")),
    "target-here": (("check", "no-shebang"), ("'no-shebang'", "did you mean ./no-shebang?")),
    "target-folder": (("check", "folder"), ("'folder'", "nor a console script on PATH")),
    "target-elsewhere": (("check", "nova-shop-scheduler"), ("'nova-shop-scheduler'", "--python PATH")),
    "target-not-there": (("check", "nova-shop", "--python", "/bin/sh"), ("beside /bin/sh or on PATH",)),
    "callable-imported": (("check", "http.server:main"), ("module 'http.server' has no 'main'\n",)),
    "target-word": (("check", "two words"), ("'two words'",)),
    "target-empty": (("check", ""), ("''",)),
    "callable": (("check", "chaos.sample.launcher:mian"), ("'mian'", "did you mean chaos.sample.launcher:main")),
    "callable-far": (("check", "chaos.sample.launcher:frobnicate"), ("'frobnicate'",)),
    "module": (("check", "chaos.sample.luncher:main"), ("'chaos.sample.luncher'", "finds no module")),
    "package": (("check", "no_such_package.cmd:main"), ("'no_such_package.cmd'", "No module named")),
    "script-missing": (("check", "./no-such-script"), ("'./no-such-script'", "no such file")),
    "script-folder": (("check", "./folder"), ("'./folder'", "is a folder")),
    "script-mode": (("check", "./plain.py"), ("'./plain.py'", "not executable", "chmod +x")),
    "script-no-shebang": (("check", "./no-shebang"), ("'./no-shebang'", "#!")),
    "script-no-interpreter": (("check", "./no-interpreter"), ("'./no-interpreter'", "/no/such/python")),
    "ready-port": (("check", "--ready", "http: http://127.0.0.1:80800/"), ("'http://127.0.0.1:80800/'", "1 to 65535")),
    "ready-no-port": (("check", "--ready", "http: http://127.0.0.1:80x/"), ("'http://127.0.0.1:80x/'", "would be right")),
    "python": (("check", "--python", "/no/such/python"), ("/no/such/python",)),
    "python-folder": (("check", "--python", "/usr/bin"), ("/usr/bin",)),
    "workers-0": (("sweep", "--workers", "0"), ("'0'", "1 or more")),
    "workers-negative": (("sweep", "--workers", "-1"), ("-1", "1 or more")),
    "workers-negative-glued": (("sweep", "--workers=-1"), ("'-1'", "1 or more")),
    "workers-word": (("sweep", "--workers", "many"), ("'many'", "1 or more")),
    "workers-fraction": (("sweep", "--workers", "1.5"), ("'1.5'", "1 or more")),
    "workers-one-of-two": (("sweep", "--workers", "1,0"), ("'0'", "1 or more")),
    "workers-superscript": (("sweep", "--workers", "\u00b2"), ("1 or more",)),
    "backend": (("sweep", "--backend", "asyncio"), ("'asyncio'", "eventlet or threading")),
    "backend-near": (("sweep", "--backend", "threding"), ("'threding'", "did you mean threading")),
    "profile": (("sweep", "--profile", "quick"), ("'quick'", "smoke")),
    "jobs": (("sweep", "--jobs", "0"), ("'0'", "1 or more")),
    "deadline": (("check", "--deadline", "soon"), ("'soon'", "above 0")),
    "deadline-0": (("check", "--deadline", "0"), ("'0'", "above 0")),
    "deadline-nan": (("check", "--deadline", "nan"), ("'nan'", "above 0")),
    "deadline-infinite": (("check", "--deadline", "inf"), ("'inf'", "above 0")),
    "seed": (("sweep", "--seed", "dice"), ("'dice'",)),
    "workers-unheard": (("check", HEALTHY, "--workers", "2"), ("--workers 2", "{workers}", "chaos.toml")),
    "backend-unheard": (("check", HEALTHY, "--backend", "eventlet"), ("--backend eventlet", "{backend}", "chaos.toml")),
    "id-backend-unheard": (("run", "%2Fbin%2Fsh/threading/w1/none"), ("backend threading: /bin/sh", "{backend}")),
    "id-workers-unheard": (("repro", "%2Fbin%2Fsh/-/w2/none"), ("workers 2: /bin/sh", "{workers}")),
    "transport-of-no-case": (("run", "scheduler/eventlet/w1/rpc.connect=refuse", "--transport", "rabbit"),
                             ("scheduler/eventlet/w1-rabbit/rpc.connect=refuse would be right",)),
    "transport-init": (("init", "./plain.py", "--transport", "rabbit"), ("--transport",)),
    "id-site": (("repro", "scheduler/threading/w2/servce.start=raise"), ("   ^", "service.start")),
    "id-action": (("repro", "scheduler/threading/w2/service.start=rise"), ("   ^", "raise")),
    "id-target": (("repro", "schedular/threading/w2/service.start=raise"), ("\n  ^", "scheduler")),
    "id-backend": (("run", "scheduler/threadin/w2/service.start=raise"), ("   ^", "threading")),
    "id-workers": (("run", "scheduler/threading/2/service.start=raise"), ("   ^", "w")),
    "id-hits": (("run", "scheduler/threading/w2/service.start#0=raise"), ("   ^",)),
    "id-role": (("run", "scheduler/threading/w2/service.start@wroker=raise"), ("   ^", "worker")),
    "id-seconds": (("run", "scheduler/threading/w2/service.start=delay:soon"), ("'soon'", "0.5")),
    "id-seconds-infinite": (("run", "scheduler/threading/w2/service.start=delay:inf"), ("'inf'", "0.5 would be right")),
    "id-signal-never": (("run", "scheduler/threading/w2/service.start=signal:TERM:parent:0"), ("signal:TERM:parent:2",)),
    "id-errno": (("run", "scheduler/threading/w2/service.start=raise:OSError:ENOSUCH"), ("'ENOSUCH'", "EAGAIN")),
    "id-exit": (("run", "scheduler/threading/w2/service.start=exit:1:soft"), ("exit:3",)),
    "put-service-gone": (("run", "scheduler/threading/w1/service.start=gone"),
                         ("gone does not happen at service.start; raise, return, delay",)),
    "put-service-unset": (("run", "scheduler/threading/w1/service.start=unset:HOME"),
                          ("unset does not happen at service.start; raise",)),
    "put-service-absent": (("run", "scheduler/threading/w1/service.start=absent"),
                           ("absent does not happen at service.start; raise",)),
    "put-service-unwritable": (("run", "scheduler/threading/w1/service.start=unwritable"),
                               ("unwritable does not happen at service.start; raise",)),
    "put-service-set": (("run", "scheduler/threading/w1/service.start=set:x"),
                        ("set does not happen at service.start; raise",)),
    "put-own-missing": (("run", "scheduler/threading/w1/shop:open=missing"),
                        ("missing does not happen at shop:open; raise",)),
    "put-call-missing": (("run", "scheduler/threading/w1/shop:main,builtins:open=missing"),
                         ("missing does not happen at shop:main,builtins:open; it happens at",)),
    "put-config-unwritable": (("run", "scheduler/threading/w1/config.file=unwritable"),
                              ("missing, unreadable, malformed, set, unquoted do",)),
    "put-config-half": (("run", "scheduler/threading/w1/config.file=set:DEFAULT:debug"),
                        ("set:DEFAULT:debug:true would be right",)),
    "put-log-unset": (("run", "scheduler/threading/w1/log.file=unset:X"), ("missing, unwritable, full do",)),
    "put-workers-none": (("run", "scheduler/threading/w1/workers.count=set"), ("set:0 would be right",)),
    "put-workers-two": (("run", "scheduler/threading/w1/workers.count=set:1:2"), ("set:0 would be right",)),
    "put-workers-kill": (("run", "scheduler/threading/w1/workers.count=kill"),
                         ("kill does not happen at workers.count; set does",)),
    "put-notify-full": (("run", "scheduler/threading/w1/notify.socket=full"), ("absent, gone, unwritable do",)),
    "put-variable-delay": (("run", "scheduler/threading/w1/env.variable=delay:1"),
                           ("delay does not happen at env.variable; set, unset do",)),
    "put-variable-kill": (("run", "scheduler/threading/w1/env.variable=kill"),
                          ("kill does not happen at env.variable; set, unset do",)),
    "put-variable-half": (("run", "scheduler/threading/w1/env.variable=set:LANG"), ("set:LANG:C would be right",)),
    "id-empty": (("run", ""), ("target is missing",)),
    "id-none": (("run",), ("CASE_ID",)),
    "id-of-no-target": (("run", "./gone.py/-/w1/none"), ("gone.py",)),
    "bundle-shell": (("bundle", "%2Fbin%2Fsh/-/w1/signal.setup=raise"), ("/bin/sh is no Python launcher", "chaos repro")),
    "bundle-interpreter": (("bundle", "python3/-/w1/thread.spawn=raise"), ("python3 is the interpreter itself", "script")),
    "compare-one": (("compare", "nowhere"), ("nowhere",)),
    "compare-missing": (("compare", "old", "new"), ("old",)),
    "show-missing": (("show", "nowhere"), ("nowhere", "report.json")),
    "show-garbage": (("show", "plain.py"), ("plain.py", "not JSON")),
    "show-format": (("show", ".", "--format", "html"), ("'html'", "markdown")),
    "nightly-target": (("nightly", "schedular"), ("'schedular'", "did you mean scheduler")),
    "judge-missing": (("judge", "nowhere"), ("nowhere", "report.json")),
    "judge-garbage": (("judge", "plain.py"), ("plain.py", "not JSON")),
    "judge-other-json": (("judge", "other.json"), ("other.json",)),
    "judge-folder": (("judge", "folder"), ("folder/report.json",)),
}


@pytest.fixture
def furnished(chaos: Chaos) -> Chaos:
    (chaos.cwd / "folder").mkdir()
    (chaos.cwd / "plain.py").write_text("#!/usr/bin/env python3\n")
    (chaos.cwd / "other.json").write_text('{"cases": 3}')
    for name, text in (("no-shebang", "exit 1\n"), ("no-interpreter", "#!/no/such/python -u\n")):
        (chaos.cwd / name).write_text(text)
        (chaos.cwd / name).chmod(0o755)
    return chaos


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=list(WRONG))
def test_wrong_usage_is_told_with_the_value_and_what_is_right(
    furnished: Chaos, words: tuple[str, ...], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    cwd = TESTS if HEALTHY in words else furnished.cwd
    answer = furnished.here(*words, cwd=cwd, capture=capsys)
    assert answer.status == 64
    assert answer.err.startswith("chaos: ")
    assert answer.out == ""
    assert [text for text in told if text not in answer.err] == [], answer.err
    assert not (cwd / "chaos-report").exists(), "nothing was begun"


@pytest.mark.parametrize("command", [[sys.executable, "-m", "chaos"], [str(Path(sys.executable).parent / "chaos")]])
def test_the_module_and_the_script_are_the_same_command(tmp_path: Path, deadline: Deadline, command: list[str]) -> None:
    done = subprocess.run([*command, "swep"], cwd=tmp_path, capture_output=True, text=True, check=False,
                          timeout=deadline.left_s("chaos swep"))
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "chaos: unknown command 'swep'; did you mean sweep?\n"


def test_the_caret_stands_under_the_column_of_the_mistake(chaos: Chaos) -> None:
    lines = chaos("run", "scheduler/threading/w2/servce.start=raise").err.splitlines()
    at = next(index for index, line in enumerate(lines) if line.lstrip().startswith("scheduler/"))
    assert lines[at + 1].index("^") == lines[at].index("servce")


@pytest.mark.parametrize("command", ["sweep", "check", "run"])
@pytest.mark.parametrize("out", ["a-file", "a-file/below", "/proc/chaos-report", "/dev/null"])
def test_an_out_that_cannot_be_written_is_told_before_anything_runs(
    chaos: Chaos, command: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (chaos.cwd / "a-file").write_text("precious")
    script = chaos.cwd / "launcher"
    script.write_text(f"#!/bin/sh\ntouch {chaos.cwd}/started\n")
    script.chmod(0o755)
    target = f"{script}" if command != "run" else f"{str(script).replace('/', '%2F')}/-/w1/none"
    answer = chaos.here(command, target, "--out", out, cwd=chaos.cwd, capture=capsys)
    assert answer.status == 64
    assert f"--out {out}: " in answer.err
    assert "folder that can be written to" in answer.err
    assert (chaos.cwd / "a-file").read_text() == "precious"
    assert not (chaos.cwd / "started").exists()


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[targets.x\n", ("chaos.toml", "not valid TOML")),
        ("[targets.x]\ncommand = 'a:b'\nworker = [1]\n", ("chaos.toml", "'x'", "'worker'", "did you mean workers")),
        ("[targets.x]\nargs = ['a']\n", ("chaos.toml", "'x'", "'command' is missing")),
        ("targets = 3\n", ("chaos.toml",)),
        ("[targets]\nx = 'a:b'\n", ("chaos.toml", "'x'")),
        ("[target.x]\ncommand = 'a:b'\n", ("chaos.toml", "'target'", "[targets.NAME]")),
        ("[x]\ncommand = 'a:b'\n", ("chaos.toml", "'x'", "[targets.NAME]")),
        ("[targets.x]\ncommand = 'a:b'\npython = 'venv/bin/pyhton'\n",
         ("target 'x'", "python = 'venv/bin/pyhton'", "path of a Python interpreter")),
        ("[targets.x]\ncommand = 'a:b'\nworkers = 2\n", ("chaos.toml", "'x'", "workers")),
        ("[targets.x]\ncommand = 'a:b'\nbackends = 'eventlet'\n", ("chaos.toml", "'x'", "backends")),
        ("[targets.x]\ncommand = 'a:b'\nargs = '--workers 2'\n", ("chaos.toml", "'x'", "args")),
    ],
)
def test_a_project_file_that_makes_no_sense_is_told_by_its_name(
    chaos: Chaos, toml: str, told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (chaos.cwd / "chaos.toml").write_text(toml)
    answer = chaos.here("check", "x", cwd=chaos.cwd, capture=capsys)
    assert answer.status == 64
    assert [text for text in told if text not in answer.err] == [], answer.err


@pytest.mark.parametrize(("words", "text"), [(("--version",), "chaos 0."), (("sweep", "--help"), "130 interrupted"),
                                            (("check", "--help"), f"{DEADLINE_FACTOR:g} times as long as a good start")])
def test_help_and_version_are_no_errors(chaos: Chaos, words: tuple[str, ...], text: str) -> None:
    answer = chaos(*words)
    assert (answer.status, answer.err) == (0, "")
    assert text in " ".join(answer.out.split())


def test_an_only_that_matches_nothing_is_wrong_usage_and_loses_nothing_of_an_older_report(
    chaos: Chaos, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    assert chaos.on_launchers("run", PASSES, "--out", str(out)).status == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    answer = chaos.on_launchers("sweep", HEALTHY, "--backend", "threading", "--workers", "1", "--only",
                                "*/launcher.lunch*", "--out", str(out))
    assert answer.status == 64
    assert "--only */launcher.lunch*: matches none of the" in answer.err
    assert "launcher.launch@parent" in answer.err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
