"""Stop at the moment before a fault, in pdb, over a socket beside this run's folder. Loaded where a debugger is asked for.

Whoever asked listens there and copies between it and a terminal; one process at a time has the word, the next waits for it.
Nothing that the target has patched is used: a socket of ``_socket``, read and written by ``posix``.
"""
import posix
import sys

import _chaos_agent as agent

_open = []              # the debugger of this process, for as long as somebody is in it


class _Line(object):
    """What pdb needs of a file: lines in, text out."""
    encoding, errors = "utf-8", "replace"

    def __init__(self, fd):
        self.fd = fd
        self.read = b""

    def readline(self):
        """A line with its end; "" when nobody will ever type one."""
        while b"\n" not in self.read:
            try:
                data = posix.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                return ""
            self.read += data
        line, _, self.read = self.read.partition(b"\n")
        return line.decode("utf-8", "replace") + "\n"

    def write(self, text):
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[posix.write(self.fd, data):]
        except OSError:
            pass                # nobody listens any more: readline will say so
        return len(text)

    def flush(self):
        pass

    def close(self):
        fd, self.fd = self.fd, -1
        if fd >= 0:
            posix.close(fd)


def stop(what):
    """Let somebody look and step, before ``what`` happens. Returns when they go on; at once where nobody listens."""
    if _open and _open[0][0] == posix.getpid():     # somebody steps through this process already
        _talk(*_open[0][1:], what=what)
        return
    del _open[:]                # of the parent, if this is a child of it
    try:
        line = _Line(_connected(agent.where.rpartition("/")[0] + "/debug"))
    except OSError:
        return
    agent.record("debug", "begin")
    debugger = _debugger(line)
    _open.append((posix.getpid(), debugger, line))
    _talk(debugger, line, what)


def _connected(path):
    import _socket
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    channel.connect(path)
    return channel.detach()


def _debugger(line):
    import pdb

    class Debugger(pdb.Pdb):
        """Ends when it is told to go on and has no breakpoint left. ``q`` and the end of input go on as well: whoever
        leaves wants to see what comes of it."""
        stays = True

        def set_continue(self):
            pdb.Pdb.set_continue(self)
            if not self.breaks:
                self._leave()

        def set_quit(self):
            self.clear_all_breaks()
            self.set_continue()

        def _leave(self):
            if self.stays:
                self.stays = False
                del _open[:]
                line.write("going on\n")
                line.close()
                agent.record("debug", "end")

    debugger = Debugger(stdin=line, stdout=line, skip=["_chaos_*"], nosigint=True, readrc=False)
    debugger.use_rawinput = False
    debugger.prompt = "(pdb %d) " % posix.getpid()
    return debugger


def _talk(debugger, line, what):
    """A prompt in the frame of the target that comes to the site."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("_chaos_"):
        frame = frame.f_back
    line.write("\npid %d, %s: about to happen here: %s\n" % (posix.getpid(), agent.role, what))
    debugger.reset()
    above = frame
    while above is not None:
        above.f_trace = debugger.trace_dispatch
        debugger.botframe = above
        above = above.f_back
    debugger.interaction(frame, None)
    if debugger.stays:          # it is stepped from here on, or runs to a breakpoint
        sys.settrace(debugger.trace_dispatch)
    else:
        while frame is not None:
            frame.f_trace = None
            frame = frame.f_back
