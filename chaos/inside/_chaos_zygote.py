"""A process that has done the target's imports, and what is forked from it: wardens, and a fresh start for every case.

Neither it nor a warden ever leaves ``sitecustomize``; a warden's child does: the interpreter goes on with the script, the
arguments and the environment that it was executed with, as after an exec, and ends by the interpreter's real end. A warden
is the parent and the sub-reaper of one case at a time, so that all that comes from the case is below it, whatever it does
to hide; when nobody is left who could ask, it ends what is below it and goes.
"""
import posix
import sys

import _chaos_agent as agent

HARMLESS_HOOKS = ("_chaos_", "concurrent.futures", "eventlet", "logging", "random", "threading", "asyncio", "ssl")
"""Whose at-fork hooks a fork of ours may run: they only renew what a fork makes stale."""
RENEWED = (("logging", "_startTime"),)
"""Times that a module keeps of its import, and that a case has anew."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CONTROL = agent.out_of_the_way(600)
ANSWERS = CONTROL + 1


def serve(control, answers, parent, ahead):
    """Get ready, say so, and wait. Returns only in a process that is to become a case."""
    _take(int(control), int(answers))
    _end_with(int(parent))
    _say(_prepare(ahead) + ["ready"])
    while True:
        folder = _line()
        if not folder:
            posix._exit(0)
        if posix.fork() == 0:
            break
        try:
            while posix.waitpid(-1, posix.WNOHANG)[0]:
                pass                # wardens that have left
        except ChildProcessError:
            pass
    _take(posix.open(folder + "/ask", posix.O_RDONLY), posix.open(folder + "/told", posix.O_WRONLY))
    _guard()


def leave(error):
    """Something of ours went wrong: say what, and end."""
    try:
        posix.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode("utf-8", "backslashreplace"))
    finally:
        posix._exit(70)


def _take(control, answers):
    """From now on these are the channels."""
    _buffered[:] = [b""]
    for fd, number in ((control, CONTROL), (answers, ANSWERS)):
        posix.dup2(fd, number, inheritable=False)
        posix.close(fd)


_buffered = [b""]


def _line():
    """The next line that is asked; "" when nobody is left to ask."""
    while b"\n" not in _buffered[0]:
        read = posix.read(CONTROL, 4096)
        if not read:
            return ""
        _buffered[0] += read
    line, _, _buffered[0] = _buffered[0].partition(b"\n")
    return line.decode("utf-8", "surrogateescape")


def _say(lines):
    whole = "".join(line + "\n" for line in lines).encode("utf-8", "backslashreplace")
    while whole:
        whole = whole[posix.write(ANSWERS, whole):]


def _prepare(ahead):
    """Do the imports; what stands in the way of forking from here, as lines for the supervisor."""
    import os

    import _chaos_ahead
    import _chaos_effects  # a case that needs it has it
    assert _chaos_effects
    before, began = _open_files(), _clocks()
    by_chance = _kept_from_import(began)        # a constant that happens to be our number
    foreign, real = [], getattr(os, "register_at_fork", None)    # not before 3.7
    if real is not None:
        os.register_at_fork = _noting_hooks(real, foreign)
    found = _chaos_ahead.do(ahead)
    if real is not None:
        os.register_at_fork = real
    found += ["problem\t" + text for text in foreign + _changes(before, began) if text not in by_chance]
    found += ["early\t" + name for kind, name in agent._early if kind == "hit"]
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    import gc
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()             # or every case would copy all memory as soon as it collects
    return found


# --- the warden of one case after the other -----------------------------------------------------------------------------


def _guard():
    """Serve one supervisor after the other. Returns only in a case."""
    try:
        _become_subreaper()
        posix.dup2(0, 1)
        posix.dup2(0, 2)
        if _answers_until_it_is_a_case():
            return
    except Exception:
        pass                    # the supervisor hears nothing any more, and says so
    _end_all()
    posix._exit(0)


def _answers_until_it_is_a_case():
    """``case FOLDER OUTPUT``; ``go``; ``status``: how it ended, without reaping it; ``reap``: all the others; ``end``: kill
    and reap all. An answer a line. True in the case, False when nobody is left to ask."""
    case = release = 0
    while True:
        word, _, rest = _line().partition(" ")
        answer = ""
        if word == "case":
            folder, _, output = rest.rpartition(" ")
            case, release = _fork_case(folder, output)
            if not case:
                return True
            answer = str(case)
        elif word == "go":
            posix.write(release, b".")
            posix.close(release)
        elif word == "status":
            result = posix.waitid(posix.P_PID, case, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
            answer = "" if result is None else "%d %d" % (result.si_code, result.si_status)
        elif word == "reap":
            for pid in _children():
                if pid != case:
                    posix.waitpid(pid, posix.WNOHANG)
        elif word == "end":
            _end_all()
        else:
            return False
        _say([answer])


def _end_with(parent):
    """Be killed when the host is gone, in the middle of an import too. What is forked from here does not inherit it."""
    _prctl(PR_SET_PDEATHSIG, 9)
    if posix.getppid() != parent:
        posix._exit(0)          # it was gone before


def _become_subreaper():
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option, value):
    """By ``_ctypes`` alone: what it imports stays imported in every case."""
    import _ctypes
    prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")
    if _ctypes.call_function(prctl, (option, value, 0, 0, 0)):
        raise OSError("prctl(%d) failed" % option)


def _fork_case(folder, output):
    """(pid, the descriptor that lets it go), and (0, 0) in the case."""
    output = posix.open(output, posix.O_WRONLY | posix.O_CLOEXEC)
    released, release = posix.pipe()
    case = posix.fork()
    if case:
        posix.close(released)
        posix.close(output)
        return case, release
    posix.close(release)
    if not posix.read(released, 1):
        posix._exit(0)
    posix.dup2(output, 1)
    posix.dup2(output, 2)
    try:
        for fd in (released, output, CONTROL, ANSWERS):
            posix.close(fd)
        _become_a_case(folder)
    except BaseException:
        posix._exit(71)         # no case: a cold run will disagree
    return 0, 0


def _children():
    return [int(word) for word in agent.text_of("/proc/self/task/%d/children" % posix.getpid()).split()]


def _end_all():
    """Kill and reap whatever is below, until nothing is: what is killed leaves its children to us."""
    children = _children()
    while children:
        for pid in children:
            try:
                posix.kill(pid, 9)
                posix.waitpid(pid, 0)
            except OSError:
                pass
        children = _children()


# --- the case ------------------------------------------------------------------------------------------------------------


def _become_a_case(folder):
    posix.setsid()
    _move_to(folder)
    _renew_hub()
    _renew_times()


def _move_to(folder):
    """The folder of the run is not the one that this process was executed with: everywhere where that one's name stands.

    Both are of one length, so that they can be exchanged in place, also where the kernel looks for ``/proc/PID/cmdline``.
    """
    import os
    old = agent.where
    agent.where = folder
    for words in (getattr(sys, "argv", []), getattr(sys, "orig_argv", [])):
        words[:] = [word.replace(old, folder) for word in words]
    for name, value in list(os.environ.items()):
        if old in value:
            os.environ[name] = value.replace(old, folder)
            posix.environ[os.fsencode(name)] = os.fsencode(os.environ[name])
    fields = agent.text_of("/proc/self/stat").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[48])
    memory = posix.open("/proc/self/mem", posix.O_RDWR | posix.O_CLOEXEC)
    try:
        area = posix.pread(memory, end - start, start)
        posix.pwrite(memory, area.replace(os.fsencode(old), os.fsencode(folder)), start)
    finally:
        posix.close(memory)


def _hub():
    return getattr(getattr(sys.modules.get("eventlet.hubs"), "_threadlocal", None), "hub", None)


def _renew_times():
    import time
    for name, key in RENEWED:
        module = sys.modules.get(name)
        if module is not None:
            setattr(module, key, time.time_ns() if isinstance(getattr(module, key), int) else time.time())


def _renew_hub():
    """eventlet's hub was made by the patching: two processes must not share its epoll."""
    hub, hubs = _hub(), sys.modules.get("eventlet.hubs")
    if hub is not None:
        if hasattr(getattr(hub, "poll", None), "close"):
            hub.poll.close()
        hubs.use_hub()
        hubs.get_hub()


