"""Wrong: binds a Unix socket in TMPDIR and does not unlink it."""

import os
import socket

import plain

listener = socket.socket(socket.AF_UNIX)
listener.bind(os.path.join(os.environ["TMPDIR"], "control"))
listener.listen()
plain.serve()
