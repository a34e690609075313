"""From a good run to the sites that it reached. Pure."""

from __future__ import annotations

from dataclasses import replace

from chaos.calls import is_call
from chaos.model import Observation, Phase, Site, Variant


def sites_of(seen: Observation) -> tuple[Site, ...]:
    """Every (site, role) that the run reached, in the order of the start, with its hits on the way up or after.

    A site is on the way up when its first hit is: what a timer does later adds no hits to it.
    """
    found: dict[tuple[str, str], Site] = {}
    for hit in seen.hits:
        key = (hit.site, hit.role)
        known = found.get(key)
        if known is None:
            found[key] = Site(hit.site, hit.role, 1, hit.at_s, hit.phase)
        elif known.phase is hit.phase:
            found[key] = Site(hit.site, hit.role, known.hits + 1, known.at_s, known.phase)
    phases = list(Phase)
    errors = dict(seen.calls)
    found = {key: replace(site, error=errors.get(site.name, "")) for key, site in found.items()}
    return tuple(sorted(found.values(), key=lambda site: (phases.index(site.phase), site.at_s)))


def steady(sites: tuple[Site, ...], again: Observation) -> tuple[Site, ...]:
    """``sites`` with no more hits on the way up than another good start made: what is asked once more only because it was
    late is hit a time more, and a fault at that hit would be unreached every other night."""
    counts = {(site.name, site.role, site.phase): site.hits for site in sites_of(again)}
    return tuple(replace(site, hits=min(site.hits, counts.get((site.name, site.role, site.phase), site.hits)))
                 for site in sites)


def with_calls(variant: Variant, traced: tuple[Observation, ...]) -> Variant:
    """The variant with the call sites that every traced run reached on its way up: what one run saw and another did not
    is a matter of timing, and a fault there would be unreached every other night."""
    runs = [{(site.name, site.role): site for site in sites_of(seen) if is_call(site.name)
             and site.phase is Phase.START} for seen in traced]
    stable = [site for key, site in runs[0].items() if all(key in run for run in runs[1:])] if runs else []
    return replace(variant, sites=(*variant.sites, *stable))
