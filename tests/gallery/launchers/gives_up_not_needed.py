"""Right: its first two workers die at once, and the third one serves."""

import os
import signal
import sys
import threading
import time

import plain

while True:
    worker = os.fork()
    if not worker:
        threading.Thread(target=time.sleep, args=(0.1,)).start()
        plain.serve()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGTERM))
    _, status = os.wait()
    if status == 0:
        sys.exit(0)
    time.sleep(0.1)
