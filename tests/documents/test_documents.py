"""What the documents show is done: each command of ``docs.commands``, or a shorter form, and the tests in docs/pytest.md.

They take minutes, so they have a tox environment of their own: ``tox run -e docs``. RabbitMQ has to be there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from docs.commands import COMMANDS, FENCED, ROOT, Run
from processes import Deadline
from processes import deadline as deadline

LIMIT_S = 600.0
RUNS = [(command, run) for table in COMMANDS.values() for command, run in table.items() if isinstance(run, Run)]
HERE = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, as it is for somebody who reads on: what a night leaves is shown and compared by later commands."""
    folder = tmp_path_factory.mktemp("documents")
    for name in ("benchmarks", "tests", "chaos", "pyproject.toml", "conftest.py"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def _have_a_night(folder: Path) -> None:
    """Of the first who needs one: what is shown of a night can be run without the command that is shown before it."""
    if not (folder / "chaos-nightly").exists():
        run = next(run for command, run in RUNS if command.startswith("chaos nightly"))
        subprocess.run(["bash", "-c", run.typed], cwd=folder, env={**os.environ, "PATH": HERE}, check=True, timeout=LIMIT_S,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("command, run", RUNS, ids=[command for command, _ in RUNS])
def test_a_command_of_a_document_does_what_is_said(command: str, run: Run, folder: Path) -> None:
    if "chaos-nightly/" in (run.typed or command):
        _have_a_night(folder)
    done = subprocess.run(["bash", "-c", run.typed or command], cwd=folder, env={**os.environ, "PATH": HERE}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                          check=False)
    assert done.returncode == run.status, done.stdout
    assert run.says in done.stdout, done.stdout


@pytest.mark.timeout(LIMIT_S)
def test_the_steps_of_the_workflow_that_show_a_night_work_on_one(folder: Path, tmp_path: Path) -> None:
    """The script as it stands in the workflow, behind a night, with the place of chaos that it names."""
    _have_a_night(folder)
    there = folder / ".tox" / "nightly" / "bin"
    there.mkdir(parents=True)
    (there / "chaos").symlink_to(shutil.which("chaos", path=HERE) or "")
    steps = yaml.safe_load((ROOT / "docs/ci/github-actions.yml").read_text(encoding="utf-8"))["jobs"]["nightly"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("name") == "Annotations and summary")
    summary = tmp_path / "summary"
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, text=True, capture_output=True, check=False,
                          env={**os.environ, "PATH": HERE, "GITHUB_STEP_SUMMARY": str(summary)}, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("::notice title=chaos ") == 2
    assert summary.read_text(encoding="utf-8").count("## chaos: ") == 2


def test_the_sample_scheduler_starts_as_its_page_says_and_stops_when_told(folder: Path, deadline: Deadline) -> None:
    """``python -m chaos.sample.launcher --backend threading --workers 2 --transport-url fake:/``"""
    (command,) = COMMANDS["docs/sample.md"]
    with _started(command, folder) as process:
        assert process.stdout is not None
        fd = process.stdout.fileno()
        deadline.read_until(fd, lambda read: b"ready" in read, "the word that it is ready")
        process.send_signal(signal.SIGTERM)
        deadline.read_until(fd, lambda read: False, "the end of its log")
        assert process.wait(deadline.left_s("its end")) == 0


@contextmanager
def _started(command: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command.split(), cwd=folder, env={**os.environ, "PATH": HERE}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.timeout(LIMIT_S)
def test_the_tests_in_the_page_on_pytest_pass_in_a_project_of_their_own(tmp_path: Path) -> None:
    blocks = [text for language, text in FENCED.findall((ROOT / "docs" / "pytest.md").read_text()) if language == "python"]
    assert len(blocks) == 2
    for number, text in enumerate(blocks):
        (tmp_path / f"test_shown_{number}.py").write_text(text, encoding="utf-8")
    done = subprocess.run([shutil.which("pytest", path=HERE) or "pytest", "-q"], cwd=tmp_path, text=True, timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    shown = sum(len(re.findall(r"^\s*def test_", text, re.MULTILINE)) for text in blocks)
    assert f"{shown} passed" in done.stdout, done.stdout
