"""Right: takes most of a second, and a thread, before it serves."""

import threading
import time

import plain

threading.Thread(target=time.sleep, args=(0.8,), daemon=True).start()
time.sleep(0.8)
plain.serve()
