"""Every call that the target's own code makes into another package is a site: found by tracing, failed by the same means.

Loaded only where the plan asks for it (a line ``calls``). On 3.11 and older the interpreter's profile hook, which costs
a start two to three times its time while it records and a fifth while it waits for one call; on 3.12 and later
``sys.monitoring``, which costs a tenth. A site is ``CALLER,CALLEE``, each ``module:qualified.name``.
"""
import sys

import _chaos_agent as agent

TOOL = 3                # of sys.monitoring: 0 to 2 and 5 have names, a debugger or coverage may hold them
# C functions have no effect on a start but those of these modules (len, isinstance, dict.get: nothing there can fail).
EFFECTFUL = ("posix", "_socket", "_thread", "_signal", "_posixsubprocess", "select", "_io", "fcntl", "resource")
ERRORS_OF_C = {"_thread": "RuntimeError", "_signal": "ValueError", "_socket": "ConnectionRefusedError:111"}

_own = ()
_callers, _callees = frozenset(), frozenset()       # of the armed faults; empty: record everything
_busy = []


def watch(own, armed):
    """Watch calls out of the packages ``own``. ``armed``: the sites of the faults; none: every call is recorded."""
    global _own, _callers, _callees
    _own = tuple(own)
    _callers = frozenset(_code_name(site.partition(",")[0]) for site in armed)
    _callees = frozenset(_code_name(site.partition(",")[2]) for site in armed)
    if hasattr(sys, "monitoring"):
        _monitor()
    else:
        sys.setprofile(_profile)


def here():
    """A new thread begins: the profile hook is one a thread, monitoring is for all of them."""
    if _own and not hasattr(sys, "monitoring"):
        sys.setprofile(_profile)


def _code_name(name):
    return name.rpartition(":")[2].rpartition(".")[2]


def _is_own(module):
    return module is not None and module.startswith(_own) and (module + ".").startswith(tuple(o + "." for o in _own))


def _named(code):
    return getattr(code, "co_qualname", code.co_name)


# --- the profile hook --------------------------------------------------------------------------------------------------


def _profile(frame, event, arg):
    if event == "call":
        caller = frame.f_back
        if caller is None or (_callees and frame.f_code.co_name not in _callees
                              and frame.f_code.co_name != "chaos_site"):
            return
        if _is_own(caller.f_globals.get("__name__")):
            _python_call(caller, frame)
    elif event == "c_call" and _is_own(frame.f_globals.get("__name__")):
        if not _callees or getattr(arg, "__name__", "") in _callees:
            _c_call(frame, arg)


def _python_call(caller, frame):
    module, name = frame.f_globals.get("__name__"), _named(frame.f_code)
    function = None
    if module == "_chaos_agent":            # a named site stands in front of the real callee
        function = frame.f_locals.get("function")
        module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module and not _is_own(module) and not module.startswith("_chaos_"):
        code = frame.f_code if function is None else getattr(function, "__code__", frame.f_code)
        _reach(caller, module, name, lambda: _error_of(code, frame.f_globals))


def _c_call(frame, function):
    module = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
    if module in EFFECTFUL:
        _reach(frame, module, getattr(function, "__qualname__", "?"), lambda: ERRORS_OF_C.get(module, "OSError:24"))


def _reach(caller, module, name, error):
    """The site is reached. Whatever fires raises out of here; the hook is switched off by that, so it is set again."""
    if _busy:
        return
    site = "%s:%s,%s:%s" % (caller.f_globals.get("__name__"), _named(caller.f_code), module, name)
    if _callers and site not in agent.armed_sites():
        return
    _busy.append(site)
    try:
        if not _callers:
            agent.record("call", site, error(), caller.f_code.co_name)
        agent.hit(site)
    except BaseException:
        if not hasattr(sys, "monitoring"):
            _set_again(caller)
        raise
    finally:
        del _busy[:]


def _set_again(frame):
    """CPython drops a profile hook that raises: the next line or call of any frame above puts it back."""
    def put_back(frame, event, arg):
        sys.settrace(None)
        sys.setprofile(_profile)
    sys.settrace(put_back)
    while frame is not None:
        frame.f_trace = put_back
        frame = frame.f_back


# --- monitoring --------------------------------------------------------------------------------------------------------


def _monitor():
    monitoring = sys.monitoring
    if monitoring.get_tool(TOOL) is None:
        monitoring.use_tool_id(TOOL, "chaos")
    monitoring.register_callback(TOOL, monitoring.events.CALL, _called)
    monitoring.set_events(TOOL, monitoring.events.CALL)


def _called(code, offset, function, first):
    """CALL comes in the caller, before the call. A call site outside the target's own code is never asked again."""
    frame = sys._getframe(1)
    if not _is_own(frame.f_globals.get("__name__")):
        return sys.monitoring.DISABLE
    real = getattr(function, "__wrapped__", function) if getattr(function, "__chaos__", None) else function
    real = getattr(real, "__func__", real)
    module, name = getattr(real, "__module__", None), getattr(real, "__qualname__", "")
    if isinstance(real, type):
        init = vars(real).get("__init__")
        real, name = (init, name + ".__init__") if hasattr(init, "__code__") else (real, name)
    known = getattr(real, "__code__", None)
    if known is None and module not in EFFECTFUL:
        return None
    if module and not _is_own(module) and not module.startswith("_chaos_"):
        if not _callees or name.rpartition(".")[2] in _callees:
            _reach(frame, module, name, lambda: _error_of(known, getattr(real, "__globals__", {})) if known else
                   ERRORS_OF_C.get(module, "OSError:24"))
    return None


# --- which exception ---------------------------------------------------------------------------------------------------


def _error_of(code, names):
    """An exception that the callee itself names, as ``module.Class``: what it raises, as far as its code tells; "" none."""
    import builtins
    for name in code.co_names:
        thing = names.get(name, getattr(builtins, name, None))
        if isinstance(thing, type) and issubclass(thing, Exception) and thing not in (Exception, StopIteration):
            return thing.__name__ if thing.__module__ == "builtins" else thing.__module__ + "." + thing.__qualname__
    return ""
