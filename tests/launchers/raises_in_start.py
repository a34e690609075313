"""Its service cannot start."""

from __future__ import annotations

import sys
from typing import Any

from launchers.oslo import start


def main() -> int:
    def make(service: Any) -> Any:
        class Service(service.Service):  # type: ignore[misc]
            def start(self) -> None:
                raise RuntimeError("the database schema is 3 versions behind")

        return Service()

    return start(make)


if __name__ == "__main__":
    sys.exit(main())
