"""A plain launcher of the standard library alone, with a thread, a worker and a program, for any CPython from 3.6 on."""
import logging
import os
import signal
import socket
import subprocess
import sys
import threading


def serve(children):
    def stop(*_):
        for child in children:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
        os._exit(0)
    signal.signal(signal.SIGTERM, stop)


def begin(children):
    thread = threading.Thread(target=signal.pause)
    thread.daemon = True
    thread.start()
    child = os.fork()
    if not child:
        serve([])
        while True:
            signal.pause()
    children.append(child)
    subprocess.check_call(["/bin/true"])


def main():
    children = []
    try:
        begin(children)
    except Exception as error:
        logging.error("cannot start: %s", error)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        sys.exit(2)
    serve(children)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    while True:
        signal.pause()
