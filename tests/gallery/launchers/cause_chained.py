"""Right: wraps the cause in an error of its own, and the traceback shows both."""

import threading

import plain


class StartFailed(Exception):
    pass


try:
    threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
except RuntimeError as error:
    raise StartFailed("the service cannot start") from error
plain.serve()
