"""Wrong: one of its workers dies on the way up; nobody asks for it, and READY=1 is said all the same."""

import os
import sys
import time

import backends
import plain


def main():
    backends.prepare(sys.argv[1])
    from rpc_service import RpcService

    children = []
    for _ in range(int(sys.argv[2])):
        children.append(os.fork())
        if not children[-1]:
            RpcService().start()
            plain.wait()
    time.sleep(0.5)
    plain.serve(children)


if __name__ == "__main__":
    main()
