"""From a good run to the sites that it reached. Pure."""

from __future__ import annotations

from chaos.model import Observation, Phase, Site


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
    return tuple(sorted(found.values(), key=lambda site: (phases.index(site.phase), site.at_s)))
