"""What a sweep finds in launchers that others wrote, unchanged, and that it finds nothing where they behave well.

The folder that ``build.py`` made is named by CHAOS_REAL: ``tox run -e real`` does both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WITHIN_S = 240
GOOD = ("*/socket.bind@parent=*", "*/start.ready#1=signal:TERM", "*/process.image@parent#1=delay:0.5", "*set:LANG:C")
NOVA = ("*/service.start*=raise:RuntimeError", "*/process.fork@parent#1=raise*")


def swept(out: Path, target: str, only: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The cases of a sweep of ``target`` by one worker, by id."""
    words = [part for glob in only for part in ("--only", glob)]
    subprocess.run([sys.executable, "-m", "chaos", "sweep", target, "--workers", "1", "--jobs", "1", *words,
                    "--out", str(out)], cwd=os.environ["CHAOS_REAL"], timeout=WITHIN_S, check=False)
    cases = json.loads((out / "report.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases}


def test_the_sweep_of_a_nova_scheduler_finds_what_its_operators_meet(tmp_path: Path) -> None:
    cases = swept(tmp_path, "nova-scheduler", NOVA)
    nova = "nova-scheduler/{}/w1/{}"
    found = {
        nova.format("eventlet", "service.start@parent=raise:RuntimeError"):
            ("false-success", {"status", "ready-means-ready"}),
        nova.format("threading", "service.start@worker=raise:RuntimeError"):
            ("respawn-loop", {"gives-up", "ends", "ready-means-ready"}),
        nova.format("threading", "process.fork@parent#1=raise:BlockingIOError:EAGAIN"):
            ("hang-proven", {"ends", "ready-means-ready", "recovers"}),
    }
    for case_id, (outcome, broken) in found.items():
        assert cases[case_id]["outcome"] == outcome
        assert {one["promise"] for one in cases[case_id]["promises_broken"]} == broken


@pytest.mark.parametrize("target", ["gunicorn", "uvicorn", "celery"])
def test_a_launcher_that_behaves_well_is_not_accused(tmp_path: Path, target: str) -> None:
    cases = swept(tmp_path, target, GOOD)
    assert cases
    assert {case_id: case["outcome"] for case_id, case in cases.items() if case["verdict"] != "pass"} == {}
