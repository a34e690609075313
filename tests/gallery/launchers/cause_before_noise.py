"""Right: the cause is the last error; what comes after it are lines of lower levels."""

import logging
import sys
import threading

import plain

logging.basicConfig(level=logging.DEBUG)
try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    logging.critical("cannot start: %s", error)
    for number in range(40):
        logging.info("closing connection %d, error count 0", number)
        logging.warning("connection %d was idle", number)
    print("goodbye")
    sys.exit(1)
plain.serve()
