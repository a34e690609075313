"""A finding as one script that shows it without chaos: for those who have to repair it, and do not know chaos. Pure.

The script starts itself again as the launcher's process, where the place is patched as soon as it is there; then it watches
as a bystander can. What no patch can do (a limit of the kernel, a broken wire) is refused, with a way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from chaos.actions import told
from chaos.arming import MET_AT_ONCE
from chaos.caseid import format_case
from chaos.catalog import BY_NAME, By
from chaos.errors import UsageError
from chaos.model import Exited, Fault, Judged, Killed, Outcome, StillRunning, token_of
from chaos.promises import PROMISES
from chaos.report.explain import ended
from chaos.report.safetext import one_line, wrapped
from chaos.runner.request import Request
from chaos.secrets import forms

MOST_LINES, SHORTEST_HEADING = 79, 7
WIDTH = 125
CALLABLE = re.compile(r"[\w.]+:[\w.]+")
SLOT = re.compile(r"worker\.(\d+)")
PROMISED = {name: text for name, _, text in PROMISES}
MOST_WAITING_S = 90.0
Body = Callable[..., list[str]]


def script_of(request: Request, command: str, judged: Judged, versions: Sequence[tuple[str, str]]) -> str:
    """The script for a case that failed. ``request``: how chaos starts it, ``judged``: what it showed. Raises UsageError
    for what no patch can do."""
    problems = list(_unfit(request, judged))
    if problems:
        raise UsageError(f"{request.case_id} cannot be shown without chaos: {'; '.join(problems)}. chaos repro shows it in "
                         "full, and chaos repro --export pytest makes a test of it")
    faults = judged.case.faults
    heading = list(_heading(command, judged, versions))
    parts = [
        heading,
        list(_constants(request)),
        *([COUNT.splitlines()] if any(map(_is_counted, faults)) else []),
        *([SLOTS.splitlines()] if any(fault.role and SLOT.fullmatch(fault.role) for fault in faults) else []),
        *(list(_reached(index, fault, token_of(request.case_id, index))) for index, fault in enumerate(faults)),
        *_patching(judged),
        list(_launching(request, command, faults)),
        list(_showing(request, judged)),
        list(_entry(judged)),
    ]
    while sum(map(len, parts)) > MOST_LINES and len(heading) > SHORTEST_HEADING:
        del heading[-3]     # a promise, all of which the report has
    return "\n".join(_spaced([part for part in parts if part])) + "\n"


def _spaced(parts: Sequence[list[str]]) -> Iterator[str]:
    """The parts with an empty line between them, for as long as that fits; what comes last is what is read first."""
    room = MOST_LINES - sum(map(len, parts))
    for number, part in enumerate(parts):
        yield from part
        if len(parts) - 1 - room <= number < len(parts) - 1:
            yield ""


# --- what cannot be shown ----------------------------------------------------------------------------------------------

NOT_BY_A_PATCH = {"limit": "set by the kernel", "fill": "a stream that nobody reads",
                  "two_addresses": "below Python's resolver"}


def _unfit(request: Request, judged: Judged) -> Iterator[str]:
    """Everything about the case that a plain script has not."""
    case = request.case
    if {one.promise for one in judged.verdict.broken} == {"keeps-secrets"} and not _leaks_shown(judged):
        yield f"{one_line('; '.join(judged.seen.leaks))}, and a script looks at the output alone"
    if case.transport:
        yield f"its broker is started by chaos (transport {case.transport})"
    for index, fault in enumerate(case.faults):
        doc = BY_NAME.get(fault.site)
        if doc is not None and doc.by is not By.AGENT:
            yield f"at {fault.site} {doc.by.value} acts, not a patch in the launcher"
        elif fault.action in NOT_BY_A_PATCH:
            yield f"{fault.action} is {NOT_BY_A_PATCH[fault.action]}, not a patch in the launcher"
        elif told(fault)[0] == "signal" and told(fault)[1][1].startswith("worker"):
            yield f"which process is {told(fault)[1][1]} a script cannot tell"
        elif fault.site in WHEN_CALLED and _is_answering(index, judged):
            yield f"{fault.site} was reached when chaos called the service, and a script does not"
        elif not _is_at_once(fault) and not _places(index, fault, judged):
            yield f"{fault.site} is nothing that a patch can be put in front of"


def _leaks_shown(judged: Judged) -> bool:
    """Whether a secret was in the output, which is all that a script reads (see ``secrets.leaks`` for the words)."""
    return any(") in the output" in leak for leak in judged.seen.leaks)


WHEN_CALLED = frozenset({"executor.submit", "rpc.dispatch", "rpc.reply"})
"""Sites that a start need not reach by itself."""


def _is_answering(index: int, judged: Judged) -> bool:
    """Whether the fault first happened in a process whose service had started: what it did then was chaos's call."""
    first = next((firing for firing in judged.seen.fired if firing.index == index), None)
    return first is not None and any(mile.name == "service started" and mile.pid == first.pid and mile.at_s <= first.at_s
                                     for mile in judged.seen.milestones)


