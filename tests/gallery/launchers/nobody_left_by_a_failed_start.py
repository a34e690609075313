"""Wrong: its second worker cannot be forked, so it ends with the cause, and forgets the first one."""

import os
import sys
import time

import plain

for _ in range(2):
    try:
        if not os.fork():
            time.sleep(30)
            os._exit(0)
    except OSError as error:
        sys.exit(f"cannot fork a worker: {error}")
plain.serve()
