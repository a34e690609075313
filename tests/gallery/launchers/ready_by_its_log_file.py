"""Right: says that it is ready in its own log file and nowhere else, tries once more where a thread does not start."""

import os
import sys
import threading
import time

import plain

plain.end_on_sigterm()
with open(os.path.join(sys.argv[1], "shop.log"), "w") as log:
    try:
        threading.Thread(target=plain.wait, daemon=True).start()
    except RuntimeError as error:
        print(f"WARNING {error}; once more", file=log, flush=True)
        time.sleep(0.2)
        threading.Thread(target=plain.wait, daemon=True).start()
    print("shop is ready", file=log, flush=True)
    plain.wait()
