"""Right: starts a worker that dies at once three times, and then ends; the worker's own last words name the cause."""

import os
import sys
import threading
import time

import plain

for _ in range(3):
    if not os.fork():
        threading.Thread(target=time.sleep, args=(1,)).start()
        plain.serve()
    _, status = os.wait()
    time.sleep(0.1)
sys.exit(f"the worker died three times, the last time with status {os.waitstatus_to_exitcode(status)}")
