"""From a case to the plan that the agent in the target reads."""

from __future__ import annotations

import pytest

from chaos.arming import plan_text
from chaos.catalog import SITES, SiteDoc
from chaos.model import Fault, Hits, token_of


def _lines(*faults: Fault) -> list[list[str]]:
    return [line.split("\t") for line in plan_text("the/case", faults).splitlines()]


def _faults(*faults: Fault) -> list[list[str]]:
    return [words[1:] for words in _lines(*faults) if words[0] == "fault"]


def test_every_place_of_every_site_is_watched_by_a_thorough_plan() -> None:
    thorough = plan_text("the/case", (), thorough=True).splitlines()
    places = [tuple(line.split("\t")[1:5]) for line in thorough if line.startswith("place\t")]
    assert {(place.module, place.qualified, place.how, site.name) for site in SITES for place in site.places} <= set(places)
    assert len(places) == len(set(places))


@pytest.mark.parametrize("site", [site for site in SITES if site.places], ids=lambda site: site.name)
def test_the_places_of_a_fault_are_watched(site: SiteDoc) -> None:
    places = {tuple(words[1:5]) for words in _lines(Fault(site.name, "stall")) if words[0] == "place"}
    assert {(place.module, place.qualified, place.how, site.name) for place in site.places} <= places


def test_without_a_fault_none_is_armed() -> None:
    assert _faults() == []


def test_a_fault_is_its_index_site_role_hits_action_token_and_words() -> None:
    fault = Fault("service.start", "raise", ("OSError", "EMFILE"), "worker.1", Hits(2, 3))
    token = token_of("the/case", 0)
    assert _faults(fault) == [["0", "service.start", "worker.1", "2", "3", "raise", token, "OSError", "24",
                               "Too many open files"]]


def test_any_role_is_a_star_and_no_last_hit_a_zero() -> None:
    (words,) = _faults(Fault("service.start", "stall"))
    assert words[2:5] == ["*", "1", "0"]


def test_two_faults_have_two_tokens() -> None:
    first, second = _faults(Fault("service.start", "raise"), Fault("service.start", "raise"))
    assert (first[0], second[0]) == ("0", "1")
    assert first[6] != second[6]


def test_a_token_is_the_same_from_run_to_run_and_another_in_another_case() -> None:
    assert token_of("the/case", 0) == token_of("the/case", 0)
    assert token_of("the/case", 0) != token_of("another/case", 0)


def test_no_word_can_break_the_lines() -> None:
    (words,) = _faults(Fault("service.start", "return", ("a\tb\nc\\d",)))
    assert words[-1] == "a\\tb\\nc\\\\d"