# --- heading and constants -----------------------------------------------------------------------------------------------


def _heading(command: str, judged: Judged, versions: Sequence[tuple[str, str]]) -> Iterator[str]:
    case, verdict, seen = judged.case, judged.verdict, judged.seen
    where = f"{case.workers} worker{'' if case.workers == 1 else 's'}" + (f", {case.backend}" if case.backend != "-" else "")
    yield "#!/usr/bin/env python3"
    yield from _said(f'"""{verdict.outcome}: {command} ({where}) when {" and ".join(map(_in_words, case.faults))}.')
    yield "Run it with the Python that has the launcher. Exit status 1: the defect is there. Seen with"
    seen_with = ", ".join(f"{name} {version}" for name, version in versions) or "a Python that did not say its version"
    yield from _said(f"{seen_with}: {ended(seen.ending, seen.elapsed_s)}")
    yield from (_clipped(one_line(f"{broken.promise}: {broken.because}")) for broken in verdict.broken[:2])
    yield f'{format_case(case)}"""'
    yield "import builtins, contextlib, functools, importlib, os, sys"


def _said(text: str, indent: str = "") -> list[str]:
    """Text for a docstring: nothing in it may end that or be an escape."""
    return wrapped(text[:3] + text[3:].replace('"""', "'''").replace("\\", "/"), WIDTH, first=indent, rest=indent)


def _clipped(text: str) -> str:
    return (_said(text) or [""])[0] if len(text) <= WIDTH else _said(text[: WIDTH - 2])[0] + " …"


def _in_words(fault: Fault) -> str:
    hits = "" if fault.hits.last is None and fault.hits.first == 1 else f", hit {fault.hits}"
    return f"{' '.join((fault.action, *fault.args))} happens at {fault.site}{f' in {fault.role}' if fault.role else ''}{hits}"


def _constants(request: Request) -> Iterator[str]:
    yield f"ARGS = {list(request.argv[2:] if request.script else request.argv[1:])!r}"
    if request.env:
        yield f"ENV = {dict(request.env)!r}"
    if _mentions("{config}", request):
        yield f"CONFIG = {request.config!r}"
    yield 'WORK, PARENT = os.environ.get("SHOWN_IN", ""), int(os.environ.get("SHOWN_PARENT") or os.getpid())'


def _asks_for_the_parent(faults: Sequence[Fault]) -> bool:
    return any(fault.role or told(fault)[0] == "signal" for fault in faults)


def _mentions(word: str, request: Request) -> bool:
    """Whether its start, or the configuration file that it is told of, has ``word``, which each run fills in."""
    texts = (*request.argv, *(value for _, value in request.env))
    return any(word in text for text in texts) or (word != "{config}" and _mentions("{config}", request)
                                                   and word in request.config)


# --- in the launcher: what goes wrong, and where ---------------------------------------------------------------------------

COUNT = '''\
def count(what, open=open):        # how often something happened, in all processes together: a byte each in a file
    with open(os.path.join(WORK, what), "ab", 0) as tally:
        return tally.write(b".") and tally.tell()
'''

