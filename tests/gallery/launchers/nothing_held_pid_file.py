"""Wrong: leaves its pid file behind: the next start takes it for a launcher that still runs."""

import os

import plain

with open(os.path.join(os.environ["GALLERY_SCRATCH"], "service.pid"), "x") as file:
    print(os.getpid(), file=file)
plain.serve()
