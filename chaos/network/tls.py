"""Certificates for a broker's port, made at run time by trustme: one that is right, and those that a client must refuse."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1")
OTHER_NAME = "other.invalid"


class Trust(enum.StrEnum):
    """What is wrong with a certificate, for a client that trusts one authority and connects to 127.0.0.1."""

    GOOD = "good"
    EXPIRED = "expired"
    WRONG_HOST = "wrong_host"
    UNKNOWN_AUTHORITY = "unknown_authority"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files. ``authority``: what the client is to trust. ``served``: for the port, key and chain in one."""

    authority: Path
    served: Mapping[Trust, Path]


def make_certificates(folder: Path) -> Certificates:
    """Write all of them into ``folder``, readable by the user only. Takes 20 ms."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known, unknown = trustme.CA(), trustme.CA()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    leaves = {
        Trust.GOOD: known.issue_cert(*NAMES),
        Trust.EXPIRED: known.issue_cert(*NAMES, not_after=yesterday),
        Trust.WRONG_HOST: known.issue_cert(OTHER_NAME),
        Trust.UNKNOWN_AUTHORITY: unknown.issue_cert(*NAMES),
    }
    authority = folder / "authority.pem"
    known.cert_pem.write_to_path(str(authority))
    served: dict[Trust, Path] = {}
    for trust, leaf in leaves.items():
        served[trust] = folder / f"{trust}.pem"
        served[trust].touch(0o600)
        leaf.private_key_and_cert_chain_pem.write_to_path(str(served[trust]))
    return Certificates(authority, served)
