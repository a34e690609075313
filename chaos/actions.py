"""The action words: what each takes, whether it breaks something, and what the agent in the target is told to do. Pure.

A network word at a site that only the agent can reach (``rpc.connect`` on ``fake:/``) becomes the exception, the delay or
the stall that the driver would have seen.
"""

from __future__ import annotations

import errno as errno_module
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass

from chaos.catalog import (
    BREAKS_NODE,
    BY_NAME,
    HAS_TO_END,
    MANNERS,
    REFUSED,
    RESET,
    TIMED_OUT,
    By,
    Error,
    SiteDoc,
    doc_of,
)
from chaos.model import Fault

MOST_SECONDS = 1e9
"""More than that no clock can wait: the call for it would raise, in the target, an error that nobody has injected."""

Told = tuple[str, tuple[str, ...]]
"""An action of the agent and its arguments, as text."""


class ActionError(ValueError):
    """An action's arguments make no sense: the person who wrote the case id must act."""


@dataclass(frozen=True, slots=True)
class Action:
    word: str
    doc: str
    breaks: bool
    told: Callable[[Fault], Told]


def _raise(fault: Fault) -> Told:
    error = _error_of(fault)
    return "raise", (error.cls, "" if error.errno is None else str(error.errno), error.message)


def _error_of(fault: Fault) -> Error:
    """The exception that the words name; its message is the catalogue's where the site knows that exception."""
    doc = doc_of(fault.site)
    known = doc.errors if doc else ()
    if not fault.args:
        return known[0] if known else Error("RuntimeError", None, "injected")
    for error in known:
        if error.words == fault.args:
            return error
    cls, *rest = fault.args
    number = _errno(rest[0]) if rest else None
    return Error(cls, number, "injected")


def _errno(word: str) -> int:
    number = getattr(errno_module, word, None)
    if not isinstance(number, int):
        raise ActionError(f"{word!r} is not the name of an errno; EAGAIN, ENOMEM or ECONNREFUSED would be")
    return number


def _seconds(fault: Fault) -> str:
    word = fault.args[0] if fault.args else "1"
    try:
        if 0 <= float(word) <= MOST_SECONDS:
            return word
    except ValueError:
        pass
    raise ActionError(f"{fault.action} takes seconds, not {word!r}; 0.5 would be right")


def _return(fault: Fault) -> Told:
    if len(fault.args) > 1:
        raise ActionError(f"return takes one value, not {':'.join(fault.args)!r}")
    return "return", fault.args


def _kill(fault: Fault) -> Told:
    name, *more = fault.args or ("KILL",)
    if more:
        raise ActionError(f"kill takes a signal and nothing else, not {':'.join(fault.args)!r}")
    return "kill", (_known_signal(fault, name),)


def _known_signal(fault: Fault, name: str) -> str:
    if f"SIG{name}" not in signal.Signals.__members__:
        raise ActionError(f"{fault.action} takes a name such as TERM, INT, HUP or KILL, not {name!r}")
    return name


def _does(word: str) -> Callable[[Fault], Told]:
    """For a word that takes nothing: what the agent does for it."""
    def told(fault: Fault) -> Told:
        _takes_nothing(fault)
        return word, ()
    return told


def _takes_nothing(fault: Fault) -> None:
    if fault.args:
        raise ActionError(f"{fault.action} takes nothing, not {':'.join(fault.args)!r}")


def _raised(error: Error) -> Callable[[Fault], Told]:
    def told(fault: Fault) -> Told:
        _takes_nothing(fault)
        return "raise", (error.cls, str(error.errno), error.message)
    return told


def _exit(fault: Fault) -> Told:
    if len(fault.args) > 2 or (len(fault.args) == 2 and fault.args[1] != "hard"):
        raise ActionError("exit takes a status or a word, and then perhaps 'hard': exit:3, exit:0:hard")
    return "exit", fault.args or ("0",)


def _signal(fault: Fault) -> Told:
    name, whom, times, *more = (*fault.args, *("", "self", "1")[len(fault.args):])
    _known_signal(fault, name)
    if whom not in ("self", "parent") and not re.fullmatch(r"worker\.\d+", whom):
        raise ActionError(f"signal goes to self, parent or worker.N, not to {whom!r}")
    if more or not re.fullmatch(r"0*[1-9][0-9]{0,8}", times):
        raise ActionError("signal takes a name, whom it goes to and how often: signal:TERM:parent:2")
    return "signal", (name, whom, times)


