"""From a case to the plan that the agent in the target reads: one line a place or fault, tab separated. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chaos.actions import told
from chaos.catalog import MILESTONES, SITES, Place
from chaos.model import Fault, token_of


def plan_text(case_id: str, faults: tuple[Fault, ...]) -> str:
    """The agent's plan for one run. Every known site is watched, so that a run shows what it reached besides its fault."""
    lines = [_place(place, site.name) for site in SITES for place in site.places]
    lines += [_place(place, "") for place in MILESTONES]
    lines += [_fault(index, fault, token_of(case_id, index)) for index, fault in enumerate(faults)]
    return "".join(line + "\n" for line in lines)


def _place(place: Place, site: str) -> str:
    return _line(("place", place.module, place.qualified, place.how, site, place.milestone))


def _fault(index: int, fault: Fault, token: str) -> str:
    action, args = told(fault)
    first, last = str(fault.hits.first), str(fault.hits.last or 0)
    return _line(("fault", str(index), fault.site, fault.role or "*", first, last, action, token, *args))


def _line(words: Iterable[str]) -> str:
    return "\t".join(word.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for word in words)
