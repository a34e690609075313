"""Readiness by the signs that a launcher has: a start serves when all are there, and what is missing is told."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.judge import judge
from chaos.model import Case, Exited, Expectation, Fault, Grade, Hits, Limits, Observation, Outcome, StillRunning
from chaos.runner.facts import Cpu, Facts
from chaos.runner.pool import Pool
from chaos.runner.request import Request
from chaos.runner.serving import LEARN_QUIET_S, Serving
from runner.starting import LONG, Stage

SERVER = """
import http.server
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
port, folder = int(sys.argv[1]), sys.argv[2]
print("begun", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
def serve():
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
KNOWN = Expectation(servers=0, notifies=False)


def _request(stage: Stage, script: str, *ready: str, expected: Expectation | None = KNOWN, limits: Limits = LONG,
             faults: tuple[Fault, ...] = ()) -> Request:
    request = stage.request(script, *faults, expected=expected, limits=limits, ready=ready)
    return replace(request, argv=(*request.argv, "{port}", "{folder}"))


def _run(stage: Stage, script: str, *ready: str, expected: Expectation | None = KNOWN, limits: Limits = LONG,
         faults: tuple[Fault, ...] = ()) -> Observation:
    with Pool() as pool:
        return pool.run_one(_request(stage, script, *ready, expected=expected, limits=limits, faults=faults))


@pytest.mark.parametrize("ready", [
    "tcp: 127.0.0.1:{port}", "http: http://127.0.0.1:{port}/ 204", "log: ^begun$",
    "command: sh -c 'test -e {folder}/there && sleep 0.05'", "file: {folder}/there", "file: {folder}/there now it is$",
    "unix: {folder}/socket",
])
def test_a_launcher_serves_once_its_sign_is_there(stage: Stage, ready: str) -> None:
    seen = _run(stage, SERVER + """
with socket.socket(socket.AF_UNIX) as unix:
    unix.bind(folder + "/socket")
    unix.listen()
    signal.signal(signal.SIGTERM, lambda *_: (os.unlink(folder + "/socket"), os._exit(0)))
    with open(folder + "/there", "w") as file:
        file.write("now it is\\n")
    serve()
""", ready)
    assert (seen.stopped_watching, seen.ending) == ("served", Exited(0)), seen
    assert [sign.said for sign in seen.signs] == [""]
    assert len(seen.processes) == 1, "what asks is no part of the tree"
    assert (seen.leftovers, seen.holdings) == ((), ())


def test_all_signs_are_needed_and_the_missing_one_is_told(stage: Stage) -> None:
    seen = _run(stage, SERVER + "serve()", "log: begun", "http: http://127.0.0.1:{port}/ 200", limits=Limits(1, 1, 1, 0.3))
    assert isinstance(seen.ending, StillRunning)
    assert [(sign.seen_s is None, sign.said) for sign in seen.signs] == [
        (False, ""), (True, "answered 'HTTP/1.0 204 No Content'")]
    (broken,) = [one for one in judge(_case(seen), seen).broken if one.promise == "ends"]
    assert "not there: 'http: http://127.0.0.1:" in broken.because


@pytest.mark.parametrize("ready", ["tcp: 127.0.0.1:{port}", "http: http://127.0.0.1:{port}/ 204"])
def test_a_sign_that_is_asked_for_twice_is_one(stage: Stage, ready: str) -> None:
    seen = _run(stage, """
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
listener.settimeout(3)          # it accepts, and says nothing
now_and_then()
""" if ready.startswith("http") else SERVER + "serve()", ready, ready, limits=Limits(4, 1, 4, 0.3))
    assert seen.harness == ""
    assert len(seen.signs) == 1
    assert seen.stopped_watching == ("deadline" if ready.startswith("http") else "served")


def _case(seen: Observation, *faults: Fault) -> Case:
    return Case("x", "-", 1, faults)


def test_a_start_that_stands_still_without_its_sign_is_proven_to_hang_after_it_was_asked_once_more(stage: Stage) -> None:
    seen = _run(stage, "for_ever()", "tcp: 127.0.0.1:{port}")
    assert seen.stopped_watching == "proof"
    assert judge(_case(seen), seen).outcome is Outcome.HANG_PROVEN


def test_a_sign_that_was_there_before_the_start_is_another_runs(stage: Stage) -> None:
    path = stage.folder / "old.log"
    path.write_text("ready\n")
    seen = _run(stage, "print(1); for_ever()", f"file: {path} ready", limits=Limits(1, 1, 1, 0.3))
    assert [sign.said for sign in seen.signs] == ["no such line"]
    seen = _run(stage, f"open({str(path)!r}, 'a').write('ready\\n'); for_ever()", f"file: {path} ready")
    assert seen.stopped_watching == "served"


def test_what_is_started_a_moment_after_the_sign_belongs_to_a_good_start(stage: Stage) -> None:
    seen = _run(stage, SERVER + """
signal.signal(signal.SIGALRM, lambda *_: threading.Thread(target=for_ever, daemon=True).start())
signal.setitimer(signal.ITIMER_REAL, 0.4)
serve()
""", "http: http://127.0.0.1:{port}/ 204", expected=None)
    assert seen.expected.standing.threads == 2


def test_what_a_command_leaves_behind_is_not_the_targets(stage: Stage) -> None:
    seen = _run(stage, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); for_ever()",
                "command: sh -c '(sleep 1000 &) >/dev/null 2>&1'")
    assert (seen.stopped_watching, seen.leftovers) == ("served", ())
    assert [process.role for process in seen.processes] == ["parent"]


