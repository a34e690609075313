"""Its service waits in start() for what never comes, holding up whoever started it."""

from __future__ import annotations

import sys
from typing import Any

from launchers.oslo import start


def wait_for_a_peer_that_never_answers() -> None:
    import threading

    threading.Event().wait()


def main() -> int:
    def make(service: Any) -> Any:
        class Service(service.Service):  # type: ignore[misc]
            def start(self) -> None:
                wait_for_a_peer_that_never_answers()

        return Service()

    return start(make)


if __name__ == "__main__":
    sys.exit(main())
