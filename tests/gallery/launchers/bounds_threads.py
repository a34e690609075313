"""Wrong: starts as many threads as its settings say, and nobody bounded that."""

import threading

import plain

THREADS = 400
for _ in range(THREADS):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
plain.serve()
