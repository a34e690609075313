"""Wrong: forks a process a CPU, and this machine says that it has a hundred."""

import os

import plain

CPUS = 100
children = []
for _ in range(CPUS):
    children.append(os.fork())
    if not children[-1]:
        plain.wait()
plain.serve(children)
