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
    """Late, in the way in which this thread or greenthread waits (``time.sleep`` as it is now, patched or not).

    eventlet's hub itself may not wait in that way (a timer or a signal handler that spawns): it is slow as a whole then.
    """
    import time
    hub = getattr(getattr(sys.modules.get("eventlet.hubs"), "_threadlocal", None), "hub", None)
    if hub is not None and sys.modules["greenlet"].getcurrent() is hub.greenlet:
        import _chaos_agent
        _chaos_agent.real_sleep(float(seconds))
    else:
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


def _signal(token, name, whom="self", times="1"):
    """Send SIGNAME, so many times in a row, to this process or to the one that has the role ``whom`` now."""
    import _signal as numbers
    number = getattr(numbers, "SIG" + name)
    for _ in range(int(times)):
        posix.kill(_pid_of(whom), number)


def _pid_of(whom):
    if whom == "self":
        return posix.getpid()
    import _chaos_agent as agent
    import _chaos_tally as tally
    pid = tally.noted(agent.where, whom)
    if not pid:
        raise ProcessLookupError("no process has been %s yet" % whom)
    return pid


def _limit(token, what, amount="0"):
    import _chaos_limits
    _chaos_limits.limit(what, amount)


def _note(token):
    """Nothing: what is wrong was put in place before the start, and now the target has met it."""


def _close(token, *numbers):
    """These descriptors are closed, as a careless supervisor leaves them: what is opened next takes their place."""
    for number in numbers or ("1", "2"):
        posix.close(int(number))


def _fill(token, kind="pipe"):
    """What is written to standard output and error goes into a pipe, or a socket, that is full and that nobody reads."""
    reader, writer = posix.pipe() if kind == "pipe" else _two_sockets()
    posix.set_blocking(writer, False)
    try:
        while True:
            posix.write(writer, b"." * 65536)
    except BlockingIOError:
        pass
    posix.set_blocking(writer, True)
    posix.dup2(writer, 1)
    posix.dup2(writer, 2)
    posix.close(writer)
    posix.dup2(reader, 499)         # kept open, out of the way: without a reader it would be a broken pipe
    posix.close(reader)


def _two_sockets():
    import _socket
    return [one.detach() for one in _socket.socketpair()]


def _full(token):
    """What is written to standard output and error finds no space left on its device."""
    device = posix.open("/dev/full", posix.O_WRONLY)
    posix.dup2(device, 1)
    posix.dup2(device, 2)
    posix.close(device)


def _preload(token):
    """What monkey patching comes too late for."""
    import ssl
    import threading
    assert ssl and threading


def _twice(token):
    """The standard library is patched once more than the target does it."""
    import eventlet.patcher
    eventlet.patcher.monkey_patch.__wrapped__()


def _jump(token, seconds):
    """The wall clock jumps: ``time.time`` is off by so much from now on (the monotonic clock never is)."""
    import time
    now, offset = time.time, float(seconds)

    def chaos_time():
        return now() + offset
    time.time = chaos_time


def _two_addresses(token):
    """From now on this machine's name has another address, which comes first and on which nobody listens: what a name has
    that is served by two machines of which one is gone. Below ``socket.getaddrinfo``, so that eventlet's goes by it too."""
    import _socket
    real = _socket.getaddrinfo
    if real.__module__ == __name__:
        return

    def getaddrinfo(*args, **kwargs):
        found = real(*args, **kwargs)
        dead = [(*entry[:4], ("127.0.0.2", *entry[4][1:])) for entry in found if entry[4][0] == "127.0.0.1"]
        return dead + found
    _socket.getaddrinfo = getaddrinfo


ACTIONS = {
    "signal": _signal,
    "limit": _limit,
    "note": _note,
    "close": _close,
    "fill": _fill,
    "full": _full,
    "preload": _preload,
    "twice": _twice,
    "two_addresses": _two_addresses,
    "jump": _jump,
    "raise": _raise,
    "return": _return,
    "delay": _delay,
    "stall": _stall,
    "freeze": _freeze,
    "exit": _exit,
    "kill": _kill,
}
