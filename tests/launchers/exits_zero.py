"""Finds out that it cannot start, says so, and exits 0."""

from __future__ import annotations

import sys
from typing import Any

from launchers.oslo import start


def main() -> int:
    def make(service: Any) -> Any:
        print("ERROR: no such configuration file: /etc/nowhere.conf", file=sys.stderr)
        sys.exit(0)

    return start(make)


if __name__ == "__main__":
    sys.exit(main())
