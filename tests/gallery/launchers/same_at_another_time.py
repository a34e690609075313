"""Right: starts its thread on its way up, or, under eventlet, only when it stops: the fault meets it elsewhere."""

import signal
import sys
import threading

import plain


def report(text):
    try:
        threading.Thread(target=plain.say, args=(f"STATUS={text}",)).start()
    except RuntimeError as error:
        sys.exit(f"cannot report: {error}")


def stop(*_):
    if sys.argv[1] == "eventlet":
        report("stopping")
    sys.exit(0)


if sys.argv[1] == "threading":
    report("starting")
signal.signal(signal.SIGTERM, stop)
plain.say()
plain.wait()
