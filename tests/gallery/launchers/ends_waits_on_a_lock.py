"""Wrong: waits for ever, before READY=1, for a lock that a thread which is gone has taken."""

import threading

import plain

lock = threading.Lock()
taker = threading.Thread(target=lock.acquire)
taker.start()
taker.join()
with lock:
    plain.serve()
