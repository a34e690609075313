"""Results as the data of ``report.json`` (docs/contract.md, section 7) and back. Pure: ``jsonfile`` reads and writes.

Field names are a promise: one may be added, none is renamed or dropped without raising ``SCHEMA``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import chaos
from chaos.caseid import format_case
from chaos.codec import from_data, to_data
from chaos.events import SweepFinished, SweepStarted
from chaos.known import Entry
from chaos.model import Case, Judged, Observation, Site, Variant, Verdict
from chaos.report.results import Results, by_grade, by_outcome, sites_fired, sites_found
from chaos.report.safetext import tail

SCHEMA = 1
TAIL_LINES = 40
TAIL_CHARACTERS = 8000


def reproduce_line(case: Case, suffix: str = "") -> str:
    """The command that runs ``case`` again. ``suffix``: what the id does not hold, such as `` --python P -- ARGS``."""
    return f"chaos repro {format_case(case)}{suffix}"


# --- one case ------------------------------------------------------------------------------------------------------


def case_data(judged: Judged, suffix: str = "") -> dict[str, Any]:
    """One CASE. ``observation`` holds the facts in full, so that newer rules can judge them again.

    ``exit`` is ``{"status": 3}``, ``{"signal": "SIGKILL"}`` or ``{"running_after_s": 10.0}``.
    """
    return case_data_of(judged.case, judged.verdict, to_data(judged.seen), to_data(judged.beside), suffix)


def case_data_of(case: Case, verdict: Verdict, seen: dict[str, Any], beside: dict[str, Any] | None,
                 suffix: str = "", known: Entry | None = None) -> dict[str, Any]:
    """The same from observations that are data already. ``known``: the line that excuses it, which no verdict sees."""
    return {
        **_what_ran(case),
        "fired": len(seen["fired"]),
        **_what_it_means(verdict),
        "exit": {key: value for key, value in seen["ending"].items() if key != "by_chaos"},
        "elapsed_s": seen["elapsed_s"],
        "ready_after_s": seen["served_s"] if seen["ready_s"] is None else seen["ready_s"],
        "log_tail": tail(seen.get("log") or seen["output"], lines=TAIL_LINES, characters=TAIL_CHARACTERS),
        "stacks": seen["stacks"],
        "reproduce": reproduce_line(case, suffix),
        "known": None if known is None else entry_data(known),
        "milestones": seen["milestones"],
        "started_as": seen["started_as"],
        "proof": seen["proof"],
        "beside": beside,
        "observation": seen,
    }


def _what_ran(case: Case) -> dict[str, Any]:
    """Site, role, hits and action are the first fault's, null for a baseline; ``faults`` has all of them."""
    first = case.faults[0] if case.faults else None
    return {
        "id": format_case(case),
        "target": case.target,
        "backend": case.backend,
        "workers": case.workers,
        "transport": case.transport,
        "site": first.site if first else None,
        "role": first.role if first else None,
        "hits": str(first.hits) if first else None,
        "action": first.action if first else None,
        "args": list(first.args) if first else [],
        "faults": to_data(case.faults),
    }


def _what_it_means(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "verdict": verdict.grade.value,
        "promises_broken": [{"promise": b.promise, "because": b.because} for b in verdict.broken],
        "note": verdict.note,
    }


def judged_of(data: Any) -> Judged:
    """The case that ``case_data`` wrote; a ``ValueError`` names what is missing or wrong."""
    fields = _object(data, "a case")
    case = {name: _member(fields, name, "a case") for name in ("target", "backend", "workers", "faults")}
    verdict = {
        "outcome": _member(fields, "outcome", "a case"),
        "grade": _member(fields, "verdict", "a case"),
        "broken": _member(fields, "promises_broken", "a case"),
        "note": fields.get("note", ""),
    }
    return Judged(
        from_data(Case, {**case, "transport": fields.get("transport")}),
        from_data(Observation, _member(fields, "observation", "a case")),
        from_data(Verdict, verdict),
        None if fields.get("beside") is None else from_data(Observation, fields["beside"]),
    )


# --- the whole report ----------------------------------------------------------------------------------------------


def head_data(results: Results, suffix: str = "") -> dict[str, Any]:
    """Every member of the report except ``cases``, which are many and can be written one by one;
    ``sites`` are an iterator for the same reason."""
    return {
        "schema": SCHEMA,
        "chaos": chaos.__version__,
        "target": results.started.target,
        "baseline": [case_data(variant.baseline, suffix) for variant in results.variants],
        "sites": (site_data(variant, site) for variant in results.variants for site in variant.sites),
        "summary": summary_data(results),
    }


