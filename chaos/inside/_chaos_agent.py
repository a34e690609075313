"""Count hits of sites per role, fire the armed faults, record milestones: outside the process, so that they survive it.

Started by ``sitecustomize`` in every Python of the target's tree. See the package docstring for the rules that it keeps.
"""
import posix
import sys
import time

import _chaos_tally as _tally

FIFO_WRITE = posix.O_WRONLY | posix.O_NONBLOCK | posix.O_CLOEXEC
LONGEST = 3800          # bytes a record: a pipe takes up to 4096 whole, so that records never mix
PATIENCE_S = 1.0        # with a supervisor that reads late, because the machine is busy
RECORDED_HITS = 40      # a site and process: a timer that ticks for ever must not flood the record
STATE_SIGNAL, PROBE_SIGNAL, STACKS_SIGNAL, DUMP_SIGNAL = 60, 61, 62, 63     # real-time, and nobody else is known to use them

where = ""              # the folder of this run: plan, events (a FIFO), hits, pids, stacks.PID
role = "parent"
kept = []               # RPC servers of this process, for the probe
_faults = []            # (index, site, role, first, last, action, token, args)
_places = {"_posixsubprocess": []}     # module name -> [(qualified name, how, site, milestone)]
_heirs = {}             # base class -> [(method names, excluded modules, site, milestone)]
_children = {}          # worker slot -> pid: a worker that is born again gets the slot of the dead one
_recorded = {}
_patience = [PATIENCE_S]
_own_packages = []      # the plan asks for every call that these make into another package
_way_out = []           # a descriptor for the record, only where a limit leaves none
_early = []             # sites and milestones that were reached while imports were done ahead of any case
_zygote = []            # what the plan says to a process that is to be forked from: see _chaos_zygote
_effects = None
_look = None            # _chaos_look
_learner = None         # _chaos_ahead, in a run from which it is learnt what is imported
_monotonic, real_sleep = time.monotonic, time.sleep     # before anybody patches them
_debugs = []            # not empty: a debugger is asked for wherever a fault is about to happen
unseen = []             # not empty: what is called now is called by chaos itself, and is no hit
_loading = set()


def begin():
    """Read the plan of this run and arm it. Does nothing where CHAOS_AGENT is not set."""
    global where, role
    where = posix.environ.get(b"CHAOS_AGENT", b"").decode("utf-8", "surrogateescape")
    if not where:
        return
    given = _role_given()
    try:
        _read_plan()
    except OSError:
        return                  # the run is over and its folder gone: nobody is left to report to
    if _zygote and str(posix.getppid()) != _zygote[2]:
        del _zygote[:]          # not the process that was asked
    if not _zygote:
        role = _own_role(given)
    sys.meta_path.insert(0, _Finder())
    for name in list(_places):
        if name in sys.modules:
            apply_places(sys.modules[name])
    _listen_to_signals()
    _watch_forks()
    if not _zygote:
        _set_out()


def wait_for_a_case():
    """Where the plan asks for it: import ahead, and return in a fresh child, as one case after the other is asked for."""
    global role
    if not _zygote:
        return
    import _chaos_zygote
    try:
        _chaos_zygote.serve(*_zygote)
    except BaseException as error:
        _chaos_zygote.leave(error)      # or the interpreter would go on with the target, and nobody would watch it
    del _zygote[:]
    del _faults[:]
    _read_plan(places=False)
    role = _own_role("parent")
    _set_out()


def _set_out():
    """The run begins here: the target's own code comes next."""
    _announce(".".join(map(str, sys.version_info[:3])))
    for kind, name in _early:
        hit(name) if kind == "hit" else record(kind, name)
    del _early[:]
    hit("process.image")
    if _own_packages:
        import _chaos_calls
        _chaos_calls.watch(_own_packages, [site for site in armed_sites() if "," in site])


def _role_given():
    """CHAOS_ROLE is for this one interpreter: taken out of the environment, so that nobody inherits it."""
    import os
    return os.environ.pop("CHAOS_ROLE", "")


