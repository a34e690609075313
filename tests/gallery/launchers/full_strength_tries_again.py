"""Right: one of its threads cannot be started at first; it serves once all four run."""

import threading
import time

import plain

for _ in range(4):
    while True:
        try:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            break
        except RuntimeError:
            time.sleep(0.1)
plain.serve()
