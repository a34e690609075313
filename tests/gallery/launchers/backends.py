"""Choose oslo.service's backend, before anything else is imported; then ``rpc_service`` may be."""

import logging
import warnings


def prepare(backend: str) -> None:
    """Patch if ``backend`` is eventlet, bind oslo.service to it, and log to standard error."""
    warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
    if backend == "eventlet":
        import eventlet

        eventlet.monkey_patch()
    from oslo_service import backend as chosen

    chosen.init_backend(chosen.BackendType(backend))
    logging.basicConfig(format="%(asctime)s.000 %(process)d %(levelname)s %(name)s [-] %(message)s",
                        datefmt="%Y-%m-%d %H:%M:%S", level=logging.INFO)
