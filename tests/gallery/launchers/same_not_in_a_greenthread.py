"""Wrong: under eventlet it starts its service in a greenthread, whose exception is shown to nobody who could act."""

import sys
import time

import backends
import plain


def main():
    backends.prepare(sys.argv[1])
    from rpc_service import RpcService

    service, started = RpcService(), []

    def start():
        service.start()
        started.append(True)

    if sys.argv[1] == "eventlet":
        import eventlet

        eventlet.spawn(start)
    else:
        start()
    while not started:
        time.sleep(0.05)
    plain.say()
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