def _limit(fault: Fault) -> Told:
    what, amount, *more = (*fault.args, *("", "0")[len(fault.args):])
    if what not in LIMITS or more or not amount.isdecimal():
        raise ActionError(f"limit takes {', '.join(LIMITS)} and perhaps a number, not {':'.join(fault.args)!r}")
    return "limit", (what, amount)


def _fill(fault: Fault) -> Told:
    if fault.args not in ((), ("pipe",), ("socket",)):
        raise ActionError(f"fill takes pipe (the default) or socket, not {':'.join(fault.args)!r}")
    return "fill", fault.args


def _jump(fault: Fault) -> Told:
    word = fault.args[0] if fault.args else "3600"
    if not re.fullmatch(r"-?\d+(\.\d+)?", word):
        raise ActionError(f"jump takes seconds, not {word!r}; 3600 or -3600 would be right")
    return "jump", (word,)


def _unset(fault: Fault) -> Told:
    if len(fault.args) != 1:
        raise ActionError(f"unset takes the name of a variable, not {':'.join(fault.args)!r}; unset:HOME would be right")
    return "note", ()


def _set(fault: Fault) -> Told:
    what, right = SETTINGS.get(fault.site, ("a value", "set:1"))
    if len(fault.args) != right.count(":"):
        raise ActionError(f"at {fault.site} set takes {what}, not {':'.join(fault.args)!r}; {right} would be right")
    return "note", ()


def _noted(fault: Fault) -> Told:
    """What is wrong was put in place before the start (see ``prepare``); the agent says when the target has met it."""
    return "note", ()


def _full(fault: Fault) -> Told:
    """Of the log file the configuration says that it is on a full disk; standard output is the agent's to move there."""
    _takes_nothing(fault)
    return ("note" if fault.site == "log.file" else "full"), ()


def _only_real(fault: Fault) -> Told:
    raise ActionError(f"{fault.action} does not happen at {fault.site}; it happens at "
                      + ", ".join(site.name for site in BY_NAME.values() if fault.action in site.actions))


def _must_happen(fault: Fault, site: SiteDoc) -> None:
    if fault.action not in site.actions:
        raise ActionError(f"{fault.action} does not happen at {site.name}; {', '.join(site.actions)} "
                          f"{'do' if len(site.actions) > 1 else 'does'}")


def _on_real(fault: Fault, site: SiteDoc) -> Told:
    """What a fault says that the agent has no part in. Raises ActionError for one that makes no sense."""
    _must_happen(fault, site)
    if fault.role is not None:
        raise ActionError(f"at {site.name} no role can be told; {site.name}={fault.action} would be right")
    _check_args(fault)
    if fault.site in HAS_TO_END and fault.hits.last is None:
        raise ActionError(f"at {fault.site} nobody can tell whether READY=1 was true, unless the fault ends; "
                          f"{site.name}#1={fault.action} would be right")
    if fault.action == "restart" and fault.hits.last is None:
        raise ActionError(f"a restart ends by itself; {site.name}#1=restart would be right")
    if fault.hits.first > 1 and (fault.action in ("refuse", "down") or site.by is By.NODE):
        raise ActionError(f"{fault.action} meets the first connection too: #1, #1..3 or nothing would be right")
    return "", ()


def _check_args(fault: Fault) -> None:
    """Each argument stands for what it is at that place: when a connection meets the fault, then the word's own."""
    if fault.action == "alarm":
        if fault.args not in ((), ("memory",), ("disk",)):
            raise ActionError(f"alarm takes memory (the default) or disk, not {':'.join(fault.args)!r}")
        return
    at = COUNTED.get(fault.site, ())
    takes = (*at, *NUMBERED.get(fault.action, ()))
    args = fault.args
    if args[-1:] == (UPSTREAM,):
        if fault.action not in OF_A_STREAM and fault.site not in OF_A_STREAM:
            raise ActionError(f"at {fault.site} {fault.action} is of both streams; {UPSTREAM} would be right with "
                              + ", ".join(OF_A_STREAM))
        args = args[:-1]
    if not len(at) <= len(args) <= len(takes):
        raise ActionError(f"at {fault.site} {fault.action} takes {', then '.join(takes) or 'nothing'}, "
                          f"not {':'.join(fault.args)!r}")
    for what, word in zip(takes, args, strict=False):
        if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", word) or (not float(word) and what != SEED):
            raise ActionError(f"at {fault.site} {fault.action} takes {what}, not {word!r}")
        if what in (FRAMES, SEED) and not word.isdecimal():
            raise ActionError(f"at {fault.site} {fault.action} takes {what} as a whole number, not {word!r}")


