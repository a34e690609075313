"""Right: its helper learns by the end of a pipe that the launcher is gone, and follows it half a second later."""

import os
import time

import plain

reader, writer = os.pipe()
if not os.fork():
    os.close(writer)
    os.read(reader, 1)
    time.sleep(0.5)
    os._exit(0)
plain.serve()
