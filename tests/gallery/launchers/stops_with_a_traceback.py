"""Wrong: its clean-up after SIGTERM fails, so that an ordered stop looks like a crash."""

import signal

import plain


def stop(*_):
    raise AttributeError("'NoneType' object has no attribute 'close'")


signal.signal(signal.SIGTERM, stop)
plain.say()
plain.wait()
