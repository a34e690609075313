"""Right: recovers under both backends, a second later under one. arguments: backend, workers."""

import sys
import threading
import time

import plain

while True:
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
        break
    except RuntimeError:
        time.sleep({"eventlet": 1.0, "threading": 0.1}[sys.argv[1]])
plain.serve()
