"""Right: makes a new server after one that could not be started, and that one serves."""

import logging
import sys
import time

import backends


def main():
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    class Afresh(RpcService):
        def start(self):
            while True:
                try:
                    return self.listen()
                except Exception as error:
                    logging.warning("once more: %s", error)
                    time.sleep(0.1)

    return service.launch(CONF, Afresh()).wait()


if __name__ == "__main__":
    sys.exit(main())
