"""Right: forks a dozen short-lived helpers on its way up, some of which fail, and then serves."""

import os
import time

import plain

for number in range(12):
    if not os.fork():
        os._exit(number % 2)
    os.wait()
    time.sleep(0.05)
plain.serve()
