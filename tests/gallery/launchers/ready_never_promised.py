"""Right: is of Type=simple, so it never says READY=1; it serves all the same."""

import os
import sys

import backends


def main():
    del os.environ["NOTIFY_SOCKET"]
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    return service.launch(CONF, RpcService()).wait()


if __name__ == "__main__":
    sys.exit(main())
