"""Right: opens five thousand files, one after the other, and closes each."""

import os

import plain

for _ in range(5000):
    os.close(os.open(os.devnull, os.O_RDONLY))
plain.serve()
