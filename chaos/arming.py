"""From a case to the plan that the agent in the target reads: one line a place or fault, tab separated. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from chaos.actions import PUT_IN_PLACE, told
from chaos.catalog import SITES, By, Place, doc_of, is_extra
from chaos.model import Fault, token_of

MET_AT_ONCE = dict.fromkeys(PUT_IN_PLACE, "process.image")
"""Sites at which nothing of the target can be watched: what was put in place is met when its interpreter starts."""


DEBUG = "debug\n"
"""The line of a plan that asks for a debugger before each fault."""


def places_text(faults: tuple[Fault, ...], *, thorough: bool = False, extra: tuple[str, ...] = ()) -> str:
    """The part of the plan that says where the sites are. The usual ones are watched in every run, so that it shows what it
    reached besides its fault; the others where the case names them or ``thorough`` asks for all: what is not wrapped cannot
    disturb. ``extra``: callables of the target's own code, ``module:Qualified.name``; so is a site of that form in the case.
    """
    own = dict.fromkeys((*extra, *(fault.site for fault in faults if is_extra(fault.site))))
    places = ((site, *site.partition(":")[::2]) for site in own)
    named = "".join(_place(Place(module, name, "named"), site) + "\n" for site, module, name in places)
    return _places(frozenset(fault.site for fault in faults) & _SELDOM, thorough) + named


_SELDOM = frozenset(site.name for site in SITES if site.thorough)


@functools.lru_cache(maxsize=256)
def _places(named: frozenset[str], thorough: bool) -> str:
    """Nearly every case of a sweep watches the same places."""
    return "".join(_place(place, site.name) + "\n" for site in SITES for place in site.places
                   if thorough or not site.thorough or place.milestone or site.name in named)


def plan_text(case_id: str, faults: tuple[Fault, ...], *, thorough: bool = False, own: str = "",
              learns: bool = False, extra: tuple[str, ...] = ()) -> str:
    """The agent's plan for one run: where the sites are, and what is to happen.

    ``own``: the package whose calls into other packages are sites as well; "" for none. ``learns``: what is imported is to
    be written down.
    """
    lines = [_line(("calls", own))] if own else []
    lines += [_line(("learn",))] if learns else []
    lines += [_fault(index, fault, token_of(case_id, index)) for index, fault in enumerate(faults) if _is_agents(fault)]
    return places_text(faults, thorough=thorough, extra=extra) + "".join(line + "\n" for line in lines)


def _is_agents(fault: Fault) -> bool:
    doc = doc_of(fault.site)
    return doc is None or doc.by is By.AGENT


def _place(place: Place, site: str) -> str:
    return _line(("place", place.module, place.qualified, place.how, site, place.milestone))


def _fault(index: int, fault: Fault, token: str) -> str:
    action, args = told(fault)
    first, last = str(fault.hits.first), str(fault.hits.last or 0)
    site = MET_AT_ONCE.get(fault.site, fault.site)
    return _line(("fault", str(index), site, fault.role or "*", first, last, action, token, *args))


def _line(words: Iterable[str]) -> str:
    return "\t".join(word.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for word in words)
