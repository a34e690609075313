"""Right: ends under both backends, with other words and another status. arguments: backend, workers."""

import sys
import threading

import plain

try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    if sys.argv[1] == "eventlet":
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(4)
    raise
plain.serve()