def site_data(variant: Variant, site: Site) -> dict[str, Any]:
    """One site of one variant; ``name`` is what a CASE calls ``site``, ``baseline`` tells which start reached it."""
    return {**to_data(site), "baseline": format_case(variant.baseline.case)}


def summary_data(results: Results) -> dict[str, Any]:
    return {
        "verdicts": {grade.value: count for grade, count in by_grade(results.cases).items()},
        "outcomes": {outcome.value: count for outcome, count in by_outcome(results.cases).items()},
        "sites_found": len(sites_found(results.variants)),
        "sites_fired": len(sites_fired(results.cases)),
        "cases_planned": len(results.planned),
        "cases_finished": len(results.cases),
        "cases_not_run": list(results.not_run),
        "interrupted": results.interrupted,
        "elapsed_s": results.elapsed_s,
        "jobs": results.started.jobs,
        "seed": results.started.seed,
        "profile": results.started.profile,
        "versions": dict(results.started.versions),
        "part": list(results.started.part),
        "known": known_data(results),
    }


def known_data(results: Results) -> dict[str, Any]:
    """Each line of the file of known findings, and what this run says about it; no lines where there is no such file."""
    lines = [{**entry_data(one.entry), "state": one.state.value, "told": one.told, "cases_run": len(one.cases)}
             for one in results.settled]
    return {"file": results.known.path or None, "cases_excused": sum(line.known is not None for line in results.cases),
            "findings": lines}


def entry_data(entry: Entry) -> dict[str, Any]:
    return {"case": entry.case, "reason": entry.reason, "link": entry.link, "expires": entry.expires.isoformat(),
            "outcome": entry.outcome or None, "promise": entry.promise or None}


def started_of(report: Mapping[str, Any]) -> SweepStarted:
    """How the sweep began that wrote this head of a report; ``ValueError`` where it is none."""
    return _started(report, _object(_member(report, "summary", "a report"), "the summary"))


def variants_of(report: Mapping[str, Any]) -> tuple[Variant, ...]:
    """The baselines, with the sites that each reached."""
    return tuple(Variant(judged_of(baseline), _sites_of(baseline, _list(report, "sites")))
                 for baseline in _list(report, "baseline"))


def finished_of(report: Mapping[str, Any]) -> SweepFinished:
    summary = _object(_member(report, "summary", "a report"), "the summary")
    return SweepFinished(summary.get("elapsed_s") or 0.0, bool(summary.get("interrupted", False)))


def not_run_of(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of planned cases that were not finished."""
    summary = _object(_member(report, "summary", "a report"), "the summary")
    return tuple(map(str, summary.get("cases_not_run", ())))


def check_head(data: Any) -> Mapping[str, Any]:
    """``data`` as a report that this chaos can read, or a ``ValueError`` that says what it is instead."""
    report = _object(data, "a report")
    _check_schema(report)
    _list(report, "cases")
    return report


def _started(report: Mapping[str, Any], summary: Mapping[str, Any]) -> SweepStarted:
    told = {name: _member(summary, name, "the summary") for name in ("seed", "jobs", "profile")}
    versions = _object(summary.get("versions", {}), "the versions")
    return SweepStarted(_member(report, "target", "a report"), **told, versions=tuple(versions.items()),
                        part=tuple(map(str, summary.get("part", ()))))


def _sites_of(baseline: Mapping[str, Any], sites: list[Any]) -> tuple[Site, ...]:
    return tuple(from_data(Site, site) for site in sites if site.get("baseline") == baseline["id"])


# --- what is not a report ------------------------------------------------------------------------------------------


def _check_schema(report: Mapping[str, Any]) -> None:
    schema = report.get("schema")
    if schema != SCHEMA:
        wrote = report.get("chaos", "an unknown chaos")
        raise ValueError(f"schema is {schema!r}, written by {wrote}; this chaos ({chaos.__version__}) reads {SCHEMA}")


def _object(data: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} must be a JSON object, not {type(data).__name__}")
    return data


def _member(fields: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in fields:
        raise ValueError(f"{what} has no {name!r}; it has {', '.join(sorted(fields)) or 'nothing'}")
    return fields[name]


def _list(report: Mapping[str, Any], name: str) -> list[Any]:
    found = _member(report, name, "a report")
    if not isinstance(found, list):
        raise ValueError(f"{name!r} of a report must be a JSON list, not {type(found).__name__}")
    return found
