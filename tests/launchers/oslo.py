"""The nova-shaped start that the small launchers of this folder share; each breaks one thing in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def start(make: Callable[[Any], Any]) -> int:
    """Serve ``make(oslo_service.service)`` with the backend and the workers that the command line names."""
    backend, workers = sys.argv[1], int(sys.argv[2])
    if backend == "eventlet":
        import eventlet

        eventlet.monkey_patch()
    else:
        from oslo_service import backend as backends

        backends.init_backend(backends.BackendType.THREADING)
    from oslo_config import cfg
    from oslo_service import service

    conf = cfg.ConfigOpts()
    conf([], project="launchers")
    status = service.launch(conf, make(service), workers=workers).wait()
    return int(status or 0)
