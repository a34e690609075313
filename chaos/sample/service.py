"""The scheduler service, in nova's shape: a service that makes a manager and serves it; must not know its launcher."""

import logging
import os
from collections.abc import Mapping
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_service import periodic_task, service

from chaos.sample import inventory, placement

LOG = logging.getLogger(__name__)

PERIODIC_S = 60.0


class SchedulerManager(periodic_task.PeriodicTasks):  # type: ignore[misc]  # oslo.service is not typed
    """Holds the inventory and answers requests from it."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__(conf)
        self.hosts = inventory.generate(conf.inventory_seed, conf.inventory_hosts)

    @periodic_task.periodic_task(spacing=PERIODIC_S, run_immediately=True)  # type: ignore[untyped-decorator]
    def refresh_hosts(self, context: Mapping[str, Any]) -> None:
        """Read the inventory again, as nova's scheduler discovers hosts again."""
        self.hosts = inventory.generate(self.conf.inventory_seed, self.conf.inventory_hosts)
        LOG.debug("inventory: %d hosts, %d enabled", len(self.hosts), sum(host.enabled for host in self.hosts))


class SchedulerEndpoint:
    """What can be called over RPC; apart from the manager, whose public methods are not all for callers."""

    target = oslo_messaging.Target(version="1.0")

    def __init__(self, manager: SchedulerManager) -> None:
        self._manager = manager

    def select_destinations(self, context: Mapping[str, Any], request: dict[str, Any], count: int = 1) -> list[str]:
        """Return the names of the best hosts for `count` instances. The caller gets NoValidHost or BadRequest."""
        return list(placement.select(self._manager.hosts, placement.Request.parse(request), count))

    def which_process(self, context: Mapping[str, Any]) -> int:
        """Return the pid of the worker that answers; `SchedulerService.check_serving` asks for it."""
        return os.getpid()


class SchedulerService(service.Service):  # type: ignore[misc]  # oslo.service is not typed
    """An RPC server and a periodic task around the manager. Picklable until it is started, for spawned workers."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self.conf = conf
        self.manager = SchedulerManager(conf)
        self._transport: oslo_messaging.RPCTransport | None = None
        self._rpc_server: oslo_messaging.RPCServer | None = None

    @classmethod
    def create(cls, conf: cfg.ConfigOpts) -> "SchedulerService":
        """Make the service from its configuration, without connecting to anything."""
        return cls(conf)

    def start(self) -> None:
        """Serve RPC and run the periodic task; return when that is under way. Raise what makes it impossible."""
        transport = oslo_messaging.get_rpc_transport(self.conf)
        target = oslo_messaging.Target(topic=self.conf.topic, server=self.conf.host)
        server = oslo_messaging.get_rpc_server(transport, target, [SchedulerEndpoint(self.manager)])
        server.start(override_pool_size=self.conf.rpc_threads)
        # Kept only now: oslo.messaging's stop() of a server whose start() did not end waits for that end for ever.
        self._transport, self._rpc_server = transport, server
        self.tg.add_dynamic_timer(self._run_periodic_tasks, initial_delay=0, periodic_interval_max=PERIODIC_S)

    def check_serving(self) -> None:
        """Return when this process has answered a real call of its own; the caller sees to the deadline.

        Why a call: a start() of oslo.messaging that failed once and is called again returns success with no listener.
        The workers of a host share one queue, so another may answer: ask until the answer is our own pid.
        """
        target = oslo_messaging.Target(topic=self.conf.topic, server=self.conf.host)
        client = oslo_messaging.get_rpc_client(self._transport, target)
        while client.call({}, "which_process") != os.getpid():
            LOG.debug("another worker answered; asking again")

    def stop(self, graceful: bool = False) -> None:
        """Stop serving; calls that are being answered are ended. Does nothing in a process that never started."""
        server, self._rpc_server = self._rpc_server, None
        if server is not None:
            server.stop()
            server.wait()
        super().stop(graceful)

    def _run_periodic_tasks(self) -> float:
        """oslo.service ends a timer for good when its call raises; under eventlet a line in the log is all."""
        idle_s = PERIODIC_S
        try:
            idle_s = self.manager.run_periodic_tasks({})
        except Exception:
            LOG.exception("the periodic tasks failed; they are tried again in %g s", idle_s)
        return idle_s
