"""A small oslo.service service with an RPC server in memory; imported once ``backends.prepare`` was called."""

import oslo_messaging
from oslo_config import cfg
from oslo_service import service

CONF = cfg.CONF
CONF([], project="gallery")


class Endpoint:
    def double(self, context, number):
        return 2 * number


class RpcService(service.Service):
    """Serves when ``start()`` returned. ``listen`` is apart, for those that get it wrong."""

    def make_server(self):
        transport = oslo_messaging.get_rpc_transport(CONF, url="fake:/")
        target = oslo_messaging.Target(topic="gallery", server="here")
        return oslo_messaging.get_rpc_server(transport, target, [Endpoint()])

    def listen(self):
        self.server = self.make_server()
        self.server.start()

    def start(self):
        self.listen()
