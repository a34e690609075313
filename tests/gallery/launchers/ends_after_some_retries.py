"""Right: tries four times to start a thread, and then ends with the cause."""

import sys
import threading
import time

import plain

for attempt in range(1, 5):
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
        break
    except RuntimeError as error:
        cause = error
    time.sleep(0.15 * attempt)
else:
    sys.exit(f"gave up after 4 attempts: {cause}")
plain.serve()
