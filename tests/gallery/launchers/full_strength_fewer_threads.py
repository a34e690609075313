"""Wrong: its third thread cannot be started; it serves with three of four, and says READY=1 as ever."""

import logging
import threading

import plain

for number in range(4):
    try:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    except RuntimeError as error:
        logging.warning("thread %d: %s", number, error)
plain.serve()
