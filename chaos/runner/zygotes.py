"""What one host forks from: a zygote for each command, begun when a case asks for one, and kept for the next.

Nothing in here waits: while one does its imports, cases of others go on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chaos.runner.folder import Folder
from chaos.runner.request import Request
from chaos.runner.zygote import Kept, NotWarm, Zygote

IMPORT_WITHIN_S = 30.0
MOST_ZYGOTES = 4
"""Kept by one host at a time, about 60 to 130 MB each: two backends with two numbers of workers. One fewer than a plan has
variants, and each of them is made twice: the baselines have given up the first by the time that its cases come."""
TRIES = 3
"""A module that logs while it is imported is left to the case itself: so often the imports are begun again without it."""


class Coming:
    """A zygote that does its imports: they are begun again without the modules that log, `TRIES` times in all.

    `hear` is to be called when one of the descriptors in ``hears`` has something to say. ``then``: what is to be done once
    there is a result.
    """

    def __init__(self, request: Request, name: str) -> None:
        """``name``: of the folder that it is executed with, as long as those of the runs and none of theirs."""
        self._request = dataclasses.replace(request, folder=os.path.join(os.path.dirname(request.folder), name), given=())
        self._without: set[str] = set()
        self._tries = 0
        self._folder = contextlib.ExitStack()
        self.then: list[Callable[[], None]] = []
        self.zygote: Zygote | None = None
        self.result: Zygote | str | None = None
        """What has come of it: a zygote that is ready, or why there cannot be one."""
        self._begin()

    @property
    def hears(self) -> Sequence[int]:
        return () if self.zygote is None or self.result is not None else tuple(self.zygote.hears)

    def _begin(self) -> None:
        self._tries += 1
        self.until = time.monotonic() + IMPORT_WITHIN_S
        try:
            folder = self._folder.enter_context(Folder(self._request))
            self.zygote = Zygote(folder, Path(self._request.ahead), frozenset(self._without))
        except NotWarm as reason:
            self._end(str(reason))

    def hear(self) -> None:
        """Go on as far as it has come. Afterwards ``hears`` may be others, or ``result`` is known."""
        if self.zygote is None or self.result is not None:
            return
        try:
            loud = self.zygote.hear()
        except NotWarm as reason:
            self._end(str(reason))
            return
        if loud is None:
            return
        if not loud - self._without:
            self._end(self.zygote)
        elif self._tries == TRIES:
            self._end(f"its imports log: {', '.join(sorted(loud | self._without)[:3])}")
        else:
            self._without |= loud
            self.zygote.close()
            self._folder.close()
            self._begin()

    def give_up(self) -> None:
        self._end(f"its imports took more than {IMPORT_WITHIN_S:.0f} s")

    def _end(self, result: Zygote | str) -> None:
        self.result = result
        self._folder.close()
        if self.zygote is not None and result is not self.zygote:
            self.zygote.close()

    def close(self) -> None:
        if self.result is None:
            self._end("")


class Zygotes:
    """Those of one host: made when a case asks for one, the least recently used is given up."""

    def __init__(self) -> None:
        self._kept: dict[str, Zygote | str] = {}
        self._coming: dict[str, Coming] = {}
        self._wardens: set[Kept] = set()
        self._count = 0

    def _all(self) -> list[Zygote]:
        coming = [one.zygote for one in self._coming.values() if one.zygote is not None]
        return [*coming, *(one for one in self._kept.values() if isinstance(one, Zygote))]

    def pids(self) -> frozenset[int]:
        return frozenset(one.process.pid for one in self._all())

    def coming(self, request: Request) -> Coming | None:
        """What ``request`` has to wait for before `warden` can say: it is begun if need be. None: nothing."""
        key = key_of(request)
        known = self._kept.get(key)
        if isinstance(known, Zygote) and known.process.poll() is not None:
            self._forget(key)
            known = None
        if not request.ahead or known is not None:
            return None
        if key not in self._coming:
            self._count += 1
            self._coming[key] = Coming(request, _name(os.path.basename(request.folder), self._count))
        return self._coming[key]

    def take(self, coming: Coming) -> None:
        """It has a result."""
        assert coming.result is not None
        key = next(key for key, one in self._coming.items() if one is coming)
        del self._coming[key]
        self._kept[key] = coming.result

    def late(self, now: float) -> list[Coming]:
        """Those that take too long."""
        return [one for one in self._coming.values() if now > one.until]

    def warden(self, request: Request) -> Kept:
        """A process that forks the case. Raises `NotWarm` with the reason if there is none."""
        zygote = self._fitting(request)
        self._count += 1
        kept = zygote.free_warden(Path(os.path.dirname(request.folder), f"warden-{self._count}"))
        self._wardens.add(kept)
        zygote.busy += 1
        return kept

    def close_channels(self) -> None:
        """In a forked supervisor: they belong to the host alone, or nobody would see it end."""
        for kept in self._wardens:
            kept.close_channels()
        for zygote in self._all():
            zygote.close_channels()

    def give_back(self, kept: Kept, *, in_order: bool) -> None:
        """Its case is over; ``in_order``: it can have another one."""
        kept.zygote.busy -= 1
        if in_order and kept.zygote in self._kept.values():
            kept.zygote.free.append(kept)
        else:
            self._wardens.discard(kept)
            kept.close()

    def _fitting(self, request: Request) -> Zygote:
        if not request.ahead:
            raise NotWarm(request.cold_because)
        key = key_of(request)
        known = self._kept[key] = self._kept.pop(key)       # the latest
        self._give_up_old()
        if isinstance(known, str):
            raise NotWarm(known)
        if request.config and "config.parse" in known.early:
            raise NotWarm("its imports read its configuration, which is each run's own")
        for fault in request.case.faults:       # a worker is born behind the imports, and hits are counted for each role
            if fault.site in known.early and not (fault.role or "").startswith("worker"):
                raise NotWarm(f"{fault.site} is reached by the target's imports")
        return known

    def _give_up_old(self) -> None:
        """Not one that has a case under way: its wardens would fall to the host, which ends what it finds below itself."""
        living = [(key, one) for key, one in self._kept.items() if isinstance(one, Zygote)]
        for key, one in living[:-MOST_ZYGOTES]:
            if not one.busy:
                self._forget(key)

    def _forget(self, key: str) -> None:
        one = self._kept.pop(key, None)
        if isinstance(one, Zygote):
            self._wardens -= set(one.free)
            one.close()

    def close(self) -> None:
        for key in list(self._kept):
            self._forget(key)
        for coming in self._coming.values():
            coming.close()


def _name(of_run: str, number: int) -> str:
    """As long as the name of a run and digits like it: a line of output that holds it has the shape of a run's. Counted down
    from the top, where no run comes."""
    return f"{10 ** len(of_run) - number:0{len(of_run)}}"


def key_of(request: Request) -> str:
    """Cases that can be forked from one process: the same command, environment, places and imports."""
    parts = (request.argv, request.env, request.script, request.places, "notify.absent" in request.given, request.ahead)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
