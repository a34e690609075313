"""Right, as far as anybody can tell: oslo.service says READY=1 while its service still needs half a second to start."""

import sys
import time

import backends


def main():
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    class Slow(RpcService):
        def start(self):
            time.sleep(0.5)
            self.listen()

    return service.launch(CONF, Slow()).wait()


if __name__ == "__main__":
    sys.exit(main())