SLOTS = '''\
def fork(real=os.fork, workers={}, made=[None]):        # knows which worker is made: the first number of which none lives
    made[0] = next(n for n in range(len(workers) + 1) if not os.path.exists("/proc/%d/fd/0" % workers.get(n, 0)))
    return workers.update({made[0]: real()}) or workers[made[0]]
'''


OWN_OPEN = "open=open"
"""A parameter of what the script opens files with beside the target: the real one, whatever is patched later. Else a fault at
``open`` would call itself for ever."""


def _reached(index: int, fault: Fault, token: str) -> Iterator[str]:
    """The place is reached: None to go on, or an answer in a tuple instead of the call."""
    word, args = told(fault)
    if word == "note":
        return
    due = " and ".join(one for one in (_role(fault.role), _hit(index, fault)) if one and not _is_at_once(fault))
    if fault.site == "thread.body":         # asked as its thread is started, see BODY
        yield from (f"def due_{index}():", f"    return {due or True}", "")
        due = ""
    yield f"def reached_{index}({OWN_OPEN}):"
    yield from [f"    if {due}:"] if due else []
    indent = " " * (8 if due else 4)
    yield from (indent + line for line in ('open(WORK + "/fired", "w").close()', *BODIES[word](token, *args)))


def _role(role: str | None) -> str:
    if role is None:
        return ""
    slot = SLOT.fullmatch(role)
    if slot:
        return f"os.getppid() == PARENT and fork.__defaults__[2] == [{slot[1]}]"
    return {"parent": "os.getpid() == PARENT", "worker": "os.getppid() == PARENT"}.get(
        role, "PARENT not in (os.getpid(), os.getppid())")


def _hit(index: int, fault: Fault) -> str:
    if not _is_counted(fault):
        return ""
    last = "" if fault.hits.last is None else f" <= {fault.hits.last}"
    return f'{fault.hits.first} <= count("hits.{index}"){last}'


def _is_counted(fault: Fault) -> bool:
    return (fault.hits.first, fault.hits.last) != (1, None) and not _is_at_once(fault)


def _is_at_once(fault: Fault) -> bool:
    """What is wrong from before the start, or as the interpreter starts."""
    return told(fault)[0] == "note" or MET_AT_ONCE.get(fault.site, fault.site) == "process.image"


def _raise(token: str, name: str, number: str = "", message: str = "") -> list[str]:
    text = f"{message} [{token}]".strip()
    module, _, cls = name.rpartition(".")
    if not module:
        return [f"raise {name}({number + ', ' if number else ''}{text!r})"]
    return [f"from {module} import {cls} as Error",
            f"for args in ({text!r},), ({text!r},) * 2, (1, {text!r}):       # whichever it takes",
            "    with contextlib.suppress(TypeError):", "        raise Error(*args)"]


def _return(token: str, value: str = "None") -> list[str]:
    plain = value in ("None", "True", "False") or re.fullmatch(r"-?\d+", value)
    return [f"return ({value if plain else repr(value)},)"]


def _exit(token: str, status: str = "0", how: str = "") -> list[str]:
    code = status if re.fullmatch(r"-?\d+", status) else repr(f"{status} [{token}]")
    return [f"os._exit({code})" if how == "hard" else f"sys.exit({code})"]


def _kill(token: str, name: str = "KILL") -> list[str]:
    return ["import posix, signal        # os.kill may be patched itself", f"posix.kill(os.getpid(), signal.SIG{name})"]


def _signal(token: str, name: str, whom: str = "self", times: str = "1") -> list[str]:
    pid = "os.getpid()" if whom == "self" else "PARENT"
    return ["import posix, signal", f"for _ in range({times}):", f"    posix.kill({pid}, signal.SIG{name})"]


