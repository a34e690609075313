"""Right: has no handler, so that the SIGTERM by which it is stopped ends it."""

import time

import plain

plain.say()
while True:
    time.sleep(60)
