"""A process beside the tree that runs commands for a supervisor, one at a time: does the target answer *this*?

It is forked before the target starts, is a sub-reaper of its own, and ends whatever a command leaves behind; it dies with
its supervisor. It must never judge, and nothing of it or below it belongs to the target's tree.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from chaos.runner import ending

WITHIN_S = 5.0
"""How long one command may take; then it is ended, and has not answered."""
LONGEST = 4096
_WORDS = 200


class Asker:
    """``answers``: a descriptor that can be read when an answer is there. Use ``close`` when done."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """``env``: the environment of every command."""
        questions, self._ask = os.pipe2(os.O_CLOEXEC)
        self.answers, answer = os.pipe2(os.O_CLOEXEC)
        self.partial = b""
        supervisor = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ending.die_with_parent(supervisor, signal.SIGKILL)
                _serve(questions, answer, dict(env))
            finally:
                os._exit(0)
        os.close(questions)
        os.close(answer)

    def ask(self, number: int, argv: Sequence[str]) -> None:
        """Run ``argv``; the answer comes with the same number."""
        os.write(self._ask, json.dumps([number, *argv]).encode() + b"\n")

    def heard(self) -> list[tuple[int, str]] | None:
        """What has been answered by now: (number, "") where the command ended with 0, else what was wrong; None where the
        asker is gone."""
        data = os.read(self.answers, LONGEST)
        if not data:
            return None
        *lines, self.partial = (self.partial + data).split(b"\n")
        return [(int(number), str(said)) for number, said in map(json.loads, lines)]

    def close(self) -> None:
        """Its end is the supervisor's to see to: it is below it."""
        os.close(self._ask)
        os.close(self.answers)


def _serve(questions: int, answers: int, env: dict[str, str]) -> None:
    """Nothing of the supervisor's may stay open here: whoever waits for its end would wait for ours."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in (questions, answers):
            try:
                os.close(fd)
            except OSError:
                continue
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    ending.become_subreaper()
    with os.fdopen(questions, "rb") as asked:
        for line in asked:
            number, *argv = json.loads(line)
            said = _said(argv, env)
            ending.end_all_below()
            os.write(answers, json.dumps([number, said[:_WORDS]]).encode() + b"\n")


def _said(argv: Sequence[str], env: dict[str, str]) -> str:
    """"" for status 0; else the status and the last line that it wrote."""
    try:
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no end within {WITHIN_S:.0f} s"
    except OSError as error:
        return f"{argv[0]} cannot be executed: {error.strerror or error}"
    last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    return "" if done.returncode == 0 else f"status {done.returncode}" + (f": {last[0]}" if last else "")