BODIES: dict[str, Body] = {
    "raise": _raise, "return": _return, "exit": _exit, "kill": _kill, "signal": _signal,
    "delay": lambda token, seconds: ["import time", f"time.sleep({seconds})"],
    "stall": lambda token: ["import _thread", "lock = _thread.allocate_lock()", "lock.acquire() and lock.acquire()"],
    "freeze": lambda token: ["import ctypes        # PyDLL keeps the interpreter's lock: the whole process stops",
                             "lock, mutex = ctypes.PyDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)",
                             "lock(mutex) or lock(mutex)"],
    "full": lambda token: ['device = os.open("/dev/full", os.O_WRONLY)', "os.dup2(device, 1)", "os.dup2(device, 2)"],
    "close": lambda token, *numbers: [f"os.close({number})" for number in numbers or ("1", "2")],
    "jump": lambda token, seconds: ["import time", f"time.time = lambda now=time.time: now() + {seconds}"],
    "preload": lambda token: ["import ssl, threading"],
    "twice": lambda token: ["from eventlet.patcher import monkey_patch", "monkey_patch.__wrapped__()"],
}

WATCH = '''\
def watch(owner, name, reached{caller}):
    raw = next(vars(one)[name] for one in getattr(owner, "__mro__", [owner]) if name in vars(one))
    real = getattr(raw, "__func__", raw)        # of a class method or a static one; it may be inherited
    @functools.wraps(real)
    def call(*args, **kwargs):
{answer}
    setattr(owner, name, call if real is raw else type(raw)(call))
'''
BODY = '''\
def body(owner, name, reached, due):            # what a started thread runs; the order of the starts counts
    def start(self, real=owner.start):
        self.run = lambda run=self.run, due=due(): due and reached() or run()
        return real(self)
    owner.start = start
'''
CALLED = "(sys._getframe(1).f_globals['__name__'], sys._getframe(1).f_code.co_name) == caller and "
IMPORTING = '''\
def importing(*args, real=builtins.__import__, **more):    # patches what is there, as a whole, after an import
    module = real(*args, **more)
    for place in [one for one in PLACES if hasattr(sys.modules.get(one[0]), one[1])
                  and not getattr(sys.modules[one[0]].__spec__, "_initializing", False)]:
        PLACES.remove(place) or place[2](sys.modules[place[0]])
    return module
'''
HEIRS = '''\
def heirs(base, names, excluded, reached):     # in every class that is ever derived from it
    def derived(cls, **more):
        super(base, cls).__init_subclass__(**more)
        for name in () if cls.__module__.startswith(excluded) else set(names) & set(vars(cls)):
            watch(cls, name, reached)
    base.__init_subclass__ = classmethod(derived)
'''
Place = tuple[str, str, str]
"""Module, name in it (``Class.method``), and more for who patches: of a traced call the caller, of a base the methods."""


def _places(index: int, fault: Fault, judged: Judged) -> list[Place]:
    """What has to be patched: where it was seen to fire, else the places of the site; none where that is nothing."""
    if fault.site in ("process.fork", "thread.body"):
        return [("os", "fork", "") if fault.site == "process.fork" else ("threading", "Thread.start", "")]
    if "," in fault.site:
        return _traced(fault.site)
    where = next((one.where for one in judged.seen.fired if one.index == index and one.where), "")
    module, _, name = (where or fault.site).partition(":")
    if name and "<" not in name:
        return [(module, name, "")]
    known = BY_NAME[fault.site].places if fault.site in BY_NAME else ()
    return [(place.module, place.qualified, _derived(place.how)) for place in known]


def _derived(how: str) -> str:
    """The methods of derived classes that are meant, and whose are not: ``subclasses:start!oslo_messaging``."""
    kind, _, names = how.partition(":")
    methods, _, excluded = names.partition("!")
    return f"{tuple(methods.split(','))!r}, {tuple(filter(None, excluded.split(',')))!r}" if kind == "subclasses" else ""


def _traced(site: str) -> list[Place]:
    """A call that chaos traced, ``CALLER,CALLEE``: nothing where the callee is a built-in that cannot be replaced."""
    caller, _, callee = site.partition(",")
    module, _, name = callee.partition(":")
    module = "os" if module == "posix" else module
    if not name or "<" in name or module == "builtins" or (module.startswith("_") and "." in name):
        return []
    who, _, function = caller.partition(":")
    return [(module, name, repr((who, function.rpartition(".")[2])))]


