"""What goes to a worker of a Dask cluster and what comes back, as values and texts. Nothing here runs or waits.

Whatever Dask might print of a task (its arguments, when it fails) shows numbers only: requests hold secrets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from chaos import __version__
from chaos.codec import from_data, json_of, to_data
from chaos.model import Observation
from chaos.runner.request import Request

Said = tuple[int, str, int, str]
"""(number of the batch, word, place in the batch, text), the word one of those below."""
TAKEN = "taken"
"""About to be run: from now on this case can have killed its worker, and must not be run again."""
SEEN = "seen"
"""Finished; the text is the observation."""
ENDED = "ended"
"""Nothing more will come of this batch."""
REFUSED = "refused"
"""Dask gave the batch out again: the worker that had it first is gone."""
MISSING = "missing"
"""The worker lacks a part, or cannot open what cases run in; the text says what."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some cases for one worker. ``requests`` and ``ahead`` are JSON; ``ahead`` is a digest to the text of a file."""

    number: int
    size: int
    news: str
    """Name of the queue that news goes into."""
    ticket: str
    """Name of the queue that holds one ticket: whoever takes it runs the batch, so that nobody does so twice."""
    requests: str = field(repr=False)
    ahead: str = field(repr=False)
    version: str = __version__


def packed(number: int, requests: tuple[Request, ...], remembered: dict[str, str], run: str) -> Batch:
    ahead = {one.ahead: remembered[one.ahead] for one in requests if one.ahead}
    return Batch(number, len(requests), f"{run}-news", f"{run}-ticket-{number}",
                 json_of([to_data(one) for one in requests]), json.dumps(ahead))


def unpacked(batch: Batch) -> list[Request]:
    return [from_data(Request, data) for data in json.loads(batch.requests)]


def with_ahead(request: Request, paths: dict[str, str]) -> Request:
    """The request with the path that its ``ahead`` has on this machine."""
    return replace(request, ahead=paths[request.ahead]) if request.ahead else request


def told(observation: Observation) -> str:
    return json_of(to_data(observation))


def heard(text: str) -> Observation:
    return from_data(Observation, json.loads(text))
