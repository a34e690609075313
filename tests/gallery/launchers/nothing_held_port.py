"""Wrong: its helper inherits the listening socket and stays: nobody else can have that port."""

import os
import socket
import time

import plain

listener = socket.create_server(("127.0.0.1", 0))
if not os.fork():
    time.sleep(30)
    os._exit(0)
plain.serve()