def _patching(judged: Judged) -> Iterator[list[str]]:
    """The functions that put a fault in front of something, and the list of what is patched."""
    faults = [(index, fault) for index, fault in enumerate(judged.case.faults) if not _is_at_once(fault)]
    placed = [(index, fault, place) for index, fault in faults for place in _places(index, fault, judged)]
    if any(fault.site != "thread.body" for _, fault, _ in placed):
        traced = any("," in fault.site for _, fault, _ in placed)
        reached = (CALLED if traced else "") + "reached()"
        answers = any(told(fault)[0] == "return" for _, fault, _ in placed)
        called = [f"answer = {reached}", "return answer[0] if answer else real(*args, **kwargs)"] if answers else \
            [f"return {reached} or real(*args, **kwargs)"]
        body = "\n".join(" " * 8 + line for line in called)
        yield WATCH.format(caller=", caller" if traced else "", answer=body).splitlines()
    if any(fault.site == "thread.body" for _, fault, _ in placed):
        yield BODY.splitlines()
    if any(more and "," not in fault.site for _, fault, (_, _, more) in placed):
        yield HEIRS.splitlines()
    if placed:
        listed = [_entry_of(*one) for one in placed]
        first, last = listed[0], listed[-1]
        listed = [f"{'PLACES = [' if one is first else ' ' * 10}{one}{']' if one is last else ','}" for one in listed]
        yield [*listed, *IMPORTING.splitlines()]


def _entry_of(index: int, fault: Fault, place: Place) -> str:
    module, qualified, more = place
    *path, name = qualified.split(".")
    owner = ".".join(("module", *path))
    what = f"watch({owner}, {name!r}, reached_{index})"
    if fault.site == "thread.body":
        what = f"body({owner}, {name!r}, reached_{index}, due_{index})"
    elif more and "," in fault.site:
        what = f"watch({owner}, {name!r}, reached_{index}, {more})"
    elif more:
        what = f"heirs({owner}.{name}, {more}, reached_{index})"
    return f"({module!r}, {qualified.partition('.')[0]!r}, lambda module: {what})"


def _launching(request: Request, command: str, faults: Sequence[Fault]) -> Iterator[str]:
    """The launcher's own process: be the launcher."""
    yield f"def launch({'' if CALLABLE.fullmatch(command) else OWN_OPEN}):"
    if any(fault.role and SLOT.fullmatch(fault.role) for fault in faults):
        yield '    os.environ["SHOWN_PARENT"], os.fork = str(PARENT), fork'
    elif _asks_for_the_parent(faults):
        yield '    os.environ["SHOWN_PARENT"] = str(PARENT)'
    yield from (f"    reached_{index}()" for index, fault in enumerate(faults)
                if _is_at_once(fault) and told(fault)[0] != "note")
    yield "    sys.path.append(os.getcwd())"
    if CALLABLE.fullmatch(command):
        module, _, qualified = command.partition(":")
        yield f"    sys.argv[0] = {module.rpartition('.')[2]!r}"
        yield f"    from {module} import {qualified.partition('.')[0]}"
        yield f"    sys.exit({qualified}())"
    else:
        yield f"    sys.argv[0], sys.path[0] = {request.argv[0]!r}, os.path.dirname(os.path.realpath({request.argv[0]!r}))"
        yield '    code = compile(open(sys.argv[0]).read(), sys.argv[0], "exec")'
        yield '    exec(code, dict(__name__="__main__", __file__=sys.argv[0]))'


# --- outside: what a bystander sees ----------------------------------------------------------------------------------------


