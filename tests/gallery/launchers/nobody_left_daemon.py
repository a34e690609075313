"""Wrong: starts a daemon (forked twice, in a session of its own) and does not end it."""

import os
import time

import plain

if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(30)
    os._exit(0)
os.wait()
plain.serve()
