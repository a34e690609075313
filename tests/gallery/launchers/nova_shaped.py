"""Wrong: launches a service as most projects do, and drops the value of wait(). arguments: backend, workers."""

import sys

import backends


def main():
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    launcher = service.launch(CONF, RpcService(), workers=int(sys.argv[2]))
    launcher.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
