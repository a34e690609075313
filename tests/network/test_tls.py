"""Certificates that are right and wrong, on a port of the proxy that speaks TLS, and plain text where TLS is expected."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.errors import UsageError
from chaos.network.tls import Certificates, Trust, make_certificates
from chaos.network.wire import Wire
from chaos.transport import attached
from network.echo import Echo
from processes import Deadline

WITHIN_S = 20.0
ELSEWHERE = "rabbit://user:password@127.0.0.1:1/vhost"
"""A broker that is the user's own: nobody starts one, or connects before there is a case."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture
def trusting(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.authority))


def _spoken(port: int, trusting: ssl.SSLContext) -> bytes:
    with socket.create_connection(("127.0.0.1", port), WITHIN_S) as plain, \
            trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        secure.sendall(b"hello")
        return secure.recv(5)


def test_a_good_certificate_is_trusted_and_what_is_said_goes_through(
    wire: Wire, echo: Echo, certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    after = len(wire.line.events)
    with wire.proxy("tls", to=echo.address, certificate=str(certificates.served[Trust.GOOD])) as port:
        assert _spoken(port.number, trusting) == b"hello"
        wire.line.event("closed", after=after, port="tls", within_s=WITHIN_S)
    assert not [one for one in wire.line.events[after:] if one["event"] == "failed"]


def test_a_broker_that_is_not_there_is_no_matter_of_the_certificate(
    wire: Wire, certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    after = len(wire.line.events)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with wire.proxy("tls", to=nobody.getsockname(), certificate=str(certificates.served[Trust.GOOD])) as port:
            with contextlib.suppress(OSError):
                assert not _spoken(port.number, trusting)
            assert not wire.line.event("failed", after=after, port="tls", within_s=WITHIN_S)["handshake"]


@pytest.mark.parametrize(("trust", "because"), [
    (Trust.EXPIRED, "certificate has expired"), (Trust.WRONG_HOST, "IP address mismatch|doesn't match"),
    (Trust.UNKNOWN_AUTHORITY, "unable to get local issuer certificate|self-signed")])
def test_a_wrong_certificate_is_refused_by_the_client_and_told(
    wire: Wire, echo: Echo, certificates: Certificates, trusting: ssl.SSLContext, trust: Trust, because: str
) -> None:
    after = len(wire.line.events)
    with wire.proxy("tls", to=echo.address, certificate=str(certificates.served[trust])) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match=because):
            _spoken(port.number, trusting)
        assert wire.line.event("failed", after=after, port="tls", within_s=WITHIN_S)["handshake"], "so the fault was met"
    assert not echo.accepted or not any(one["event"] == "reached" for one in wire.line.events[after:])


def test_plain_text_on_a_tls_port_ends_without_an_answer(wire: Wire, echo: Echo, certificates: Certificates) -> None:
    after = len(wire.line.events)
    with wire.proxy("tls", to=echo.address, certificate=str(certificates.served[Trust.GOOD])) as port:
        with socket.create_connection(("127.0.0.1", port.number), WITHIN_S) as plain:
            plain.sendall(b"AMQP\x00\x00\x09\x01" * 2)
            assert not _all_of(plain).startswith(b"AMQP")
        failed = wire.line.event("failed", after=after, port="tls", within_s=WITHIN_S)
    assert "SSL" in failed["because"] and failed["handshake"]


def test_tls_on_a_plain_port_is_no_tls(wire: Wire, echo: Echo, trusting: ssl.SSLContext) -> None:
    """What comes back is not TLS: here the client's own hello, from a broker a protocol header."""
    with wire.proxy("plain", to=echo.address) as port, pytest.raises(ssl.SSLError):
        _spoken(port.number, trusting)


def test_a_certificate_that_is_none_is_an_error(wire: Wire, echo: Echo, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no")
    with pytest.raises(UsageError, match="cannot be used as a certificate"), \
            wire.proxy("tls", to=echo.address, certificate=str(tmp_path / "no.pem")):
        pass


def test_keys_are_for_the_user_only(certificates: Certificates) -> None:
    assert all(path.stat().st_mode & 0o077 == 0 for path in certificates.served.values())


def test_whoever_has_dropped_its_rights_may_read_the_authority_and_no_more() -> None:
    with attached(ELSEWHERE) as network:
        assert network is not None
        folder = Path(network.certificates)
        ours = [folder, *(path for path in folder.parents if path.is_relative_to(network.wire))]
        assert len(ours) == 2 and all(path.stat().st_mode & 0o001 for path in ours)
        assert folder.joinpath("authority.pem").stat().st_mode & 0o004
        assert {path.name: path.stat().st_mode & 0o077 for path in Path(network.wire).iterdir()} == {
            "control": 0, "said": 0, "tls": 0o055}, "only this user may break what others use"


ATTACHED = f"""
import os, signal
from chaos.transport import attached
with attached({ELSEWHERE!r}) as network:
    assert os.listdir(network.certificates)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_key_is_left_where_whoever_made_it_was_killed(tmp_path: Path, deadline: Deadline) -> None:
    done = subprocess.run([sys.executable, "-c", ATTACHED], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False,
                          timeout=deadline.left_s("certificates"))
    assert done.returncode == -signal.SIGKILL
    while left := list(tmp_path.iterdir()):
        deadline.left_s(f"the end of {left}")


def _all_of(plain: socket.socket) -> bytes:
    got = b""
    try:
        while data := plain.recv(4096):
            got += data
    except ConnectionError:
        pass
    return got
