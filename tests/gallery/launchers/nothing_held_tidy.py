"""Right: removes its temporary folder, its pid file and its socket, also when its start fails."""

import os
import socket
import sys
import tempfile
import threading

import plain

run = os.environ["GALLERY_SCRATCH"]
with tempfile.TemporaryDirectory() as folder, open(f"{run}/service.pid", "x") as file:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{run}/control")
    print(os.getpid(), folder, file=file, flush=True)
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
        plain.serve()
    except RuntimeError as error:
        sys.exit(f"cannot start: {error}")
    finally:
        os.unlink(f"{run}/control")
        os.unlink(f"{run}/service.pid")
