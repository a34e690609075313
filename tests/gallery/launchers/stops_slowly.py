"""Right: takes most of a second to finish its work when it is told to stop."""

import signal
import sys
import time

import plain


def stop(*_):
    time.sleep(0.8)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
plain.say()
plain.wait()
