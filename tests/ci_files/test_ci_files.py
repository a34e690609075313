"""The CI files that users copy are right by the tools of those who read them: GitHub's, as far as there are any, and Zuul's.

Each check is also shown a broken copy, or it would be decoration. ``tox run -e ci-files`` has the tools.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import voluptuous
import yaml
import zuul
from zuul.configloader import JobParser, ProjectParser

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "docs" / "ci"
WORKFLOW, ZUUL, PLAYBOOKS = CI / "github-actions.yml", CI / "zuul.yaml", CI / "playbooks"
LIMIT_S = 60.0
HERE = Path(sys.executable).parent


def _run(*words: str, **env: str) -> tuple[int, str]:
    done = subprocess.run([str(HERE / words[0]), *words[1:]], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, timeout=LIMIT_S, env={**os.environ, "NO_COLOR": "1", **env})
    return done.returncode, done.stdout


def schema_of_workflows(path: Path) -> tuple[int, str]:
    return _run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))


def actionlint(path: Path) -> tuple[int, str]:
    """Expressions, contexts, functions, shell names. No shellcheck: it is not in a wheel."""
    return _run("actionlint", "-no-color", "-shellcheck=", "-pyflakes=", str(path))


def zizmor(path: Path) -> tuple[int, str]:
    """What a workflow gives away: unpinned actions, credentials left behind, text that becomes a script."""
    return _run("zizmor", "--offline", "--no-progress", "--color", "never", "--min-severity", "low", str(path))


def zuul_schema(path: Path) -> tuple[int, str]:
    """Zuul's own schemas, by which its scheduler reads a project's configuration."""
    schemas: Mapping[str, Any] = {"job": JobParser.schema, "project": ProjectParser(None).schema}
    for item in yaml.safe_load(path.read_text(encoding="utf-8")):
        ((kind, body),) = item.items()
        try:
            schemas[kind](body)
        except (voluptuous.Invalid, KeyError) as error:
            return 1, f"{kind}: {error}"
    return 0, ""


def playbook_syntax(path: Path) -> tuple[int, str]:
    """Ansible's own, with Zuul's modules beside it."""
    action = Path(zuul.__file__).parent / "ansible" / "base" / "action"
    return _run("ansible-playbook", "--syntax-check", "-i", "localhost,", str(path), ANSIBLE_ACTION_PLUGINS=str(action),
                ANSIBLE_LIBRARY=str(action.parent / "library"), ANSIBLE_HOME=os.environ["TMPDIR"])


Check = Callable[[Path], tuple[int, str]]

CHECKS: list[tuple[Check, Path]] = [
    (schema_of_workflows, WORKFLOW), (actionlint, WORKFLOW), (zizmor, WORKFLOW), (zuul_schema, ZUUL),
    (playbook_syntax, PLAYBOOKS / "chaos-pre.yaml"), (playbook_syntax, PLAYBOOKS / "chaos-post.yaml"),
]
BROKEN: list[tuple[Check, Path, str, str, str]] = [
    (schema_of_workflows, WORKFLOW, "runs-on:", "run-on:", "run-on"),
    (actionlint, WORKFLOW, "github.run_id", "github.run_idd", "run_idd"),
    (actionlint, WORKFLOW, "shell: bash", "shell: bsh", "bsh"),
    (actionlint, WORKFLOW, "if: always()", "if: allways()", "allways"),
    (zizmor, WORKFLOW, "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7", "unpinned-uses"),
    (zizmor, WORKFLOW, "          persist-credentials: false\n", "          clean: true\n", "artipacked"),
    (zizmor, WORKFLOW, '"${arguments[@]}"', "${{ inputs.arguments }}", "template-injection"),
    (zuul_schema, ZUUL, "post-run:", "post_run:", "post_run"),
    (zuul_schema, ZUUL, "timeout: 21600", "timeout: 6h", "timeout"),
    (zuul_schema, ZUUL, "- project:", "- projects:", "projects"),
    (playbook_syntax, PLAYBOOKS / "chaos-post.yaml", "zuul_return:", "zuul_retrun:", "zuul_retrun"),
]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.parametrize("check, path", CHECKS, ids=lambda one: getattr(one, "__name__", getattr(one, "name", "")))
def test_the_file_is_right(check: Check, path: Path, tmp_path: Path) -> None:
    status, said = check(_copied(path, tmp_path, path.read_text(encoding="utf-8")))
    assert status == 0, said


@pytest.mark.parametrize("check, path, right, wrong, named", BROKEN, ids=[f"{row[0].__name__}-{row[4]}" for row in BROKEN])
def test_a_broken_copy_is_found_and_named(
    check: Check, path: Path, right: str, wrong: str, named: str, tmp_path: Path
) -> None:
    text = path.read_text(encoding="utf-8")
    assert right in text
    status, said = check(_copied(path, tmp_path, text.replace(right, wrong, 1)))
    assert status != 0
    assert named in said


def _copied(path: Path, folder: Path, text: str) -> Path:
    """Where a project has it: the tools go by the place."""
    place = folder / ".github" / "workflows" if path == WORKFLOW else folder
    place.mkdir(parents=True, exist_ok=True)
    (place / path.name).write_text(text, encoding="utf-8")
    return place / path.name


def test_each_calls_the_night_of_tox_and_keeps_its_folder_when_it_is_cancelled() -> None:
    steps = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["nightly"]["steps"]
    assert any("tox run -e nightly" in step.get("run", "") for step in steps)
    kept = [step for step in steps if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert [(step["if"], step["with"]["path"]) for step in kept] == [("always()", "chaos-nightly")]
    job, _, project = yaml.safe_load(ZUUL.read_text(encoding="utf-8"))
    assert job["job"]["vars"]["tox_envlist"] == "nightly"
    assert job["job"]["post-run"] == [{"name": "playbooks/chaos-post.yaml", "cleanup": True}]
    assert project["project"]["periodic"]["jobs"][0] == job["job"]["name"]
    assert "chaos-nightly" in (PLAYBOOKS / "chaos-post.yaml").read_text(encoding="utf-8")


def test_the_real_launchers_have_a_night_of_their_own_in_each_which_says_that_it_is_this_projects_alone() -> None:
    steps = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["real"]["steps"]
    assert any("tox run -e real" in step.get("run", "") and step["env"] == {"CHAOS_REQUIRE_RABBIT": "1"} for step in steps)
    _, job, project = yaml.safe_load(ZUUL.read_text(encoding="utf-8"))
    assert job["job"]["vars"] == {"tox_envlist": "real", "tox_environment": {"CHAOS_REQUIRE_RABBIT": "1"}}
    assert project["project"]["periodic"]["jobs"][1] == job["job"]["name"]
    assert all("Of this project alone" in path.read_text(encoding="utf-8") for path in (WORKFLOW, ZUUL))
