"""Right: fifty threads, which is what a pool of a service has."""

import threading

import plain

for _ in range(50):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
plain.serve()
