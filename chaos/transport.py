"""The companions of a sweep on a real transport: starts them, ends them, and says as text where they are.

    with attached("rabbit") as network, Pool(jobs, network) as pool: ...

One broker for all cases. It knows nothing of cases: what a run does with the companions is ``runner.network``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from chaos.errors import UsageError
from chaos.network.client import open_caller
from chaos.network.wire import open_wire
from chaos.runner.request import Network

# network.broker and network.tls are imported where they are used: 0.2 s that a sweep without a broker need not wait for.

if TYPE_CHECKING:
    from chaos.network.broker import Broker

FAKE, RABBIT = "fake", "rabbit"
DEFAULT_PORT = 5672


def kind_of(asked: str | None) -> str | None:
    """What stands in a case id for what was asked for: None for the target's own transport. Raises UsageError."""
    if asked in (None, "", FAKE):
        return None
    assert asked is not None
    if asked != RABBIT:
        _parts_of(asked)
    return RABBIT


def is_private(asked: str | None) -> bool:
    return asked == RABBIT


def must_be_there(asked: str | None) -> None:
    """Raises MissingPart for what a private broker needs and this machine has not."""
    if is_private(asked):
        from chaos.network.broker import find_parts

        find_parts()


@contextlib.contextmanager
def attached(asked: str | None, *, running: Broker | None = None) -> Iterator[Network | None]:
    """Start what ``asked`` (``fake``, ``rabbit`` or the URL of a broker) needs; None: nothing. ``running``: a private
    broker that is there already. Raises MissingPart."""
    if kind_of(asked) is None:
        yield None
        return
    assert asked is not None
    from chaos.network.broker import private_broker
    from chaos.network.tls import make_certificates

    with contextlib.ExitStack() as stack:
        broker = running or (stack.enter_context(private_broker()) if is_private(asked) else None)
        wire, caller = stack.enter_context(open_wire()), stack.enter_context(open_caller())
        folder = Path(wire.folder, "tls")       # of a process that removes it also where this one is killed
        make_certificates(folder)
        for path, mode in ((folder, 0o755), (Path(wire.folder), 0o711)):
            path.chmod(mode)    # the target, which may have dropped its rights, reads the authority's certificate there
        address, url, secrets = _private(broker.port, broker.user, broker.password) if broker else _parts_of(asked)
        yield Network(wire=wire.folder, caller=caller.folder, broker=broker.folder if broker else "", address=address,
                      url=url, certificates=str(folder), secrets=secrets)


def _private(port: int, user: str, password: str) -> tuple[str, str, tuple[str, ...]]:
    url = f"rabbit://{quote(user, safe='')}:{quote(password, safe='')}@{{address}}/{{vhost}}"
    return f"127.0.0.1:{port}", url, (password,)


def _parts_of(url: str) -> tuple[str, str, tuple[str, ...]]:
    """Address, template and secrets of a broker that the user has. The URL itself is not repeated in an error: it may hold
    a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host = None
    if host is None or parts.scheme != RABBIT or "," in parts.netloc or parts.query:
        raise UsageError("--transport: fake, rabbit or the URL of one broker such as "
                         "rabbit://user:password@127.0.0.1:5672/vhost would be right")
    user, at, _ = parts.netloc.rpartition("@")
    secrets = (unquote(parts.password),) if parts.password else ()
    return f"{host}:{port}", f"{RABBIT}://{user}{at}{{address}}{parts.path}", secrets
