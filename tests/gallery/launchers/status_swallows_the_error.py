"""Wrong: logs why it cannot start, and exits 0."""

import logging
import sys
import threading

import plain


def main():
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
        plain.serve()
    except Exception as error:
        logging.error("cannot start: %s", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
