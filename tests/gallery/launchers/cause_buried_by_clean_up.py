"""Wrong: says why, and then so many errors of its clean-up that nobody will read back as far as that."""

import logging
import sys
import threading

import plain

try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    logging.error("cannot start: %s", error)
    for number in range(30):
        logging.error("connection %d of the pool could not be closed: it is not open", number)
    sys.exit(1)
plain.serve()
