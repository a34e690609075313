"""Every exhibit of the gallery once: the hung ones are proven, of the others nothing is. The benchmark does it often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from runner.proof.gallery import EXHIBITS, Exhibit
from runner.proof.watching import Watched, watched

SECTIONS = sorted({exhibit.section for exhibit in EXHIBITS.values()})
GOES_ON_S = 0.5
WITHIN_S = 30.0
"""Far more than a proof takes, half a second: machines are shared."""
AT_A_TIME = 4
"""They wait more than they work."""


def seen_in(section: str, *, hung: bool) -> list[tuple[Exhibit, Watched]]:
    exhibits = [one for one in EXHIBITS.values() if one.section == section and bool(one.proofs) == hung]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(zip(exhibits, pool.map(see, exhibits), strict=True))


def see(exhibit: Exhibit) -> Watched:
    return watched(exhibit, goes_on_s=GOES_ON_S, at_most_s=WITHIN_S)


def having(*, hung: bool) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("section", [section for section in SECTIONS if any(
        one.section == section and bool(one.proofs) == hung for one in EXHIBITS.values())])


def test_the_gallery_is_as_large_as_it_is_said_to_be() -> None:
    assert sum(bool(one.proofs) for one in EXHIBITS.values()) >= 21
    assert sum(not one.proofs for one in EXHIBITS.values()) >= 30


@having(hung=True)
def test_what_can_never_go_on_is_proven_after_it_began_to_wait(section: str) -> None:
    wrong = [f"{exhibit.name}: {seen.proof or 'nothing'} proven, {seen.text} {seen.possible}"
             for exhibit, seen in seen_in(section, hung=True)
             if seen.proof not in exhibit.proofs or seen.after_s is None or seen.after_s < 0]
    assert not wrong, "\n".join(wrong)


@having(hung=False)
def test_of_what_goes_on_nothing_is_proven(section: str) -> None:
    wrong = [f"{exhibit.name}: {seen.proof or 'nothing'} proven, {seen.ended}: {seen.text}"
             for exhibit, seen in seen_in(section, hung=False)
             if seen.proof or seen.ended not in ("went on", "ended")]
    assert not wrong, "\n".join(wrong)
