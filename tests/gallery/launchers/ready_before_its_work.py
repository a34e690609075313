"""Wrong: says READY=1, and only then starts the thread that does the work."""

import sys
import threading
import time

import plain

plain.end_on_sigterm()
plain.say()
try:
    threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
except RuntimeError as error:
    sys.exit(f"cannot start: {error}")
plain.wait()
