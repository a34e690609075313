"""Wrong: its clean-up fails as well, and what it says is only that."""

import logging
import sys
import threading

import plain


class Pool:
    thread = None

    def open(self):
        self.thread = threading.Thread(target=plain.say, args=("STATUS=starting",))
        self.thread.start()

    def close(self):
        self.thread.join()


pool = Pool()
try:
    pool.open()
except RuntimeError:
    try:
        pool.close()
    except RuntimeError as error:
        logging.error("shutting down: %s", error)
    sys.exit(1)
plain.serve()
