"""A sweep as workflow commands, ``::error title=…::…``, which GitHub shows beside a job. Pure; prints nothing.

A line of another's text that began with ``::`` would be a command to the runner, and a line's end would begin one: both
can only come from what a target wrote, so the message is one cleaned line behind a title of ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaos.model import Grade
from chaos.report.closing import all_bad, counted, qualified
from chaos.report.document import reproduce_line
from chaos.report.findings import Finding, findings, never_reached
from chaos.report.results import Results, by_grade
from chaos.report.safetext import clipped, one_line

MOST = 10
"""GitHub shows ten errors and ten warnings a step and drops the rest in silence: the last of ours says how many there are."""
MESSAGE_CHARACTERS = 1000


def annotation_lines(results: Results, suffix: str = "", reports: int = 1) -> Iterator[str]:
    """At most ten errors (what fails), ten warnings (what proves nothing, or was not run) and a notice, the worst first.
    ``reports``: so many share the ten."""
    found = findings(all_bad(results))
    overdue = [_command("error", "known findings", one.told) for one in results.settled if one.fails_the_job]
    errors = [_finding("error", finding, suffix) for finding in found if finding.grade is Grade.FAIL]
    doubtful = [finding for finding in (*found, *never_reached(results.cases)) if finding.grade is not Grade.FAIL]
    is_part = results.interrupted or results.shards
    missing = [_command("warning", "chaos", text) for text in qualified(results)] if is_part else []
    most = max(1, MOST // reports)
    yield from _bounded("error", [*errors, *overdue], most)
    yield from _bounded("warning", [*missing, *(_finding("warning", finding, suffix) for finding in doubtful)], most)
    yield _command("notice", f"chaos {results.started.target}", f"{counted(by_grade(results.cases).items())}, "
                   f"seed {results.started.seed}")


def _bounded(level: str, commands: list[str], most: int) -> list[str]:
    if len(commands) <= most:
        return commands
    rest = len(commands) - most + 1
    return [*commands[: most - 1], _command(level, "chaos", f"{rest} more, in summary.md and report.html")]


def _finding(level: str, finding: Finding, suffix: str) -> str:
    return _command(level, finding.what, f"{finding.why} | {reproduce_line(finding.shortest.case, suffix)}")


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(one_line(title))}::{_data(clipped(one_line(message), limit=MESSAGE_CHARACTERS))}"


def _data(text: str) -> str:
    """The runner's own escapes: a percent sign first, or those of the others would be escaped again."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
