"""From a good run to the sites that it reached."""

from __future__ import annotations

from observations import an_observation

from chaos.discover import sites_of, steady
from chaos.model import Hit, Phase, Site


def a_hit(at_s: float, site: str = "thread.spawn", role: str = "parent", phase: Phase = Phase.START) -> Hit:
    return Hit(at_s, site, role, 1, phase)


def test_a_site_is_told_with_its_role_its_hits_and_its_first_moment() -> None:
    seen = an_observation(hits=(a_hit(0.2), a_hit(0.3), a_hit(0.25, role="worker.0")))
    assert sites_of(seen) == (Site("thread.spawn", "parent", 2, 0.2), Site("thread.spawn", "worker.0", 1, 0.25))


def test_sites_come_in_the_order_of_the_start() -> None:
    seen = an_observation(hits=(a_hit(0.5, "b"), a_hit(0.1, "a"), a_hit(0.3, "c")))
    assert [site.name for site in sites_of(seen)] == ["a", "c", "b"]


def test_what_a_timer_does_later_adds_no_hits_to_the_way_up() -> None:
    seen = an_observation(hits=(a_hit(0.2), a_hit(2.0, phase=Phase.SERVING), a_hit(3.0, phase=Phase.STOP)))
    assert sites_of(seen) == (Site("thread.spawn", "parent", 1, 0.2),)


def test_what_is_first_reached_later_stands_behind_the_way_up() -> None:
    seen = an_observation(hits=(a_hit(9.0, "late.start"), a_hit(1.0, "stop", phase=Phase.STOP),
                                a_hit(0.5, "serving", phase=Phase.SERVING)))
    assert [(site.name, site.phase) for site in sites_of(seen)] == [
        ("late.start", Phase.START), ("serving", Phase.SERVING), ("stop", Phase.STOP)]


def test_a_run_that_reached_nothing_has_no_sites() -> None:
    assert sites_of(an_observation(hits=())) == ()


def test_a_hit_that_only_one_of_two_good_starts_made_is_none_to_plan_with() -> None:
    sites = sites_of(an_observation(hits=(a_hit(0.2), a_hit(0.3), a_hit(0.4), a_hit(0.5, "other"))))
    again = an_observation(hits=(a_hit(0.2), a_hit(0.3), a_hit(0.9, phase=Phase.STOP)))
    assert [(site.name, site.hits) for site in steady(sites, again)] == [("thread.spawn", 2), ("other", 1)]
