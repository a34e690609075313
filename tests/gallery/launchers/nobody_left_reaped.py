"""Right: its helpers die one after the other while it starts and serves, and each is reaped."""

import os
import signal
import sys
import time

import plain

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
for number in range(1000):
    if number == 5:
        plain.say()
    if not os.fork():
        os._exit(number % 3)
    os.wait()
    time.sleep(0.05)
    if told:
        sys.exit(0)