def _showing(request: Request, judged: Judged) -> Iterator[str]:
    """Start it, watch it for a bounded time, say what is seen, end what is left."""
    seen = judged.seen
    yield "def show():"
    yield "    import atexit, ctypes, shutil, signal, socket, subprocess, tempfile, time"
    yield "    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)    # PR_SET_CHILD_SUBREAPER: orphans come to this process"
    yield "    work, notify = tempfile.mkdtemp(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
    yield "    @atexit.register        # after Ctrl-C and SIGTERM too: all that is left ends, whoever made it"
    yield "    def end():"
    yield '        for pid in iter(lambda: int((open("/proc/thread-self/children").read().split() or [0])[0]), 0):'
    yield "            os.waitpid(os.kill(pid, 9) or pid, 0)"
    yield "        shutil.rmtree(work)"
    yield "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"
    yield '    notify.settimeout(notify.bind(work + "/notify") or 0.03)'
    yield from _given(request)
    args = "map(filled, ARGS)" if any(word in text for word in SLOTS_OF_A_RUN for text in request.argv) else "ARGS"
    yield f"    child = subprocess.Popen([sys.executable, os.path.abspath(__file__), *{args}], stdin=subprocess.DEVNULL,"
    yield ('                             stdout=open(work + "/output", "w"), stderr=subprocess.STDOUT, '
           "start_new_session=True, env=env)")
    yield "    began, ready_s, told, born = time.monotonic(), None, False, set()"
    yield f"    while child.poll() is None and time.monotonic() < began + {_waits_s(judged):.0f}:"
    yield from _telling(judged)
    yield "        with contextlib.suppress(OSError):"
    if _counts_births(judged):
        yield '            for task in os.listdir("/proc/%d/task" % child.pid):'
        yield '                born.update(open("/proc/%d/task/%s/children" % (child.pid, task)).read().split())'
    yield '            ready_s = (ready_s or time.monotonic() - began) if b"READY=1" in notify.recv(4096) else ready_s'
    yield ("    after_s, status, text = time.monotonic() - began, child.poll(), "
           'open(work + "/output", errors="replace").read()')
    if any(broken.promise == "nobody-left" for broken in judged.verdict.broken):
        yield f"    time.sleep({seen.limits.orphan_s:g})"
    checks = [f"{words!r}: {check}" for words, check in _checks(request, judged)]
    yield f"    seen = {{{checks[0]}," + ("}" if len(checks) == 1 else "")
    yield from (f"            {one}{'}' if one is checks[-1] else ','}" for one in checks[1:])
    should = next((PROMISED[one.promise] for one in judged.verdict.broken if one.promise in PROMISED), "it serves, or ends")
    yield '    return print(text[-3000:], *(("yes  " if true else "NO   ") + words for words, true in seen.items()),'
    yield "                 'after %.1f s: status %s, READY=1 after %s s' % (after_s, status, ready_s), " \
          f"{'should be: ' + should!r}, sep='\\n') or int(all(seen.values()))"


def _counts_births(judged: Judged) -> bool:
    return judged.verdict.outcome is Outcome.RESPAWN_LOOP


def _given(request: Request) -> Iterator[str]:
    """What the launcher finds on its start."""
    slots = ", ".join(f"{word!r}: {made}" for word, made in SLOTS_OF_A_RUN.items() if _mentions(word, request))
    if slots:
        yield f"    slots = {{{slots}}}"
        yield "    filled = lambda text: functools.reduce(lambda text, slot: text.replace(*slot), slots.items(), text)"
    if "notify.gone" in request.given:
        yield '    os.unlink(work + "/notify")'
    if "config.unreadable" in request.given:
        yield '    os.mkdir(work + "/config")'
    elif _mentions("{config}", request) and "config.missing" not in request.given:
        config = "filled(CONFIG)" if any(word in request.config for word in SLOTS_OF_A_RUN) else "CONFIG"
        yield f'    open(work + "/config", "w").write({config})'
    notify = "" if "notify.absent" in request.given else ', NOTIFY_SOCKET=work + "/notify"'
    if "notify.unwritable" in request.given:
        notify = ', NOTIFY_SOCKET="/proc/sys/kernel/ostype"'
    yield f"    env = dict(os.environ, SHOWN_IN=work, TMPDIR=work{notify}{', **ENV' if request.env else ''})"
    if any(word in value for word in SLOTS_OF_A_RUN for _, value in request.env):
        yield "    env.update((name, filled(env[name])) for name in ENV)"
    for fault in request.case.faults:
        if fault.site == "env.variable":
            yield f"    env.pop({fault.args[0]!r}, None)" if fault.action == "unset" else \
                "    env[{!r}] = {!r}".format(*fault.args)


