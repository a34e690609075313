"""Which commands the documents show, and what runs each: read from the Markdown, and held against the table. No test.

A command stands in a block marked ``sh`` or ``console``, or alone on a line that is indented by four. What is named inside a
sentence is read by the command line's own parser instead, which is quick, so no table is needed for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "tests/**/README.md")
                   for path in ROOT.glob(pattern))
PROGRAMS = r"(?:chaos|tox|python3?|pytest|stestr|subunit\S*|pip|\.ci/run)"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^\$ (.+)$", re.MULTILINE)
INDENTED = re.compile(rf"^ {{4}}({PROGRAMS} (?!or )\S.*?)(?:\s+# .*)?$", re.MULTILINE)
INLINE = re.compile(r"`((?:chaos|tox) [^`]+)`")


@dataclass(frozen=True, slots=True)
class Run:
    """How ``tox run -e docs`` runs a command: as it stands, or in ``typed``, a shorter form; and how that ends."""

    typed: str = ""
    status: int = 0
    says: str = ""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """``who``: the test file, the line of ``.ci/run`` or the tox environment that runs the very command."""

    who: str


README, CI = Elsewhere("tests/docs/test_readme.py"), Elsewhere(".ci/run")
SHORT = ("--profile smoke --backend threading --workers 1 --only '*/service.start@worker=raise:*' "
         "--only '*/amqp.connect=refuse'")

COMMANDS: dict[str, dict[str, Run | Elsewhere]] = {
    "docs/sample.md": {
        "python -m chaos.sample.launcher --backend threading --workers 2 --transport-url fake:/": Elsewhere(
            "tests/documents/test_documents.py"),
    },
    "docs/ci.md": {
        "chaos nightly --require-rabbit": Run(f"chaos nightly --require-rabbit {SHORT}", 0, "rabbit: status 0; "),
        "tox run -e nightly": CI,
        "tox run -e nightly -- --workers 1 --only '*/service.start@parent=raise:RuntimeError' --only '*/amqp.connect=refuse'":
            CI,
        "chaos show chaos-nightly/fake": Run("", 0, " pass, 0 fail"),
        "chaos compare OLD NEW --format markdown": Run(
            "chaos compare chaos-nightly/fake chaos-nightly/rabbit --format markdown", 0, "**0 new, "),
        "chaos repro CASE_ID": README,
    },
    "docs/pytest.md": {
        "stestr run --concurrency 2": Elsewhere("tests/documents/test_stestr.py"),
        "stestr last --subunit | subunit-stats": Elsewhere("tests/documents/test_stestr.py"),
    },
    "benchmarks/README.md": {
        "python benchmarks/run.py": Run(
            "PYTHONPATH=benchmarks python -c 'import run; run.PARTS = run.PARTS[-2:-1]; run.main()'", 0, "the proxy costs"),
        "python benchmarks/starts.py": Run(
            "PYTHONPATH=benchmarks python -c 'import starts; starts.RUNS = 1; starts.REPEATS = 10; starts.main()'", 0,
            "report.json, a case"),
        "python benchmarks/warm.py": Run("python benchmarks/warm.py --runs 1", 0, "threading, all of these: cold to warm"),
        "python benchmarks/jobs.py": Run(
            "python benchmarks/jobs.py --turns 1 --only '*/eventlet/w1/service.start*=raise*'", 0, "| speed-up |"),
        "python benchmarks/proxy.py": Run("", 0, "the proxy costs"),
        "python benchmarks/transport.py": Run("python benchmarks/transport.py --runs 1", 0, "a case costs"),
        "python benchmarks/hang_proof.py --runs 1340 --burners 2": Run(
            "python benchmarks/hang_proof.py --runs 8 --jobs 2", 0, ""),
        "python benchmarks/own_cost.py": Run("python benchmarks/own_cost.py 100", 0, "| report.html |"),
    },
    "tests/gallery/README.md": {
        "python tests/gallery/gallery.py": CI,
        "python tests/gallery/gallery.py stops-slowly": Run("", 0, "stops-slowly"),
        "pytest -n 2 tests/gallery": Run("pytest -q tests/gallery -k stops-slowly", 0, "1 passed"),
    },
}
"""Document to command to what runs it. README.md's blocks are all of ``test_readme``, whatever they hold."""


def shown_in(path: Path) -> Iterator[str]:
    """The commands in a document's blocks."""
    text = path.read_text(encoding="utf-8")
    for language, block in FENCED.findall(text):
        if language == "console":
            yield from PROMPT.findall(block)
        elif language == "sh":
            yield from filter(None, block.splitlines())
    yield from INDENTED.findall(FENCED.sub("", text))


def named_in(path: Path) -> Iterator[str]:
    """The commands in a document's sentences, on one line each."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return (" ".join(command.split()) for command in INLINE.findall(text))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