def _own_role(given):
    """The role that was given, if any. The parent notes itself, so that whoever was given none is told from it."""
    if given and given != "parent":
        return given
    return "parent" if _is_root() or given else "helper"


def _is_root():
    """Whether this is the first interpreter of the tree, also after an exec of itself: it notes its pid once."""
    try:
        root = _tally.noted(where, "root")
        if not root:
            _tally.note(where, "root")
        return root in (0, posix.getpid())
    except OSError:
        return False


def _read_plan(places=True):
    global _effects, _learner
    del _own_packages[:]
    for line in text_of(where + "/plan").split("\n"):
        if not places and line.startswith("place\t"):
            continue            # most of the plan, and what a warm case was forked with
        words = [_unescaped(word) for word in line.split("\t")]
        if words[0] == "place":
            _places.setdefault(words[1], []).append(tuple(words[2:6]))
        elif words[0] == "calls":
            _own_packages.extend(words[1:])
        elif words[0] == "fault":
            _faults.append((words[1], words[2], words[3], int(words[4]), int(words[5]), words[6], words[7], words[8:]))
        elif words[0] == "zygote":
            _zygote[:] = words[1:]
        elif words[0] == "debug":
            _debugs.append(words[0])
        elif words[0] == "learn":
            import _chaos_ahead as _learner
            for module, name in _learner.BETWEEN:
                _places.setdefault(module, []).append((name, "call", "", ""))
    if _faults:
        import _chaos_effects as _effects


# --- the record ------------------------------------------------------------------------------------------------------


