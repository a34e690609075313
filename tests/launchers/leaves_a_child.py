"""Starts a child in a session of its own and never ends it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from launchers.oslo import start


def main() -> int:
    def make(service: Any) -> Any:
        class Service(service.Service):  # type: ignore[misc]
            def start(self) -> None:
                super().start()
                self.tg.add_timer(0.1, int)     # see healthy.py
                subprocess.Popen(["sleep", "1000"], start_new_session=True)

        return Service()

    return start(make)


if __name__ == "__main__":
    sys.exit(main())
