"""Every exhibit of the gallery once: the hung ones are proven, of the others nothing is. The benchmark does it often."""

from __future__ import annotations

import pytest

from runner.proof.gallery import EXHIBITS, Exhibit
from runner.proof.watching import watched

HUNG = {name: exhibit for name, exhibit in EXHIBITS.items() if exhibit.proofs}
GOES_ON = {name: exhibit for name, exhibit in EXHIBITS.items() if not exhibit.proofs}
GOES_ON_S = 0.5
WITHIN_S = 20.0
"""Far more than the proof takes, half a second: machines are shared."""


def test_the_gallery_is_as_large_as_it_is_said_to_be() -> None:
    assert len(HUNG) >= 21
    assert len(GOES_ON) >= 30


@pytest.mark.parametrize("exhibit", HUNG.values(), ids=list(HUNG))
def test_what_can_never_go_on_is_proven_after_it_began_to_wait(exhibit: Exhibit) -> None:
    seen = watched(exhibit, goes_on_s=GOES_ON_S, at_most_s=WITHIN_S)
    assert seen.proof in exhibit.proofs, f"{seen.proof or 'nothing'} proven: {seen.text} {seen.possible}"
    assert seen.after_s is not None and seen.after_s >= 0, seen.text


@pytest.mark.parametrize("exhibit", GOES_ON.values(), ids=list(GOES_ON))
def test_of_what_goes_on_nothing_is_proven(exhibit: Exhibit) -> None:
    seen = watched(exhibit, goes_on_s=GOES_ON_S, at_most_s=WITHIN_S)
    assert not seen.proof, f"a false proof: {seen.text}"
    assert seen.ended in ("went on", "ended"), seen.text
