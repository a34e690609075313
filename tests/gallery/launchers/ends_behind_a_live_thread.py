"""Wrong: its second thread cannot be started, main dies of that in plain sight, and the first one keeps the process."""

import threading

import plain

for _ in range(2):
    threading.Thread(target=threading.Event().wait).start()
plain.serve()