def _from_outside(fault: Fault, site: SiteDoc) -> Told:
    """What a fault says that needs no agent. Raises ActionError for one that makes no sense."""
    _must_happen(fault, site)
    if fault.role is not None:
        raise ActionError(f"at {site.name} no role can be told; {site.name}={fault.action} would be right")
    if site.by is By.TRACER:
        traced(fault)
    else:
        name, *more = fault.args or ("KILL",)
        _known_signal(fault, name)
        if more or (fault.args and fault.action == "freeze"):
            raise ActionError(f"at {site.name} {fault.action} takes {_TAKES[fault.action]}, not {':'.join(fault.args)!r}")
    return "", ()


_TAKES = {"signal": "the name of a signal and nothing else", "kill": "a signal and nothing else", "freeze": "nothing"}


def traced(fault: Fault) -> str:
    """What strace is told to do at a call of the kernel: ``error=EAGAIN:when=2+``."""
    first, last = fault.hits.first, fault.hits.last
    when = f"{first}+" if last is None else str(first) if first == last else f"{first}..{last}"
    return f"{_INJECTED[fault.action](fault)}:when={when}"


def _as_errno(fault: Fault) -> str:
    _, *rest = fault.args or ("OSError", "EIO")
    if len(rest) != 1:
        raise ActionError(f"at {fault.site} raise takes a class and an errno, not {':'.join(fault.args)!r}; "
                          "raise:OSError:EAGAIN would be right")
    _errno(rest[0])
    return f"error={rest[0]}"


def _as_value(fault: Fault) -> str:
    if len(fault.args) != 1 or not fault.args[0].isdecimal():
        raise ActionError(f"at {fault.site} return takes a number, not {':'.join(fault.args)!r}")
    return f"retval={fault.args[0]}"


_INJECTED: dict[str, Callable[[Fault], str]] = {
    "raise": _as_errno, "return": _as_value, "delay": lambda fault: f"delay_enter={float(_seconds(fault)):.6f}s",
    "signal": lambda fault: f"signal=SIG{_known_signal(fault, (*fault.args, '')[0])}",
    "kill": lambda fault: "signal=SIGKILL"}

FRAMES, SEED = "frames", "the seed of the jitter"
NUMBERED = {"latency": ("seconds", "seconds of jitter", SEED), "bandwidth": ("kilobytes a second",),
            "slicer": ("bytes a piece",), "limit_data": ("bytes",), "slow_close": ("seconds",), "timeout": ("seconds",),
            "reset_peer": ("seconds",)}
"""Words of the proxy with numbers, and what each is of."""
COUNTED = {"amqp.frames": (FRAMES,), "amqp.bytes": ("bytes",), "amqp.seconds": ("seconds",)}
"""Sites whose moment is the first argument."""

UPSTREAM = "upstream"
"""Behind the numbers of a fault of the wire: it is of what the target sends, and not of what the broker does."""
OF_A_STREAM = ("latency", "bandwidth", "slow_close", "timeout", "slicer", "limit_data", "amqp.frames", "amqp.bytes")
"""Words that change what passes one way, and sites whose moment is counted in it."""

PUT_IN_PLACE = ("notify.socket", "workers.count", "env.variable")
"""Sites that the agent has no part in: what is wrong there is put in place before the start, and nothing else can be."""
SETTINGS = {"config.file": ("a section, an option and a value", "set:DEFAULT:debug:true"),
            "env.variable": ("a name and a value", "set:LANG:C"), "workers.count": ("a value", "set:0")}
"""Sites at which something is set: what is said of it, and an example."""

LIMITS = ("nofile", "nproc", "as", "fsize", "disk")

