"""Its workers die in start() at once, and its launcher forks them again for ever."""

from __future__ import annotations

import os
import sys
from typing import Any

from launchers.oslo import start


def main() -> int:
    def make(service: Any) -> Any:
        class Service(service.Service):  # type: ignore[misc]
            def start(self) -> None:
                os._exit(1)

        return Service()

    return start(make)


if __name__ == "__main__":
    sys.exit(main())
