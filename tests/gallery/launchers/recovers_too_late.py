"""Wrong: one fork fails, and it naps for ten minutes before the next attempt."""

import os
import time

import plain

while True:
    try:
        if not os.fork():
            os._exit(0)
        break
    except OSError:
        time.sleep(600)
plain.serve()
