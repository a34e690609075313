"""Right: three of its children are dead and not reaped when it ends; they are nobody that could stay."""

import os

import plain

for _ in range(3):
    if not os.fork():
        os._exit(1)
plain.serve()
