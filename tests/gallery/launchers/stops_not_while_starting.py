"""Wrong: a SIGTERM on its way up is noted, for later, and later never comes."""

import signal
import threading
import time

import plain

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
while told:
    time.sleep(0.05)
plain.serve()
