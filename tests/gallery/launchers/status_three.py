"""Right: a thread cannot be started, so it says why and exits 3."""

import logging
import sys
import threading

import plain

try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    logging.critical("cannot start: %s", error)
    sys.exit(3)
plain.serve()
