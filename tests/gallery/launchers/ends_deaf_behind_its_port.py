"""Wrong: where the thread that should answer does not start, its port stays open and nobody ever answers there."""

import socket
import sys
import threading

import plain


def answer() -> None:
    while True:
        with server.accept()[0] as one:
            one.recv(4096)
            one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


plain.end_on_sigterm()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
try:
    threading.Thread(target=answer, daemon=True).start()
except RuntimeError as error:
    print(f"ERROR {error}", flush=True)
plain.wait()
