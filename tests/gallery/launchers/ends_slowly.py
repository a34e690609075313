"""Right: takes more than a second before it serves."""

import threading
import time

import plain

threading.Thread(target=time.sleep, args=(1.2,), daemon=True).start()
time.sleep(1.2)
plain.serve()