def _escaped(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _unescaped(text):
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def record(kind, *fields):
    """Write one line to the supervisor's FIFO; opened each time, so that no descriptor of ours is ever held."""
    if _zygote:
        if kind == "mile":
            _early.append((kind, fields[0]))
        return
    head = "\t".join((kind, "%.6f" % _monotonic(), str(posix.getpid()), role))
    line = (head + "".join("\t" + _escaped(field) for field in fields)).encode("utf-8", "backslashreplace")
    try:
        events = posix.open(where + "/events", FIFO_WRITE)
    except OSError:
        if _way_out:
            _write(_way_out[0], line[:LONGEST] + b"\n")
        return
    try:
        _write(events, line[:LONGEST] + b"\n")
    finally:
        posix.close(events)


def _write(events, line):
    """A FIFO that is full is waited for, but not again and again: a supervisor that does not read must not slow a target."""
    until = _monotonic() + _patience[0]
    while True:
        try:
            posix.write(events, line)
            _patience[0] = PATIENCE_S
            return
        except BlockingIOError:
            if _monotonic() > until:
                _patience[0] = 0.0
                return
            posix.sched_yield()
        except OSError:
            return


def text_of(path):
    """What stands in a file, read as ``_tally.whole`` reads it. Raises OSError."""
    return _tally.whole(path).decode("utf-8", "surrogateescape")


def write_whole(path, data):
    """A file with ``data``: whole or not there at all."""
    file = posix.open(path + ".part", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC, 0o666)
    while data:
        data = data[posix.write(file, data):]
    posix.close(file)
    posix.rename(path + ".part", path)


def out_of_the_way(number):
    """A descriptor that the target will not come to, also where few are allowed: ``number``, or one of the last two."""
    most = posix.sysconf("SC_OPEN_MAX")
    return min(number, most - 2) if most > 2 else number


def keep_a_way_out():
    """Before descriptors are taken away: keep one for the record, with a number that is not in the way."""
    if not _way_out:
        events = posix.open(where + "/events", FIFO_WRITE)
        import fcntl
        _way_out.append(fcntl.fcntl(events, fcntl.F_DUPFD_CLOEXEC, out_of_the_way(500)))
        posix.close(events)


def _family(name):
    return name.partition(".")[0]


def _announce(how):
    """This process is here: say so, and note its pid under its role, so that a signal of the case finds it."""
    record("start", str(posix.getppid()), how)
    try:
        _tally.note(where, role)
    except OSError:
        pass


# --- sites -----------------------------------------------------------------------------------------------------------


def turn(site):
    """The number of the next hit of ``site`` by this process, and the faults due at it. None where nothing is counted."""
    if _zygote or unseen:
        return None
    try:
        number = _tally.count(where, site + "@" + role)
        return number, [fault for fault in _faults if fault[1] == site and _is_due(fault, number)]
    except OSError:
        return None


def hit(site, place="", taken=None):
    """This process reached ``site``, which is at ``place``: count it, or take the ``turn`` that was ``taken`` for it before,
    and fire what is armed for this hit. None or (answer,)."""
    if _zygote:
        _early.append(("hit", site))
        return None
    taken = taken or turn(site)
    if taken is None:
        return None
    number, due = taken
    seen = _recorded[site] = _recorded.get(site, 0) + 1
    if seen <= RECORDED_HITS:
        record("hit", site, str(number))
    for index, _, _, _, _, action, token, args in due:
        if _debugs:
            import _chaos_debug
            _chaos_debug.stop("%s at %s, hit %d" % (" ".join((action,) + tuple(args)), site, number))
        record("fired", index, site, str(number), action, token, place)
        answer = _effects.act(action, token, args)
        if answer is not None:
            return answer
    return None


def armed_sites():
    return [fault[1] for fault in _faults]


def _is_due(fault, number):
    selector, first, last = fault[2], fault[3], fault[4]
    if selector not in ("*", role) and selector != _family(role):
        return False
    if selector != role:        # over several processes: each fault counts for itself, or two at one site count each other's
        number = _tally.count(where, "%s@@%s+%s" % (fault[1], selector, fault[0]))
    return first <= number and (not last or number <= last)


def _like(wrapper, function):
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        try:
            setattr(wrapper, name, getattr(function, name))
        except (AttributeError, TypeError):
            pass
    wrapper.__dict__.update(getattr(function, "__dict__", {}))
    wrapper.__wrapped__ = function
    return wrapper


def _passed(milestone, args):
    if milestone == "listening" and args:
        kept.append(args[0])
        target, driver = (getattr(args[0], name, None) for name in ("_target", "transport"))
        default = getattr(getattr(driver, "_driver", None), "_default_exchange", None)
        record("serves", str(getattr(target, "topic", None) or ""), str(getattr(target, "exchange", None) or default or ""))
        if not type(getattr(driver, "_driver", None)).__module__.endswith("impl_fake"):
            _look.tell_takers(args[0])
    if milestone:
        record("mile", milestone)


def _on_call(function, site, milestone, where):
    def chaos_site(*args, **kwargs):
        answer = hit(site, where) if site else None
        if answer is not None:
            return answer[0]
        if _learner is not None:
            _learner.note_call(function, args, kwargs)
        result = function(*args, **kwargs)
        _passed(milestone, args)
        return result
    return _like(chaos_site, function)


def _on_method(function, site, milestone, where, owner, name):
    """As _on_call, but only for the outermost class that defines it: ``super().start()`` is not a second start."""
    def chaos_site(self, *args, **kwargs):
        first = next((cls for cls in type(self).__mro__ if name in vars(cls)), owner)
        if first is not owner:
            return function(self, *args, **kwargs)
        answer = hit(site, where) if site else None
        if answer is not None:
            return answer[0]
        result = function(self, *args, **kwargs)
        _passed(milestone, (self,))
        return result
    return _like(chaos_site, function)


def _on_thread_body(start, site):
    """Bodies are counted in the order in which their threads are started: which of them comes to run first is chance."""
    def chaos_start(self):
        run, mine = self.run, turn(site)

        def chaos_body():
            if _own_packages:
                import _chaos_calls
                _chaos_calls.here()
            answer = hit(site, "", mine)
            return run() if answer is None else answer[0]
        self.run = chaos_body
        return start(self)
    return _like(chaos_start, start)


def _on_subclasses(base, methods, site, milestone):
    """Watch the named methods of every class that is ever derived from ``base``, unless an excluded library defines it."""
    names, _, excluded = methods.partition("!")
    if base not in _heirs:
        _heirs[base] = []
        base.__init_subclass__ = classmethod(_announce_to(base, base.__dict__.get("__init_subclass__")))
    _heirs[base].append((names.split(","), tuple(excluded.split(",")) if excluded else (), site, milestone))


def _announce_to(base, hidden):
    def __init_subclass__(cls, **kwargs):
        if hidden is not None:
            hidden.__func__(cls, **kwargs)
        else:
            super(base, cls).__init_subclass__(**kwargs)
        for names, excluded, site, milestone in _heirs[base]:
            for name in () if cls.__module__.startswith(excluded) else names:
                _replace(cls, name, "method", site, milestone)
    return __init_subclass__


def _named(owner, name):
    """Where a callable that somebody named has to be replaced: (owner, name, what it is). A class is its ``__init__``; what a
    class inherits is replaced in it alone."""
    lines = owner.__mro__ if isinstance(owner, type) else (owner,)
    raw = next((vars(one)[name] for one in lines if name in vars(one)), None)
    if isinstance(raw, type):
        owner, name, raw = raw, "__init__", raw.__init__
    return owner, name, None if raw is object.__init__ else raw


def _replace(owner, name, how, site, milestone):
    raw = vars(owner).get(name)
    if how == "named":
        owner, name, raw = _named(owner, name)
    if raw is None:
        return
    kind = type(raw) if isinstance(raw, (staticmethod, classmethod)) else None
    function = raw.__func__ if kind else raw
    mark = (how, site, milestone)
    if getattr(function, "__chaos__", None) == mark:
        return
    if how == "thread-body":
        wrapped = _on_thread_body(function, site)
    elif how == "method" and kind is None:
        wrapped = _on_method(function, site, milestone, _spelled(owner, name), owner, name)
    else:
        wrapped = _on_call(function, site, milestone, _spelled(owner, name))
    wrapped.__chaos__ = mark
    setattr(owner, name, kind(wrapped) if kind else wrapped)


def _spelled(owner, name):
    """``module:Class.name``, or ``module:name``: where a person finds what is wrapped."""
    inside = getattr(owner, "__qualname__", "")
    return "%s:%s%s" % ((owner.__module__, inside, "." + name) if inside else (owner.__name__, name, ""))


def apply_places(module):
    """Put the wrappers of ``module``'s places in. A place that this version does not have is passed over."""
    if module.__name__ == "_posixsubprocess":
        _watch_spawns(module)
    for qualified, how, site, milestone in _places.get(module.__name__, ()):
        owner = module
        *path, name = qualified.split(".")
        for part in path:
            owner = getattr(owner, part, None)
        if owner is None:
            continue
        if how.startswith("subclasses:"):
            base = getattr(owner, name, None)
            if base is not None:
                _on_subclasses(base, how.partition(":")[2], site, milestone)
        else:
            _replace(owner, name, how, site, milestone)


class _Finder(object):
    """First on sys.meta_path: lets the real finders find a watched module and applies its places once it has run."""

    def find_spec(self, name, path=None, target=None):
        if _learner is not None:
            _learner.note_import(name)
        if name not in _places or name in _loading:
            return None
        _loading.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find and finder is not self else None
                if spec is not None:
                    break
            else:
                return None
        finally:
            _loading.discard(name)
        self._also_apply(spec.loader)
        return spec

    def _also_apply(self, loader):
        execute = loader.exec_module

        def exec_module(module):
            execute(module)
            apply_places(module)
        loader.exec_module = exec_module


# --- processes -------------------------------------------------------------------------------------------------------


def _watch_forks():
    import os
    os.fork = _on_fork(os.fork)
    if hasattr(posix, "register_at_fork"):
        posix.register_at_fork(after_in_child=_born)


def _free_slot():
    slot = 0
    while slot in _children and _is_alive(_children[slot]):
        slot += 1
    return slot


def _is_alive(pid):
    try:
        return posix.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT) is None
    except OSError:
        return False


