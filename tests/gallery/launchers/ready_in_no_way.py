"""Right: serves, and never says so. Slow to start, and late under a fault that only delays it."""

import threading
import time

import plain

plain.end_on_sigterm()
time.sleep(1)
threading.Thread(target=plain.wait, daemon=True).start()
plain.wait()
