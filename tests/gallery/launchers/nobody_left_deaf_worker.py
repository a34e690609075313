"""Wrong: passes SIGTERM on to its worker, which ignores it, and does not wait to see it go."""

import os
import signal
import sys
import time

import plain

signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = os.fork()
if not worker:
    time.sleep(30)
    os._exit(0)


def stop(*_):
    os.kill(worker, signal.SIGTERM)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
plain.say()
plain.wait()
