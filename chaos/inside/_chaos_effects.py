"""What happens where a fault fires: one function an action, one table. Loaded only where a fault is armed."""
import posix
import sys


def act(action, token, args):
    """Do ``action``. Returns None to go on as if nothing had happened, or (answer,) to answer that instead of calling."""
    return ACTIONS[action](token, *args)


def _error_class(name):
    """``RuntimeError``, ``oslo_messaging.exceptions.MessagingTimeout``: a builtin or a dotted path."""
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        import builtins
        return getattr(builtins, attribute)
    __import__(module_name)
    return getattr(sys.modules[module_name], attribute)


def _error(token, name, number, message):
    """The exception itself. ``number``: its errno, or ""; the token stands at the end of its message.

    A class that is not here, that takes other arguments, or whose text would hide the token becomes a RuntimeError that
    names it: an exception without the token would be taken for one of the target's own.
    """
    text = (message + " " if message else "") + "[" + token + "]"
    try:
        cls = _error_class(name)
    except Exception as error:
        return RuntimeError("%s, which is not here (%s): %s" % (name, error, text))
    for arguments in ((int(number), text),) if number else ((text,), (text, text), (1, text)):
        try:
            made = cls(*arguments)
            if isinstance(made, BaseException) and token in str(made):
                return made
        except Exception:
            continue
    return RuntimeError("%s, which chaos cannot make: %s" % (name, text))


def _raise(token, name, number="", message=""):
    raise _error(token, name, number, message)


def _return(token, value="None"):
    words = {"None": None, "True": True, "False": False}
    if value in words:
        return (words[value],)
    try:
        return (int(value),)
    except ValueError:
        return (value,)


def _delay(token, seconds):
    """Late, in the way in which this thread or greenthread waits (``time.sleep`` as it is now, patched or not)."""
    import time
    time.sleep(float(seconds))


def _stall(token):
    """Block only the calling thread or greenthread, for ever: a lock, as it is now, that nobody will ever release."""
    import _thread
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire()


def _freeze(token):
    """Block the whole process for ever: a C lock that nobody releases, taken while holding the interpreter's lock."""
    import ctypes
    libc = ctypes.PyDLL(None)       # PyDLL: unlike CDLL it does not give the interpreter's lock away
    mutex = ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def _exit(token, status="0", how=""):
    """``sys.exit(status)``; with ``hard`` the process is gone at once, with no clean-up. A word is sys.exit's message."""
    code = int(status) if status.lstrip("-").isdigit() else status + " [" + token + "]"
    if how == "hard":
        posix._exit(code)
    raise SystemExit(code)


def _kill(token, name="KILL"):
    _signal_self(name)
    while name == "KILL":           # the signal is on its way: nothing of the target may run before it arrives
        posix.sched_yield()


def _signal_self(name):
    import _signal
    posix.kill(posix.getpid(), getattr(_signal, "SIG" + name))


ACTIONS = {
    "raise": _raise,
    "return": _return,
    "delay": _delay,
    "stall": _stall,
    "freeze": _freeze,
    "exit": _exit,
    "kill": _kill,
}
