"""Right: takes its time, forks a helper that leaves, and has no READY=1: its port answers once it serves."""

import os
import socket
import sys
import time

import plain

plain.end_on_sigterm()
if not os.fork():
    os._exit(0)
os.wait()
time.sleep(3)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
