"""Wrong: its second worker cannot be forked; it serves with one of two, and says READY=1 as ever."""

import logging
import os

import plain

children = []
for number in range(2):
    try:
        children.append(os.fork())
        if not children[-1]:
            plain.wait()
    except OSError as error:
        logging.warning("worker %d: %s", number, error)
plain.serve(children)
