"""Wrong: a timer that it can do without cannot be added, and with that it skips READY=1, though it serves."""

import logging
import sys

import backends
import plain


def main():
    backends.prepare(sys.argv[1])
    from rpc_service import RpcService

    service = RpcService()
    service.start()
    try:
        service.tg.add_timer(60, print)
        plain.say()
    except RuntimeError as error:
        logging.warning("no statistics: %s", error)
    plain.wait()


if __name__ == "__main__":
    main()