def _next_role():
    """The role of the child that is made now: (slot, role). Only the parent's own children are workers."""
    if role != "parent":
        return None, "helper"
    slot = _free_slot()
    return slot, "worker.%d" % slot


_coming = [(None, "helper")]


def _on_fork(fork):
    def chaos_fork():
        answer = hit("process.fork")
        if answer is not None:
            return answer[0]
        slot, name = _coming[0] = _next_role()
        pid = fork()
        if pid:
            _coming[0] = (None, "helper")
            if slot is not None:
                _children[slot] = pid
            record("fork", str(pid), name)
        elif not hasattr(posix, "register_at_fork"):
            _born()
        return pid
    return _like(chaos_fork, fork)


def _born():
    global role
    if _zygote:
        return
    role, _coming[0] = _coming[0][1], (None, "helper")      # what it forks below os.fork is told of by nobody
    _children.clear()
    _recorded.clear()
    del kept[:]
    _announce("fork")


def _watch_spawns(module):
    """fork_exec is the door of subprocess and of multiprocessing's spawn: give the new interpreter its role."""
    real = module.fork_exec

    def chaos_fork_exec(args, *rest):
        line = b" ".join(arg if isinstance(arg, bytes) else arg.encode("utf-8", "surrogateescape") for arg in args)
        slot, name = _next_role() if b"spawn_main" in line else (None, "helper")
        posix.putenv(b"CHAOS_ROLE", name.encode())
        try:
            pid = real(args, *rest)
        finally:
            posix.unsetenv(b"CHAOS_ROLE")
        if slot is not None:
            _children[slot] = pid
        record("fork", str(pid), name)
        return pid
    module.fork_exec = _like(chaos_fork_exec, real)