# --- is it as pristine as a fresh interpreter? -------------------------------------------------------------------------


def _open_files():
    found = {}
    for fd in posix.listdir("/proc/self/fd"):
        try:
            found[fd] = posix.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass                # of the listing itself
    return found


def _changes(before, began):
    """What a fork would not carry over, or would share: each as a sentence."""
    import _signal
    found = []
    threads = posix.listdir("/proc/self/task")
    if len(threads) > 1:
        found.append("its imports start %d threads" % (len(threads) - 1))
    renewed = {str(poll.fileno()) for poll in [getattr(_hub(), "poll", None)] if hasattr(poll, "fileno")}
    for fd, what in sorted(_open_files().items()):
        if before.get(fd) != what and fd not in renewed:
            found.append("its imports open " + what)
    if _children():
        found.append("its imports start a process")
    if any(_signal.getitimer(_signal.ITIMER_REAL)):
        found.append("its imports set an alarm")
    if not hasattr(sys, "argv") and _stands_in_arguments(agent.where):
        found.append("this Python reads its arguments later, and the folder of the run stands in them")
    return found + _kept_from_import(began)


def _stands_in_arguments(text):
    return text in agent.text_of("/proc/self/cmdline")


def _clocks():
    """What a module may have kept of the time: seconds of the clocks, and the same in nanoseconds and as a whole number."""
    import time
    seconds = time.time(), time.monotonic()
    return seconds, (int(seconds[0]),) + tuple(int(one * 1e9) for one in seconds)


def _kept_from_import(began):
    """Modules that keep the number or the folder of this process, or a time since ``began``: they are not the case's. A small
    number, as in a container, may be any constant, unless its name says what it is."""
    pid, found, now = posix.getpid(), [], _clocks()
    kinds = {float: list(zip(began[0], now[0])), int: list(zip(began[1], now[1]))}
    for name, module in list(sys.modules.items()):
        if name.startswith("_chaos_"):
            continue
        for key, value in list((getattr(module, "__dict__", None) or {}).items()):
            if type(value) is int and value == pid and (pid > 1000 or "pid" in key.lower()):
                found.append("%s keeps its process's number in %s" % (name, key))
            elif any(first <= value <= last for first, last in kinds.get(type(value), ())) and (name, key) not in RENEWED:
                found.append("%s keeps the time of its import in %s" % (name, key))
            elif type(value) is str and agent.where in value and key not in ("__file__", "__cached__"):
                found.append("%s keeps a path of one run in %s" % (name, key))
    return found


def _noting_hooks(real, found):
    """Notes who registers code to run at a fork: this process forks where the target would not."""
    def register_at_fork(**hooks):
        caller = sys._getframe(1).f_globals.get("__name__") or ""
        if not caller.startswith(HARMLESS_HOOKS):
            found.append("%s has code that runs at every fork" % caller)
        return real(**hooks)
    return register_at_fork
