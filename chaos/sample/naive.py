"""The same scheduler started the way most projects start theirs today: what the launcher beside it is measured against.

None of the launcher's care: the value of wait() is dropped, nobody watches the workers, the signal handlers are those
of oslo.service only, and readiness is what oslo.service says. Nobody waits for the broker: oslo.messaging does, for ever.
"""

import sys
from collections.abc import Sequence

from chaos.sample import concurrency


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scheduler as nova's cmd/scheduler.py does."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    backend = concurrency.chosen(arguments)
    concurrency.prepare(backend)

    from oslo_config import cfg
    from oslo_log import log as logging
    from oslo_service import service

    from chaos.sample import config
    from chaos.sample.careless import CarelessService

    conf = cfg.CONF
    config.parse(conf, arguments)
    logging.setup(conf, "scheduler")

    server = CarelessService.create(conf)
    launcher = service.launch(conf, server, workers=conf.workers)
    launcher.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
