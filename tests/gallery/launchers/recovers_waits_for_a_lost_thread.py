"""Wrong: the thread that would tell it to go on could not be started; it logs that, and waits to be told."""

import logging
import threading

import plain

go_on = threading.Event()
try:
    threading.Thread(target=go_on.set).start()
except RuntimeError as error:
    logging.error("a thread could not be started: %s", error)
go_on.wait()
plain.serve()
