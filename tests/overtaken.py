"""Two threads of which the one that was started second comes to run first. No test."""

from __future__ import annotations

OVERTAKEN = """
import threading
second_is_over = threading.Event()
def held(frame, event, arg):                    # called before a thread runs its first line
    if threading.current_thread().name == "first":
        second_is_over.wait()
class Second(threading.Thread):
    def _delete(self):                          # it has run, or what it should have run was left out
        second_is_over.set()
        super()._delete()
threading.setprofile(held)
threading.excepthook = lambda given: None
crowd = [Thread(target=lambda: say(threading.current_thread().name), name=name)
         for Thread, name in ((threading.Thread, "first"), (Second, "second"))]
for one in crowd: one.start()
for one in crowd: one.join()
"""
"""Put ``say`` before it: a function that is told the name of each that runs."""
