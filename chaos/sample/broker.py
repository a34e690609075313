"""Wait for the message broker before anything is started: with a bound, and saying so; must not know the launcher.

In the launcher's own process, and before it has children: so one process speaks, not each worker, and SIGTERM, which has
its default action as long as there is nothing to stop, ends the wait at once. A broker that goes away after this is met
in the workers, which are bounded by the deadline of the start.
"""

import logging
import threading
import time
from collections.abc import Callable

import oslo_messaging
from oslo_config import cfg

from chaos.sample import config, logs, processes
from chaos.sample.exits import OutOfTime

LOG = logging.getLogger(__name__)

SAY_EVERY_S = 1.0
LATER_S = 0.3
"""How much later than the bound the timer in C is: for a process in which no Python code runs any more."""


class NoBroker(OutOfTime):
    """The broker let nobody in for as long as it was waited for. Not for one that goes away later."""


def wait_for(conf: cfg.ConfigOpts) -> None:
    """Return once the broker has let us in; at once for a transport that has none, or when `broker_wait` is 0.

    Raise `NoBroker` after `broker_wait` seconds. A broker that is there and refuses us is waited for as well: the user
    or virtual host may be about to be made. The last error tells which it is.
    """
    if conf.broker_wait and config.is_rabbit(conf.transport_url):
        _wait(_address(conf), conf.broker_wait, _connector(conf))


def _wait(address: str, within_s: float, connect: Callable[[], None]) -> None:
    processes.end_after(within_s + LATER_S)
    until = time.monotonic() + within_s
    connected = threading.Event()

    def ask() -> None:
        connect()
        connected.set()

    # A thread, for what it does has no bound of its own. An error that ends it ends the start: see the watch.
    threading.Thread(target=ask, name="broker", daemon=True).start()
    while not connected.wait(max(0.0, min(SAY_EVERY_S, until - time.monotonic()))):
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise NoBroker(f"no broker at {address} let us in within {within_s:g} s{logs.last_error()}")
        LOG.warning("waiting for the broker at %s, %.1f s still%s", address, left_s, logs.last_error())


def _connector(conf: cfg.ConfigOpts) -> Callable[[], None]:
    """Return what connects to the broker as the service will, with its hosts, password and certificates.

    oslo.messaging tries for ever, logs each failure, and takes no limit: its `retry` does not reach a connection that
    listens. Nor has it a public call that connects and does nothing else, so this takes the driver's own.
    """
    transport = oslo_messaging.get_rpc_transport(conf)

    def connect() -> None:
        with transport._driver._get_connection("listen"):  # and closed again: a forked worker must not share it
            pass

    return connect


def _address(conf: cfg.ConfigOpts) -> str:
    """``host:port``, several with a comma; nothing else of the URL: it has a password in it."""
    hosts = oslo_messaging.TransportURL.parse(conf).hosts
    return ", ".join(f"{host.hostname or 'localhost'}:{host.port or 5672}" for host in hosts) or "localhost:5672"
