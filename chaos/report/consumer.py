"""What every report is to the sweep that feeds it. No report's own business."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from chaos.events import Event


class Consumer(Protocol):
    """Takes events in the order in which they happened; what it holds is given back when it is left.

    An ``OSError`` (a full disk, a place that may not be written) comes out of the method that met it: a report that
    quietly is not there would be read as a sweep that found nothing.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def feed(self, event: Event) -> None: ...
