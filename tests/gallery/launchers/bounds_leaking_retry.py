"""Wrong: each attempt to start opens fifty sockets more and forgets to close them."""

import socket
import sys
import threading
import time

import plain

forgotten = []
for _ in range(10):
    forgotten.append([socket.socket() for _ in range(50)])
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
        break
    except RuntimeError as error:
        cause = error
    time.sleep(0.1)
else:
    sys.exit(f"cannot start: {cause}")
plain.serve()
