"""What the start needs of Linux: die with the parent, learn of an end, show every stack; must not decide when."""

import contextlib
import faulthandler
import fcntl
import gc
import os
import posix
import signal
import sys
import time
import traceback

F_SETSIG = 10  # fcntl(2); the fcntl module has no name for it
STDERR = 2


def die_with(pipe_path: str) -> None:
    """Have the kernel kill this process when the last writer of a pipe is gone, or now if it is gone already.

    The kernel, not a thread: it works when this process is frozen, and when it can start no thread. Not
    PR_SET_PDEATHSIG: that follows the *thread* which forked, and cotyledon forks from one that ends at SIGTERM. The
    pipe is opened anew because owner and signal belong to an open file, which forked processes would share.
    """
    pipe = os.open(pipe_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    with contextlib.suppress(BlockingIOError):  # the parent holds the other end
        posix.read(pipe, 1)
        os.kill(os.getpid(), signal.SIGKILL)


def how_it_ended(pidfd: int | None) -> str:
    """Return how a child ended, without reaping it; nothing while it runs.

    No descriptor, or none of a child of ours: the launcher has reaped it already, and only that it is gone is known.
    """
    try:
        end = None if pidfd is None else os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return "died"
    if end is None:
        return "died" if pidfd is None else ""
    if end.si_code == os.CLD_EXITED:
        return f"exited with status {end.si_status}"
    return f"was killed by {signal.Signals(end.si_status).name}"


def say(what: str) -> None:
    """Write one line to stderr in the format of the log, where there is no log, or none that may be used."""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    with contextlib.suppress(OSError):  # a full disk must not change how this ends
        posix.write(STDERR, f"{now}.000 {os.getpid()} CRITICAL {__name__} [-] {what}\n".encode())


def show_stacks() -> None:
    """Write the stacks of every thread and greenthread to stderr: faulthandler sees only the hub under eventlet."""
    faulthandler.dump_traceback(file=STDERR, all_threads=True)
    if "greenlet" not in sys.modules:
        return
    from greenlet import greenlet

    gc.unfreeze()  # oslo.service hides all objects from the collector before it forks
    for suspended in (thing for thing in gc.get_objects() if isinstance(thing, greenlet)):
        if suspended.gr_frame is not None:
            stack = "".join(traceback.format_stack(suspended.gr_frame))
            with contextlib.suppress(OSError):  # not os.write: eventlet's waits in the hub, and raises for /dev/null
                posix.write(STDERR, f"Greenthread {id(suspended):#x} (most recent call last):\n{stack}".encode())


def end_after(seconds: float) -> None:
    """End this process in `seconds` with status 1 and every stack on stderr, unless `end_after` is called again.

    faulthandler waits in C and needs no GIL: it ends a process too in which no Python code runs any more. Only for the
    parent: a worker that was forked while a timer ran would wait for ever for that timer's thread, which it does not
    have, as soon as it armed or cancelled one of its own.
    """
    # The timer's thread blocks every signal, but itself, once it runs: a busy machine may hand it, before, a SIGHUP that
    # the main thread holds back.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
    except RuntimeError:  # no thread can be started any more: whoever asks has other ways to end
        pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
