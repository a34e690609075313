"""Traced calls as sites: which of them can fail in the field, and with what. Pure.

A site is ``CALLER,CALLEE``, each ``module:qualified.name``. The ranks: **real**, the callee reaches outside the program
or into the libraries that start a service; **plausible**, any other function that may raise; **unreal**, what only a
broken interpreter would make fail (a class being made, a look-up in an enum, a lock being released). A fault at an
unreal site says nothing about an operator's night, so those are left out unless asked for
(``--profile unreal``).
"""

from __future__ import annotations

import enum
import re

from chaos.catalog import Error


class Rank(enum.StrEnum):
    REAL = "real"
    PLAUSIBLE = "plausible"
    UNREAL = "unreal"


REAL = frozenset("""posix os _socket socket ssl _ssl select selectors _thread threading subprocess _posixsubprocess
    multiprocessing concurrent signal _signal fcntl _io io tempfile shutil pwd grp resource importlib stevedore eventlet
    greenlet cotyledon futurist kombu amqp pika sqlalchemy oslo_config oslo_log oslo_messaging oslo_service oslo_db
    oslo_concurrency oslo_utils oslo_policy oslo_privsep keystoneauth1 keystonemiddleware requests urllib3 http
    setproctitle fasteners""".split())
UNREAL = frozenset("""abc enum dataclasses typing types collections functools itertools operator re weakref inspect copy
    contextlib warnings gc string textwrap reprlib keyword genericpath posixpath codecs encodings debtcollector
    wrapt __future__ locale gettext""".split())
_UNREAL_NAME = re.compile(r"(^|\.)(<\w+>|_handle_fromlist|__(?!init__|call__|enter__|import__)\w+__|getLogger"
                          r"|isEnabledFor|_log|log|debug|info|warning|error|exception|critical)$")
_CANNOT_FAIL = frozenset("""posix:getpid posix:getppid posix:getuid posix:geteuid posix:getgid posix:getegid posix:_exit
    posix:register_at_fork posix:fspath posix:strerror _thread:get_ident _thread:get_native_id""".split())
"""Calls of the kernel and of the interpreter that have no errors."""
_NO_NEW_DESCRIPTOR = {"read": Error("OSError", 5, "Input/output error"), "write": Error("BrokenPipeError", 32, "Broken pipe"),
                      "close": Error("OSError", 5, "Input/output error"),
                      "kill": Error("ProcessLookupError", 3, "No such process"),
                      "waitpid": Error("ChildProcessError", 10, "No child processes"),
                      "unlink": Error("FileNotFoundError", 2, "No such file or directory")}
"""What these fail with: not for want of descriptors, as others of their kind do."""
_BY_PACKAGE = {"importlib": Error("ImportError", None, "cannot import"),
               "stevedore": Error("RuntimeError", None, "no such driver"),
               "socket": Error("OSError", 24, "Too many open files"),
               "subprocess": Error("BlockingIOError", 11, "Resource temporarily unavailable"),
               "multiprocessing": Error("BlockingIOError", 11, "Resource temporarily unavailable"),
               "threading": Error("RuntimeError", None, "can't start new thread"),
               "tempfile": Error("OSError", 28, "No space left on device")}
_NOT_RAISED = ("DeprecationWarning", "Warning", "UserWarning", "FutureWarning", "StopIteration", "KeyError", "AttributeError",
               "ModuleNotFoundError", "NotImplementedError", "Exception", "GeneratorExit")


def is_call(site: str) -> bool:
    return "," in site


def rank(site: str) -> Rank:
    module, _, name = site.partition(",")[2].partition(":")
    package = module.partition(".")[0]
    if package in UNREAL or _UNREAL_NAME.search(name) or f"{module}:{name}" in _CANNOT_FAIL:
        return Rank.UNREAL
    return Rank.REAL if package in REAL else Rank.PLAUSIBLE


def error_for(site: str, named: str) -> Error:
    """The exception that fails the call: what the callee's kind fails with in the field, else what its code names."""
    module, _, name = site.partition(",")[2].partition(":")
    if module == "posix" and name in _NO_NEW_DESCRIPTOR:
        return _NO_NEW_DESCRIPTOR[name]
    cls, _, number = named.partition(":")
    if number:
        return Error(cls, int(number), "injected")
    known = _BY_PACKAGE.get(module.partition(".")[0])
    if known is not None:
        return known
    if cls and cls.rpartition(".")[2] not in _NOT_RAISED:
        return Error(cls, None, "injected")
    return Error("RuntimeError", None, "injected")
