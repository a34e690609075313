"""Wrong: leaves its main function when it is told to stop, and one of its threads does not."""

import threading

import plain

threading.Thread(target=threading.Event().wait).start()
plain.serve()
