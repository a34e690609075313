"""Wrong: aborts in a thread, as a broken extension module does, before it is ready."""

import os
import threading
import time

import plain

threading.Timer(0.1, os.abort).start()
time.sleep(1)
plain.serve()
