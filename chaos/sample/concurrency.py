"""Choose the concurrency backend and patch for it, before anything else is imported; must not parse the configuration.

Two facts make this the first step of a launcher. ``eventlet.monkey_patch()`` does not reach locks that exist already,
and ``oslo_service.service`` binds the backend when it is first imported, which ``oslo_messaging`` does on its own.
"""

import argparse
import enum
import pickle
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn


class ConfigError(Exception):
    """An option or a configuration file is wrong. One line without a secret. Not for a part that is down."""


class Backend(enum.Enum):
    """oslo.service's two backends, by the names that oslo.service gives them."""

    EVENTLET = "eventlet"
    THREADING = "threading"


class _Parser(argparse.ArgumentParser):
    """argparse ends the process on an error, with a usage text; the caller wants one line and its own status."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def chosen(arguments: Sequence[str]) -> Backend:
    """Return the backend that ``--backend`` names (default: threading). Raise `ConfigError` for any other word."""
    names = [backend.value for backend in Backend]
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--backend", choices=names, default=Backend.THREADING.value)
    return Backend(parser.parse_known_args(list(arguments))[0].backend)


def prepare(backend: Backend) -> None:
    """Patch if the backend is eventlet, then bind oslo.service to it. One backend a process."""
    warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")  # the operator chose it knowingly
    if backend is Backend.EVENTLET:
        import eventlet

        eventlet.monkey_patch()
        if not eventlet.patcher.is_monkey_patched("thread"):
            raise RuntimeError("eventlet.monkey_patch() has patched nothing")
    from oslo_service import backend as oslo_backend

    oslo_backend.init_backend(oslo_backend.BackendType(backend.value))


def leave_parents_hub() -> None:
    """Give a forked process a hub of its own, before it can wait for anything.

    It inherits its parent's hub, with every greenthread and the same epoll descriptor. Should it wait for a lock or a
    moment before oslo.service makes it a hub, those greenthreads would run in it too: take what was meant for the
    parent, and end the parent's own waiting.
    """
    eventlet = sys.modules.get("eventlet")
    if eventlet is not None and eventlet.patcher.is_monkey_patched("thread"):
        eventlet.hubs.use_hub()


def call_prepared(backend_name: str, pickled: bytes) -> Any:
    """Prepare the backend, and only then unpickle a function with its arguments and call it: how a spawned worker
    begins.

    Unpickling a service imports ``oslo_service.service``, which would bind a fresh interpreter to eventlet.
    """
    prepare(Backend(backend_name))
    function, arguments = pickle.loads(pickled)
    return function(*arguments)