def test_cases_side_by_side_have_ports_and_folders_of_their_own(stage: Stage) -> None:
    with Pool(3) as pool:
        requests = [_request(stage, SERVER + "serve()", "http: http://127.0.0.1:{port}/ 204") for _ in range(6)]
        seen = [one for _, one in pool.run(requests) if one is not None]
    assert [one.stopped_watching for one in seen] == ["served"] * 6


def test_with_no_sign_a_launcher_that_stays_up_is_taken_as_up_and_nothing_more_is_claimed(stage: Stage) -> None:
    fault = Fault("thread.spawn", "raise", ("RuntimeError",), None, Hits(1, 1))
    script = """
try:
    threading.Thread(target=print).start()
except RuntimeError:
    pass
for_ever()
"""
    silent = Expectation(servers=0, notifies=False, silent=True)
    seen = _run(stage, script, faults=(fault,), expected=silent)
    assert seen.stopped_watching == "served"
    verdict = judge(_case(seen, fault), seen)
    assert (verdict.grade, verdict.broken) == (Grade.UNKNOWN, ())
    assert "no readiness is known" in verdict.note


def test_a_baseline_that_shows_nothing_is_learnt_as_silent_when_its_time_is_over(stage: Stage) -> None:
    seen = _run(stage, "for_ever()", expected=None, limits=Limits(0.6, 1, 0.6, 0.3))
    assert (seen.expected.silent, seen.stopped_watching) == (True, "served")
    assert LEARN_QUIET_S > 5, "a start that naps is not quiet"


def test_one_that_computes_all_the_time_is_not_taken_as_up(stage: Stage) -> None:
    facts = Facts((), 0.0, titles=False)
    facts.cpu.extend((Cpu(0.0, 0.0), Cpu(1.0, 0.9)))
    assert not Serving(stage.request("", ready=()), facts, None).is_up()
    facts.cpu.append(Cpu(10.0, 0.9))
    assert Serving(stage.request("", ready=()), facts, None).is_up()


def test_nobody_is_left_of_what_asked(stage: Stage, tmp_path: Path) -> None:
    note = tmp_path / "asker"
    seen = _run(stage, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); for_ever()",
                f"command: sh -c 'echo $PPID > {note}'")
    assert seen.stopped_watching == "served"
    assert not os.path.exists(f"/proc/{note.read_text().strip()}")
