"""Whether somebody stands in a debugger in the tree, and for how long that was: such time counts against nobody. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Debugged:
    """``longest_s``: all the time that may be spent so; then the run goes on as if nobody were there."""

    longest_s: float
    past_s: float = 0.0
    since_s: float | None = None
    pids: set[int] = field(default_factory=set)
    now_s: float = 0.0

    def note(self, pid: int, what: str, now_s: float) -> None:
        """A process says that its debugger begins or ends."""
        if what == "begin":
            self.pids.add(pid)
            self.since_s = now_s if self.since_s is None else self.since_s
        else:
            self._keep(self.pids - {pid}, now_s)

    def is_on(self, now_s: float, is_gone: Callable[[int], bool]) -> bool:
        """Whether it is now; a process that is gone is in no debugger any more."""
        self.now_s = now_s
        if self.since_s is None:
            return False
        self._keep({pid for pid in self.pids if not is_gone(pid)}, now_s)
        return self.since_s is not None and self.spent_s < self.longest_s

    @property
    def spent_s(self) -> float:
        return self.past_s + (0.0 if self.since_s is None else self.now_s - self.since_s)

    def _keep(self, pids: set[int], now_s: float) -> None:
        self.pids = pids
        if not pids and self.since_s is not None:
            self.past_s += now_s - self.since_s
            self.since_s = None
