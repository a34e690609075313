"""Wrong: says that it could not start, and not why."""

import logging
import sys
import threading

import plain

try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError:
    logging.error("the service could not be started, see the log for details")
    sys.exit(1)
plain.serve()
