"""Right: a log file stays, and a file of its state: they are there to be read later."""

import logging
import os

import plain

logging.basicConfig(filename=os.path.join(os.environ["GALLERY_SCRATCH"], "service.log"), level=logging.INFO)
logging.info("starting")
with open(os.path.join(os.environ["GALLERY_SCRATCH"], "state.json"), "w") as file:
    print("{}", file=file)
plain.serve()
