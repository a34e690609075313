"""Right: keeps its chatter in a file, and says on standard error, too, why it ends."""

import logging
import os
import sys
import threading

import plain

logging.basicConfig(filename=os.path.join(os.environ["GALLERY_SCRATCH"], "service.log"), level=logging.DEBUG)
logging.info("starting")
try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    logging.exception("cannot start")
    sys.exit(f"cannot start: {error}")
plain.serve()
