"""Types the command ``chaos`` as a person does, in a process of its own. No test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaos.cli import main
from processes import Deadline

TESTS = Path(__file__).resolve().parent.parent
UNSET = {"COLUMNS", "TERM", "PYTHONUNBUFFERED"}
"""What a caller may have set and a person's shell has not."""
BOTH = ("--", "{backend}", "{workers}")
HEALTHY = "launchers.healthy:main"
PASSES = f"{HEALTHY}/threading/w1/launcher.launch@parent=raise:RuntimeError"
FAILS = f"{HEALTHY}/threading/w1/launcher.launch@parent=exit:0"


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


class Chaos:
    """``chaos``, typed in ``cwd``; every wait for it ends with the test's deadline."""

    def __init__(self, cwd: Path, deadline: Deadline) -> None:
        self.cwd = cwd
        self.deadline = deadline

    def start(self, *words: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "chaos", *words], cwd=cwd or self.cwd, env=self.environment(env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def __call__(self, *words: str, cwd: Path | None = None, **env: str) -> Answer:
        with self.start(*words, cwd=cwd, **env) as process:
            try:
                out, err = process.communicate(timeout=self.deadline.left_s(" ".join(words)))
            finally:
                process.kill()
        answer = Answer(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in answer.err, answer.err
        return answer

    def here(self, *words: str, cwd: Path, capture: pytest.CaptureFixture[str]) -> Answer:
        """In this process, which saves a quarter of a second: for what ends before anything is started."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        capture.readouterr()
        try:
            with contextlib.chdir(cwd):
                status = main(words)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        answer = Answer(status, *capture.readouterr())
        assert "Traceback" not in answer.err, answer.err
        return answer

    def on_launchers(self, command: str, *words: str, **env: str) -> Answer:
        """With the launchers of this folder at hand; they are told backend and workers behind ``--``."""
        return self(command, *words, *BOTH, cwd=TESTS, **env)

    def shell(self, line: str) -> Answer:
        """A line of a shell in which ``chaos`` is the command; pipefail is set, so the status is chaos's."""
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", line.replace("chaos ", f"{sys.executable} -m chaos ")],
            cwd=self.cwd, env=self.environment({}), stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=self.deadline.left_s(line),
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    @staticmethod
    def environment(changes: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in UNSET} | changes


def report_of(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return data


def change(folder: Path, case_id: str, **fields: Any) -> None:
    """Write other fields into a stored case."""
    data = report_of(folder)
    (case,) = (one for one in data["cases"] if one["id"] == case_id)
    case.update(fields)
    (folder / "report.json").write_text(json.dumps(data))
