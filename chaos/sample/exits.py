"""Which exit status tells what happened, after sysexits.h; pure. Import it only after `concurrency.prepare`."""

import errno
import os
import signal
from dataclasses import dataclass

import oslo_messaging
from oslo_config import cfg

from chaos.sample.concurrency import ConfigError

SHORTAGES = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)
MISCONFIGURED = (ConfigError, cfg.Error, oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure)
UNAVAILABLE = (oslo_messaging.MessagingException, ConnectionError, TimeoutError)

STOPPED_EARLY = 128 + signal.SIGTERM
"""Told to stop before it was ready: what a shell shows for a process that SIGTERM ended."""


class OutOfTime(TimeoutError):
    """A deadline of this service has passed. Not for a time-out of a library, which says less of what is missing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a start (or a stop) failed: where, with which exit status, and the cause in one line."""

    where: str
    status: int
    reason: str


def status_of(error: BaseException) -> int:
    """Return the exit status for an error: 69, 70, 71, 75 or 78, or the non-zero status of a SystemExit."""
    match error:
        case SystemExit(code=int() as code) if 0 < code < 256:
            return code
        case error if isinstance(error, MISCONFIGURED):
            return os.EX_CONFIG
        case OutOfTime():
            return os.EX_TEMPFAIL
        case error if isinstance(error, UNAVAILABLE):
            return os.EX_UNAVAILABLE
        case MemoryError() | OSError(errno=errno.EAGAIN):
            return os.EX_TEMPFAIL
        case OSError(errno=number):
            return os.EX_TEMPFAIL if number in SHORTAGES else os.EX_OSERR
        case RuntimeError() if "can't start new thread" in str(error):
            return os.EX_TEMPFAIL
    return os.EX_SOFTWARE


def in_one_line(error: BaseException) -> str:
    """Return the type and message of an error, and of the error that it came from, without line ends."""
    words = f"{type(error).__name__}: {error}"
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None and str(origin) not in words:
        words += f" (from {type(origin).__name__}: {origin})"
    return " ".join(words.split())