# --- asked from outside ----------------------------------------------------------------------------------------------


def _listen_to_signals():
    """Whatever a question needs is imported now: who imports while another thread forks leaves the module locked in the child
    for ever, and the next question would hang there."""
    global _look
    import _signal
    import atexit

    import _chaos_look as _look
    atexit.register(_stop_listening)        # the first to register is the last to run
    import faulthandler
    for number, ask in _questions():
        if _signal.getsignal(number) == 0:      # SIG_DFL: never take a signal that somebody else took first
            _signal.signal(number, ask)
    try:
        faulthandler.register(DUMP_SIGNAL, file=2, all_threads=True, chain=False)
    except (ValueError, OSError, RuntimeError):
        pass


def _questions():
    return (STATE_SIGNAL, _ask_state), (PROBE_SIGNAL, _ask_probe), (STACKS_SIGNAL, _ask_stacks)


def _ask_state(number, frame):
    """Nothing may come before the counters are read: they tell whether this thread has moved since a look at it."""
    try:
        status = posix.open("/proc/thread-self/status", posix.O_RDONLY | posix.O_CLOEXEC)
        counters = posix.read(status, 8192)
        posix.close(status)
        _look.write_state(where + "/state.%d" % posix.getpid(), frame, counters)
    except Exception:
        pass                    # no descriptor left, no memory: nothing of ours may reach what was interrupted


def _stop_listening():
    """An interpreter that ends gives its signals back their default, which is to die: a late question must not kill."""
    import _signal
    for number, ask in _questions():
        if _signal.getsignal(number) is ask:
            _signal.signal(number, _signal.SIG_IGN)


def _ask_probe(number, frame):
    _look.probe(kept)
    if _learner is not None:
        _learner.write(where + "/ahead.%d" % posix.getpid())


def _ask_stacks(number, frame):
    _look.write_stacks(where + "/stacks.%d" % posix.getpid(), frame)
