"""Wrong: removes its temporary folder at the end of a good run, but not of a start that fails."""

import shutil
import sys
import tempfile
import threading

import plain

folder = tempfile.mkdtemp()
try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    sys.exit(f"cannot start: {error}")
try:
    plain.serve()
finally:
    shutil.rmtree(folder)
