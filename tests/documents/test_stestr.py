"""The example for stestr users, run as they run it: ``stestr run --concurrency 2``, then its subunit stream, read back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from subunit import ByteStreamToStreamResult
from testtools import StreamToDict

EXAMPLE = Path(__file__).resolve().parents[1] / "stestr_example"
LIMIT_S = 300.0
PREFIX = "tests.test_scheduler."
HERE = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def _bash(line: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", line], cwd=folder, env={**os.environ, "PATH": HERE}, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=LIMIT_S, check=False)


@pytest.mark.timeout(LIMIT_S)
def test_the_example_runs_under_stestr_and_its_stream_tells_each_test_and_the_command_of_a_failure(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".stestr", "__pycache__"))
    done = _bash("stestr run --concurrency 2", folder)
    assert done.returncode == 1, done.stdout.decode()
    assert b"Passed: 2" in done.stdout
    stream = _bash("stestr last --subunit", folder).stdout
    found: dict[str, dict[str, object]] = {}
    result = StreamToDict(lambda test: found.update({test["id"]: test}))
    result.startTestRun()
    (folder / "stream").write_bytes(stream)
    with (folder / "stream").open("rb") as source:
        ByteStreamToStreamResult(source, non_subunit_name="stdout").run(result)
    result.stopTestRun()
    assert {name.removeprefix(PREFIX): test["status"] for name, test in found.items()} == {
        "TestScheduler.test_a_refused_broker_ends_it": "success",
        "TestScheduler.test_a_service_that_cannot_be_created_ends_it": "success",
        "TestNaive.test_a_start_that_fails_is_told_to_the_operator": "fail",
    }
    (failed,) = (test for test in found.values() if test["status"] == "fail")
    details = failed["details"]
    assert isinstance(details, dict)
    told = details["traceback"].as_text()
    assert "chaos.fixtures.BrokenPromise: false-success (exit status 0 after " in told
    assert "again: chaos repro naive/eventlet/w1/service.start@parent=raise:RuntimeError" in told
    counted = _bash("stestr last --subunit | subunit-stats", folder)
    assert b"Failed tests:      1" in counted.stdout
