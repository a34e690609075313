"""Wrong: asks a broker that refuses again and again, without end and without a word."""

import sys
import time

import backends


def main():
    backends.prepare(sys.argv[1])
    from oslo_service import service
    from rpc_service import CONF, RpcService

    class Patient(RpcService):
        def start(self):
            while True:
                try:
                    return self.listen()
                except OSError:
                    time.sleep(0.2)

    return service.launch(CONF, Patient()).wait()


if __name__ == "__main__":
    sys.exit(main())
