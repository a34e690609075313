"""Does nothing, well."""

from __future__ import annotations

import sys
from typing import Any

from launchers.oslo import start


def main() -> int:
    def make(service: Any) -> Any:
        class Service(service.Service):  # type: ignore[misc]
            def start(self) -> None:
                super().start()
                self.tg.add_timer(0.1, int)     # without one, eventlet's hub sleeps for a minute through its SIGTERM

        return Service()

    return start(make)


if __name__ == "__main__":
    sys.exit(main())
