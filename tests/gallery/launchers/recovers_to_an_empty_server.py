"""Wrong: starts the very server again whose start failed: oslo.messaging says that it runs, and nothing listens."""

import logging
import sys
import time

import backends


def main():
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    class Again(RpcService):
        def listen(self):
            self.server = self.make_server()
            while True:
                try:
                    return self.server.start()
                except Exception as error:
                    logging.warning("once more: %s", error)
                    time.sleep(0.1)

    return service.launch(CONF, Again()).wait()


if __name__ == "__main__":
    sys.exit(main())
