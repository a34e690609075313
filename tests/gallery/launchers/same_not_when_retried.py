"""Wrong: tries again under one backend only. arguments: backend, workers."""

import sys
import threading
import time

import plain

attempts = {"eventlet": 1, "threading": 3}[sys.argv[1]]
for _ in range(attempts):
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
        break
    except RuntimeError as error:
        cause = error
    time.sleep(0.1)
else:
    sys.exit(f"cannot start: {cause}")
plain.serve()
