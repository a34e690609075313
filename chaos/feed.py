"""In which order the cases of a plan are begun: as planned, but what takes long not last of all. Pure; runs nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from chaos.model import Case
from chaos.runner.request import Request

LONG_S = 1.5
"""Most cases are over in a fraction of a second. One that waits for a time limit of the target takes seconds, and hardly a
processor."""
LAST = 64
"""So many of the last cases may change places: begun before the others, one that only waits is over when they are."""

Kind = tuple[tuple[str, str], ...]


class Feed:
    """Requests; in front of them those that are to be run again.

    How long a case takes nobody knows beforehand, but the same fault has mostly met another role or variant before.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = iter(requests)
        self._ahead: deque[Request] = deque()
        self._again: deque[Request] = deque()
        self._long: set[Kind] = set()

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        """Raises StopIteration where there is nothing; there may be something again later."""
        if self._again:
            return self._again.popleft()
        while len(self._ahead) <= LAST:
            request = next(self._requests, None)
            if request is None:
                self._bring_forward()
                break
            self._ahead.append(request)
        if not self._ahead:
            raise StopIteration
        return self._ahead.popleft()

    def run_again(self, request: Request) -> None:
        self._again.append(request)

    def note(self, case: Case, elapsed_s: float) -> None:
        """``case`` took so long."""
        if elapsed_s >= LONG_S:
            self._long.add(_kind(case))

    def _bring_forward(self) -> None:
        """The first that will take long to the front."""
        for request in self._ahead:
            if _kind(request.case) in self._long:
                self._ahead.remove(request)
                self._ahead.appendleft(request)
                return


def _kind(case: Case) -> Kind:
    return tuple((fault.site, fault.action) for fault in case.faults)
