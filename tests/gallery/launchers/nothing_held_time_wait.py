"""Right: it closed a connection first, so that its port is in TIME_WAIT when it ends; nobody holds that."""

import socket

import plain

with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
    served, _ = listener.accept()
    served.close()
    client.recv(1)
plain.serve()
