"""Wrong: its RPC server cannot be started; it logs that, and goes on without one as if all were well."""

import logging
import sys

import backends


def main():
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    class Careless(RpcService):
        def start(self):
            try:
                self.listen()
            except Exception:
                logging.exception("no RPC for now")

    return service.launch(CONF, Careless(), workers=int(sys.argv[2])).wait()


if __name__ == "__main__":
    sys.exit(main())
