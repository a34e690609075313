"""Right: a SIGTERM on its way up ends it at once, with a status that says so, and with nothing to explain."""

import signal
import sys
import threading

import plain

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
plain.serve()
