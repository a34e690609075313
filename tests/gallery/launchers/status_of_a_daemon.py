"""Wrong: leaves the work to a child in the background and exits 0 before anybody knows whether it will serve."""

import os
import sys
import time

if os.fork():
    sys.exit(0)
os.setsid()
time.sleep(30)
