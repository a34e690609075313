"""The scheduler service as many projects write theirs, for the naive launcher; must not be copied."""

import oslo_messaging

from chaos.sample.service import SchedulerEndpoint, SchedulerService


class CarelessService(SchedulerService):
    """Keeps its RPC server before that has started, as nova's does: who stops the service meanwhile waits for that."""

    def start(self) -> None:
        """Serve RPC and run the periodic task."""
        self._transport = oslo_messaging.get_rpc_transport(self.conf)
        target = oslo_messaging.Target(topic=self.conf.topic, server=self.conf.host)
        self._rpc_server = oslo_messaging.get_rpc_server(self._transport, target, [SchedulerEndpoint(self.manager)])
        self._rpc_server.start(override_pool_size=self.conf.rpc_threads)
        self.tg.add_dynamic_timer(self._run_periodic_tasks, initial_delay=0, periodic_interval_max=60)
