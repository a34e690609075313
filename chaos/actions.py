"""The action words: what each takes, whether it breaks something, and what the agent in the target is told to do. Pure.

A network word at a site that only the agent can reach (``rpc.connect`` on ``fake:/``) becomes the exception, the delay or
the stall that the driver would have seen.
"""

from __future__ import annotations

import errno as errno_module
from collections.abc import Callable
from dataclasses import dataclass

from chaos.catalog import BY_NAME, REFUSED, RESET, TIMED_OUT, Error
from chaos.model import Fault

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
    known = BY_NAME[fault.site].errors if fault.site in BY_NAME else ()
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
        if float(word) >= 0:
            return word
    except ValueError:
        pass
    raise ActionError(f"{fault.action} takes seconds, not {word!r}; 0.5 would be right")


def _plain(fault: Fault) -> Told:
    return fault.action, fault.args


def _raised(error: Error) -> Callable[[Fault], Told]:
    return lambda fault: ("raise", (error.cls, str(error.errno), error.message))


def _exit(fault: Fault) -> Told:
    if len(fault.args) > 2 or (len(fault.args) == 2 and fault.args[1] != "hard"):
        raise ActionError("exit takes a status or a word, and then perhaps 'hard': exit:3, exit:0:hard")
    return "exit", fault.args or ("0",)


ACTIONS: tuple[Action, ...] = (
    Action("raise", "raise:CLASS[:ERRNO], an exception that carries a unique token; by default the site's own", True,
           _raise),
    Action("return", "return:VALUE (None, True, False, a number, a word) without calling", False, _plain),
    Action("delay", "delay:SECONDS, then go on", False, lambda fault: ("delay", (_seconds(fault),))),
    Action("stall", "the calling thread or greenthread blocks for ever", True, lambda fault: ("stall", ())),
    Action("freeze", "the whole process blocks for ever, the eventlet hub too", True, lambda fault: ("freeze", ())),
    Action("exit", "exit:STATUS, sys.exit there; exit:STATUS:hard, gone at once without clean-up", True, _exit),
    Action("kill", "kill[:SIGNAL], the process kills itself; KILL by default", True, _plain),
    Action("refuse", "the connection is refused", True, _raised(REFUSED)),
    Action("reset_peer", "the peer resets the connection", True, _raised(RESET)),
    Action("timeout", "the connection times out", True, _raised(TIMED_OUT)),
    Action("blackhole", "the peer accepts and never answers", True, lambda fault: ("stall", ())),
    Action("latency", "latency:SECONDS, a slow peer", False, lambda fault: ("delay", (_seconds(fault),))),
)

BY_WORD = {action.word: action for action in ACTIONS}


def told(fault: Fault) -> Told:
    """What the agent is told to do for ``fault``. Raises ActionError for arguments that make no sense."""
    return BY_WORD[fault.action].told(fault)
