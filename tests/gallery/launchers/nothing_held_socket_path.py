"""Wrong: binds a Unix socket in its run folder and does not unlink it: the next start finds the address in use."""

import os
import socket

import plain

listener = socket.socket(socket.AF_UNIX)
listener.bind(os.path.join(os.environ["GALLERY_SCRATCH"], "control"))
listener.listen()
plain.serve()
