"""The naive launcher, whose workers answer well, or as the variable ANSWERS says: ``mute`` (one worker takes its calls
and never answers), ``raises`` (its only method fails on each call), ``other`` (it has no such method)."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path


class Works:
    def select_destinations(self, context: object, request: object) -> list[object]:
        return []


class Mute:
    def select_destinations(self, context: object, request: object) -> None:
        threading.Event().wait()


class OutOfOrder(Exception):
    """Of a module that no caller allows: it arrives as a RemoteError."""


class Raises:
    def select_destinations(self, context: object, request: object) -> None:
        raise OutOfOrder("it never works")


class Other:
    def do_something_else(self, context: object) -> None:
        pass


def endpoint() -> object:
    """Of this worker; of several that are to be ``mute`` the first to come is."""
    how = os.environ.get("ANSWERS", "works")
    if how == "mute":
        try:
            Path(os.environ["FOLDER"], "mute").mkdir()
        except FileExistsError:
            return Works()
    return {"mute": Mute, "raises": Raises, "other": Other, "works": Works}[how]()


def main() -> int:
    from chaos.sample import concurrency, naive

    concurrency.prepare(concurrency.chosen(sys.argv[1:]))
    from chaos.sample import careless

    careless.SchedulerEndpoint = lambda manager: endpoint()  # type: ignore[assignment, misc]
    concurrency.prepare = lambda backend: None
    return naive.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
