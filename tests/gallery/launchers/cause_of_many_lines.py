"""Right: the error has several lines, and the cause stands in one of the later ones."""

import logging
import sys
import threading

import plain

try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    logging.critical("cannot start\nwhat: the thread that reports the state\nwhy: %s\nwhat to do: see ulimit -u", error)
    sys.exit(1)
plain.serve()