ACTIONS: tuple[Action, ...] = (
    Action("raise", "raise:CLASS[:ERRNO], an exception that carries a unique token; by default the site's own", True,
           _raise),
    Action("return", "return:VALUE (None, True, False, a number, a word) without calling", False, _return),
    Action("delay", "delay:SECONDS, then go on", False, lambda fault: ("delay", (_seconds(fault),))),
    Action("stall", "the calling thread or greenthread blocks for ever", True, _does("stall")),
    Action("freeze", "the whole process blocks for ever, the eventlet hub too", True, _does("freeze")),
    Action("exit", "exit:STATUS, sys.exit there; exit:STATUS:hard, gone at once without clean-up", True, _exit),
    Action("kill", "kill[:SIGNAL], the process kills itself; KILL by default", True, _kill),
    Action("signal", "signal:NAME[:WHOM[:TIMES]], sent to this process, to parent or to worker.N", True, _signal),
    Action("limit", "limit:WHAT[:AMOUNT], taken away for real: nofile (so many more), nproc, as (MiB more), fsize (bytes),"
           " disk (KiB for temporary files)",
           False, _limit),
    Action("close", "standard output and error are closed", False, _does("close")),
    Action("fill", "fill[:socket], standard output and error are a pipe or a socket that is full and never read", False,
           _fill),
    Action("full", "standard output and error, or the log file, are on a disk that is full", False, _full),
    Action("preload", "the modules that patching comes too late for (threading, ssl) are imported first", False,
           _does("preload")),
    Action("twice", "the standard library is patched twice", False, _does("twice")),
    Action("two_addresses", "this machine's name has two addresses, and nobody listens on the first", False,
           _does("two_addresses")),
    Action("unquoted", "passwords stand in their URLs as they are, not quoted", False, _noted),
    Action("missing", "the file is not there", True, _noted),
    Action("unreadable", "the file may not be read", True, _noted),
    Action("unwritable", "the file, or the notify socket, may not be written to", False, _noted),
    Action("malformed", "the file is not well-formed", True, _noted),
    Action("set", "set:VALUE, set:SECTION:OPTION:VALUE in the configuration file, set:NAME:VALUE in the environment", False,
           _set),
    Action("unset", "unset:NAME, the variable is not there", False, _unset),
    Action("absent", "chaos gives the target no notify socket", False, _noted),
    Action("gone", "nobody is bound to the notify socket any more", False, _noted),
    Action("jump", "jump:SECONDS, the wall clock is off by so much from now on", False, _jump),
    Action("refuse", "the connection is refused", True, _raised(REFUSED)),
    Action("reset_peer", "the peer resets the connection", True, _raised(RESET)),
    Action("timeout", "the connection times out", True, _raised(TIMED_OUT)),
    Action("blackhole", "the peer accepts and never answers", True, _does("stall")),
    Action("latency", "latency:SECONDS, a slow peer; on a real wire latency:SECONDS:JITTER:SEED too", False,
           lambda fault: ("delay", (_seconds(fault),))),
    Action("bandwidth", "bandwidth:KB, so many kilobytes a second", False, _only_real),
    Action("slicer", "slicer:BYTES, the data comes in pieces of that size", False, _only_real),
    Action("slow_close", "slow_close:SECONDS, the end of a connection is passed on so much later", False, _only_real),
    Action("limit_data", "limit_data:BYTES, the connection is closed after so many bytes", True, _only_real),
    Action("half_open", "the broker's side is gone, and the target is not told", True, _only_real),
    Action("down", "every connection is closed, and new ones are refused", True, _only_real),
    Action("first_dead", "nobody listens on the first of two hosts", False, _only_real),
    *(Action(word, f"a hostile peer: {doc}", True, _only_real) for word, doc in zip(MANNERS, (
        "another protocol version", "bytes that are no frame", "a frame cut short, then the end",
        "a frame cut short, then nothing", "a frame of enormous size", "no mechanism that takes a password",
        "403, the password is refused", "530, there is no such virtual host", "320, it closes as a channel is opened",
        "heartbeats that never come", "406 when a queue is declared"), strict=True)),
    *(Action(word, doc, True, _only_real) for word, doc in zip(BREAKS_NODE, (
        "the node is gone without a word", "the node is stopped in order", "the node is stopped by SIGSTOP",
        "the node is stopped in order, and started again", "alarm[:disk], a memory or disk alarm blocks who publishes",
        "the node is killed (SIGKILL): what crash looks like, and a boot until it is back"), strict=True)),
    *(Action(word, doc, True, _only_real) for word, doc in (
        ("expired", "the broker's certificate has expired"), ("wrong_host", "the certificate is another host's"),
        ("unknown_authority", "nobody known has signed the certificate"),
        ("plain_text", "the port wants TLS, and the target speaks plain text"),
        ("plain_port", "the target speaks TLS, and the port does not"))),
)

BY_WORD = {action.word: action for action in ACTIONS}


def told(fault: Fault) -> Told:
    """What the agent is told to do for ``fault``. Raises ActionError for arguments that make no sense."""
    site = doc_of(fault.site)
    if site is not None and site.by in (By.OUTSIDE, By.TRACER):
        return _from_outside(fault, site)
    if site is not None and site.by is not By.AGENT:
        return _on_real(fault, site)
    word = BY_WORD[fault.action]
    if word.told in (_noted, _set, _unset) or fault.site in PUT_IN_PLACE:
        _must_be_put_in_place(fault, site)
    return word.told(fault)


def _must_be_put_in_place(fault: Fault, site: SiteDoc | None) -> None:
    """What was put in place nowhere would be noted as met all the same: the fault fires, breaks nothing, and passes."""
    if site is None:
        _only_real(fault)
    else:
        _must_happen(fault, site)
