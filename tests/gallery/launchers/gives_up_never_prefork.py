"""Wrong: forks its worker again whenever it dies, however often it does."""

import os
import threading
import time

import plain

while True:
    if not os.fork():
        threading.Thread(target=plain.serve).start()
        plain.serve()
    os.wait()
    time.sleep(0.1)
