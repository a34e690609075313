"""Wrong: ignores SIGTERM."""

import signal
import time

import plain

signal.signal(signal.SIGTERM, signal.SIG_IGN)
plain.say()
time.sleep(60)
