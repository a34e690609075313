"""The versions that a report names are those of the Python that runs the target."""

from __future__ import annotations

import platform
import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from chaos.events import SweepStarted
from chaos.installed import python_of, versions_of
from chaos.runner.pool import Pool
from chaos.sweep import Options, sweep
from chaos.target import Target


def install(folder: Path, name: str, version: str, script: str = "") -> None:
    """What an installer leaves of a package, without the package."""
    metadata = folder / f"{name.replace('.', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if script:
        (metadata / "entry_points.txt").write_text(f"[console_scripts]\n{script} = nowhere:main\n")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, with old releases that are not even importable: folders of metadata."""
    place = tmp_path_factory.mktemp("other")
    venv.create(place, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(place), "platbase": str(place)}))
    install(packages, "oslo.service", "1.0.0")
    install(packages, "Shop", "7", "shop-worker")
    script = place / "bin" / "shop-worker"
    script.write_text(f"#!{place}/bin/python\nraise SystemExit('it was started')\n")
    script.chmod(0o755)
    return place


def test_the_versions_are_those_of_the_targets_python_and_not_of_chaos(other: Path) -> None:
    found = versions_of(Target("t", "anything:main", python=str(other / "bin" / "python")))
    assert found == (("Python", platform.python_version()), ("oslo.service", "1.0.0"))


def test_a_sweep_says_them_before_anything_is_started(other: Path) -> None:
    target = Target("t", str(other / "bin" / "shop-worker"))
    with Pool(1) as pool:
        first = next(sweep(target, Options(), pool))
    assert isinstance(first, SweepStarted)
    assert dict(first.versions) == {"Python": platform.python_version(), "Shop": "7", "oslo.service": "1.0.0"}


def test_of_the_sample_they_are_those_beside_chaos() -> None:
    names = [name for name, _ in versions_of(Target("scheduler", "chaos.sample.launcher:main"))]
    assert names == ["Python", "oslo.service", "cotyledon", "oslo.messaging", "eventlet"]


def test_what_the_entry_adds_to_the_path_counts(tmp_path: Path) -> None:
    install(tmp_path, "eventlet", "0.1")
    target = Target("t", "anything:main", env=(("PYTHONPATH", str(tmp_path)), ("LANG", "C")))
    assert dict(versions_of(target))["eventlet"] == "0.1"


@pytest.mark.parametrize(("first", "python"), [
    ("#!/usr/bin/python3 -E\n", "/usr/bin/python3"),
    ("#!/usr/bin/env python3\n", "which python3"),
    ("#!/bin/sh\n'''exec' /a/very/long/path/bin/python3.11 \"$0\" \"$@\"\n' '''\n", "/a/very/long/path/bin/python3.11"),
    ("#!/bin/sh\n'''exec' \"/with a space/python\" \"$0\" \"$@\"\n' '''\n", "/with a space/python"),
    ("#!/bin/sh\nexec python3 serve.py\n", None),
    ("#!/usr/bin/env\n", None),
    ("", None),
])
def test_a_script_runs_under_what_its_first_line_names(tmp_path: Path, first: str, python: str | None) -> None:
    script = tmp_path / "launch"
    script.write_text(first)
    script.chmod(0o755)
    assert python_of(Target("t", str(script))) == (shutil.which("python3") if python == "which python3" else python)


def test_what_is_no_python_or_does_not_answer_has_no_versions(tmp_path: Path) -> None:
    assert versions_of(Target("t", "/bin/sh")) == ()
    assert versions_of(Target("t", str(tmp_path / "gone"))) == ()
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert versions_of(Target("t", "anything:main", python=str(broken))) == ()


def test_a_folder_of_metadata_that_is_half_of_one_names_no_version(tmp_path: Path) -> None:
    (tmp_path / "eventlet-1.dist-info").mkdir()
    assert "eventlet" not in dict(versions_of(Target("t", "anything:main", python=sys.executable,
                                                     env=(("PYTHONPATH", str(tmp_path)),))))
