"""A report that is one file, written whole when the sweep is over. It knows no format: that is ``render``'s."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.events import Event
from chaos.model import Judged
from chaos.report.atomic import write_atomically
from chaos.report.results import Gathering, Results


class FileReport:
    """Gathers events and writes ``render(results)`` to ``path`` when it is left, for whatever reason it is left.

    A sweep that is torn down (Ctrl-C, a defect of chaos) still reports what was finished; one that never started leaves
    an older report alone, and so does a write that fails, which raises ``OSError``.
    """

    def __init__(
        self, path: Path, render: Callable[[Results], Iterable[str]], *, keep: Callable[[Judged], Judged]
    ) -> None:
        self._path = path
        self._render = render
        self._gathering = Gathering(keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        results = self._gathering.results()
        if results is not None:
            write_atomically(self._path, self._render(results))

    def feed(self, event: Event) -> None:
        self._gathering.feed(event)
