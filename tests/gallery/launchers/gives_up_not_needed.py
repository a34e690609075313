"""Right: its first two workers die at once, and the third one serves."""

import os
import signal
import sys
import threading
import time

import plain

workers = []
signal.signal(signal.SIGTERM, lambda *_: os.kill(workers[-1], signal.SIGTERM))
while True:
    workers.append(os.fork())
    if not workers[-1]:
        threading.Thread(target=time.sleep, args=(0.1,)).start()
        plain.serve()
    _, status = os.wait()
    if status == 0:
        sys.exit(0)
    time.sleep(0.1)