SLOTS_OF_A_RUN = {"{config}": 'work + "/config"', "{folder}": "tempfile.mkdtemp(dir=work)",
                  "{port}": 'str(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'}
"""What each run fills in, and how the script makes it. The port is free: its socket is gone with the expression."""


def _waits_s(judged: Judged) -> float:
    """A launcher that ended is given time to end; one that did not is watched somewhat longer than chaos did."""
    if isinstance(judged.seen.ending, StillRunning):
        return min(judged.seen.elapsed_s * 1.5 + 3.0, MOST_WAITING_S)
    return min(judged.seen.elapsed_s * 3.0 + 20.0, MOST_WAITING_S)


def _telling(judged: Judged) -> Iterator[str]:
    """Where chaos told it to stop, so does the script: as long after READY=1, or else after the start."""
    seen = judged.seen
    if seen.stop_sent_s is None:
        return
    if seen.ready_s is not None:
        later_s = seen.stop_sent_s - seen.ready_s + 0.5
        yield f"        if ready_s and not told and time.monotonic() > began + ready_s + {later_s:.1f}:"
    else:
        yield f"        if not told and time.monotonic() > began + {seen.stop_sent_s * 2:.1f}:"
    yield "            told = child.terminate() or True"


def _checks(request: Request, judged: Judged) -> Iterator[tuple[str, str]]:
    """What chaos saw, in words and as an expression of the script."""
    seen, verdict = judged.seen, judged.verdict
    if any(told(fault)[0] != "note" for fault in judged.case.faults):
        yield "the fault happened", 'os.path.exists(work + "/fired")'
    match seen.ending:
        case Exited(status):
            yield f"exit status {status}", f"status == {status}"
        case Killed(name):
            yield f"{name} ended it", f"status == -signal.{name}"
        case StillRunning():
            yield "it still runs", "status is None"
    if verdict.outcome is Outcome.RESPAWN_LOOP:
        more = max(seen.expected.servers, judged.case.workers) + 1
        yield f"more than {more} children were born, one after the other", f"len(born) > {more}"
    broken = {one.promise for one in verdict.broken}
    if "ready-means-ready" in broken:
        yield ("READY=1 was sent", "ready_s is not None") if seen.ready_s is not None else \
            ("READY=1 was not sent", "ready_s is None")
    tokens = sorted({firing.token for firing in seen.fired if firing.token})
    if tokens and (verdict.outcome is Outcome.SILENT_EXIT or "cause" in broken) and tokens[0] not in seen.output:
        yield "the output does not name the cause", f"{tokens[0]!r} not in text"
    if "nobody-left" in broken:
        yield "processes outlive it", 'open("/proc/thread-self/children").read() != ""'
    if "keeps-secrets" in broken and _leaks_shown(judged):
        yield "a secret of its configuration is in the output", f"any(one in text for one in {_readable(request.secrets)!r})"


def _readable(secrets: Sequence[str]) -> list[str]:
    """Every text that gives a secret away, without those that have another one in them: that is enough to find."""
    texts = {text for secret in secrets for _, text in forms(secret)}
    return sorted(text for text in texts if not any(other in text for other in texts - {text}))


def _entry(judged: Judged) -> Iterator[str]:
    if any(not _is_at_once(fault) for fault in judged.case.faults):
        yield "if WORK:"
        yield ("    builtins.__import__, importlib.import_module = importing, "
               "functools.partial(importing, real=importlib.import_module)")
    yield 'if __name__ == "__main__":          # and not in a process that multiprocessing has spawned'
    yield "    sys.exit(launch() if WORK else show())"
