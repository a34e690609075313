"""What the supervisor asks of a running process: does its RPC server answer, and where does everything stand? On demand."""
import sys

import _chaos_agent as agent


def probe(servers):
    """Make one real call to each RPC server of this process through its own transport, and record who answered."""
    for server in servers:
        _in_background(_call, server)


def tell_takers(server):
    """From now on say of each call that this process takes what is asked for, before anything is done about it: of several
    workers on one queue nobody else can say which one an answer comes from."""
    dispatcher = getattr(server, "dispatcher", None)
    dispatch = getattr(dispatcher, "dispatch", None)
    if dispatch is None or "dispatch" in vars(dispatcher):
        return

    def chaos_taken(incoming):
        message = getattr(incoming, "message", None)    # of notifications it is a list of such
        if isinstance(message, dict):
            agent.record("took", str(message.get("method")))
        return dispatch(incoming)

    dispatcher.dispatch = chaos_taken


def _in_background(function, *args):
    """A greenthread where the hub runs, else a native thread that ``threading`` does not know and cannot refuse."""
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        import eventlet
        agent.unseen.append(function)
        try:
            eventlet.spawn_n(function, *args)
        finally:
            del agent.unseen[:]
    else:
        import _thread
        _thread.start_new_thread(function, args)


class _Ping(object):
    """An endpoint that only the probe knows: it rides on the server's own transport, listener and executor."""

    def __init__(self, target):
        self.target = target

    def chaos_ping(self, context):
        return "pong"


def _call(server):
    try:
        import oslo_messaging
        dispatcher, where = server.dispatcher, server._target
        spot = oslo_messaging.Target(namespace="chaos", version="1.0")
        if not any(isinstance(endpoint, _Ping) for endpoint in dispatcher.endpoints):
            dispatcher.endpoints = list(dispatcher.endpoints) + [_Ping(spot)]
        to = oslo_messaging.Target(topic=where.topic, server=where.server, exchange=where.exchange)
        message = {"method": "chaos_ping", "namespace": "chaos", "version": "1.0", "args": {}}
        # By the transport, not by an RPC client: that one reads the global configuration, which the target may not use.
        if server.transport._send(to, {}, message, wait_for_reply=True, timeout=2) == "pong":
            agent.record("mile", "answered")
    except Exception as error:
        agent.record("unanswered", type(error).__name__ + ": " + str(error))


def write_stacks(path, interrupted):
    """Write every thread's and greenthread's stack to ``path``, whole or not at all."""
    lines = []
    for ident, frame in sorted(sys._current_frames().items()):
        here = interrupted if frame.f_code.co_name == "write_stacks" or _is_ours(frame) else frame
        lines += ["thread %d" % ident] + _stack(here)
    for greenthread in _greenthreads():
        lines += ["greenthread %s" % hex(id(greenthread))] + _stack(greenthread.gr_frame)
    _write_whole(path, lines)
    agent.record("stacks", path)


def _write_whole(path, lines):
    agent.write_whole(path, ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))


def write_state(path, interrupted, counters):
    """Answer what cannot be seen from outside: the alarm, every thread's stack, what each eventlet hub has before it.

    ``counters``: what the kernel said of this thread before anything else was done.
    """
    import _signal
    now = agent._monotonic()
    switches = [line.split()[1].decode() for line in counters.split(b"\n") if b"voluntary_ctxt_switches" in line]
    lines = ["entered\t%.6f\t%s" % (now, "\t".join(switches)),
             "alarm\t%.6f" % _signal.getitimer(_signal.ITIMER_REAL)[0]]
    for ident, frame in sorted(sys._current_frames().items()):
        here = frame
        while here is not None and here.f_code is not write_state.__code__:
            here = here.f_back
        if here is not None:
            lines.append("main\t%d" % ident)
            frame = interrupted
        stack = _stack(frame)
        lines += ["thread\t%d" % ident] + stack
        hub = _hub_above(frame)
        if hub is not None:
            lines += _hub_lines(ident, hub)
    _write_whole(path, lines + ["end"])


def _hub_above(frame):
    """The eventlet hub whose loop this thread is in. Not by a search through all objects, which takes 50 ms."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "run" and code.co_filename.endswith("eventlet/hubs/hub.py"):
            return frame.f_locals.get("self")
        frame = frame.f_back
    return None


def _hub_lines(ident, hub):
    off = hub.clock() - agent._monotonic()
    lines = ["hub\t%d\t%d\t%d\t%.6f" % (ident, len(hub.closed), bool(hub.stopping), off)]
    for due, timer in list(hub.timers) + list(hub.next_timers):
        if not timer.called:
            name = getattr(timer.tpl[0], "__name__", "?")
            lines += ["timer\t%.6f\t%s" % (due, name)] + _green_stack(timer.tpl[0])
    for kind, listeners in hub.listeners.items():
        for number, listener in listeners.items():
            lines += ["listener\t%s\tdescriptor %d" % (kind, number)] + _green_stack(listener.cb)
    thread = hub.greenlet.parent
    while thread is not None:
        lines += ["suspended\ta greenthread"] + _stack(thread.gr_frame)
        thread = thread.parent
    return lines


def _green_stack(callback):
    """The stack of the greenthread that a callback switches to: ``greenlet.switch`` itself, mostly."""
    thread = getattr(callback, "__self__", None)
    frame = getattr(thread, "gr_frame", None)
    code = getattr(callback, "__code__", None)
    if frame is None and code is not None:
        return ["  %s:%d %s" % (code.co_filename, code.co_firstlineno, code.co_name)]
    return _stack(frame)


def _is_ours(frame):
    return "_chaos_" in frame.f_code.co_filename


def _greenthreads():
    greenlet = sys.modules.get("greenlet")
    if greenlet is None:
        return []
    import gc
    if hasattr(gc, "unfreeze"):
        gc.unfreeze()           # oslo.service froze its objects before it forked: a scan would not see them
    return [thing for thing in gc.get_objects() if isinstance(thing, greenlet.greenlet) and thing.gr_frame is not None]


def _stack(frame):
    lines = []
    while frame is not None and len(lines) < 60:
        code = frame.f_code
        lines.append("  %s:%d %s" % (code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back
    return lines
