"""The options of the scheduler, their checks, and its logging; must not start anything.

Import it only after `concurrency.prepare`: the transport's options come with oslo_messaging.
"""

import contextlib
import io
import logging
import os
import re
import resource
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import oslo_messaging
from oslo_config import cfg
from oslo_log import log as oslo_log

from chaos.sample.concurrency import Backend, ConfigError
from chaos.sample.redaction import MASK, Redactor

LOG = logging.getLogger(__name__)

WORKERS_PER_CPU = 4
FILES_PER_WORKER = 16  # what the parent holds for each: pidfd, sentinel, semaphores, with room for a respawn

# How oslo.config and argparse complain of a line that is no option, and of a value: what they quote may be a secret.
SPOILT_LINE = re.compile(r"""(?<=: )(['"]).*\1$""")
BAD_VALUE = re.compile(r"(?:Value for option |argument --)([\w-]+).*?(?:is not valid|value|choice): ")

RABBIT = ("rabbit", "kombu")
"""oslo.messaging's names for one driver. What stands behind a + is for the driver: `kombu+amqp`."""

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt("backend", choices=[backend.value for backend in Backend], default=Backend.THREADING.value),
    cfg.IntOpt("workers", default=1, min=1, help="Worker processes; more than the machine bears are cut to its bound."),
    cfg.StrOpt("start-method", choices=["fork", "spawn"], default="fork", help="For the threading backend."),
    cfg.StrOpt("transport-url", dest="transport_url_argument", secret=True, help="Wins over transport_url of a file."),
    cfg.FloatOpt("startup-deadline", default=4.0, min=0.5, help="Seconds for all to serve, once the broker is there."),
    cfg.FloatOpt("broker-wait", default=30.0, min=0, help="Seconds to wait for an absent broker; 0: do not ask first."),
    cfg.StrOpt("host", default=socket.gethostname(), help="The name of this RPC server."),
    cfg.StrOpt("topic", default="scheduler"),
    cfg.IntOpt("rpc-threads", default=8, min=1, help="Threads or greenthreads that answer calls, in each worker."),
    cfg.IntOpt("inventory-seed", default=1),
    cfg.IntOpt("inventory-hosts", default=50, min=1),
)


def load(arguments: Sequence[str], conf: cfg.ConfigOpts = cfg.CONF) -> cfg.ConfigOpts:
    """Return the parsed configuration, every option of ours checked. Raise `ConfigError` with one line.

    ``--help`` ends by SystemExit(0), as argparse does it. A service needs the global `conf`: oslo.messaging 18.3
    registers [oslo_messaging_tracing] there only, and reads it from the configuration that it was given, at every call.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            parse(conf, arguments)
        _read_all(conf)
    except SystemExit as end:  # argparse has printed usage and error
        if not end.code:
            raise
        raise ConfigError(_last_line(complaint.getvalue() or f"SystemExit: {end.code}")) from None
    except cfg.ConfigFileParseError as error:
        raise ConfigError(SPOILT_LINE.sub(MASK, str(error))) from None
    except (cfg.Error, ValueError, IsADirectoryError, PermissionError) as error:  # oslo.config lets the last two out
        raise ConfigError(_last_line(str(error))) from None
    return conf


def parse(conf: cfg.ConfigOpts, arguments: Sequence[str]) -> None:
    """Register the options and read the command line and the files, no more."""
    oslo_log.register_options(conf)
    conf.register_cli_opts(OPTIONS)
    oslo_messaging.TransportURL.parse(conf)  # registers its options: or it were too late to give one another default
    conf.set_default("transport_url", "fake:/")
    conf(list(arguments), project="scheduler", prog="scheduler", default_config_files=[], default_config_dirs=[])
    if conf.transport_url_argument:
        conf.set_override("transport_url", conf.transport_url_argument)


def _read_all(conf: cfg.ConfigOpts) -> None:
    """oslo.config checks a value of a file when it is read first."""
    for option in OPTIONS:
        if getattr(conf, option.dest) is None and option.default is not None:
            raise ConfigError(f"{option.name} is empty; its default is {option.default!r}")


def is_rabbit(url: str) -> bool:
    """Return whether a transport URL is for oslo.messaging's rabbit driver."""
    return re.split(r"[+:]", url, maxsplit=1)[0] in RABBIT


def check_transport_url(conf: cfg.ConfigOpts) -> None:
    """Raise `ConfigError` when the transport's URL cannot be used, without a piece of a password.

    oslo.messaging takes an unquoted / # or ? of a password for the end of the host: it prints what stood before as a
    bad port, or connects to it. And its rabbit driver quotes all but / when it hands a password on, so that a / cannot
    be used at all.
    """
    scheme = conf.transport_url.partition(":")[0]
    try:
        hosts = oslo_messaging.TransportURL.parse(conf).hosts
        if "@" in conf.transport_url and not any(host.username or host.password for host in hosts):
            raise ValueError("it has an @, and no user name before it")
    except (ValueError, oslo_messaging.InvalidTransportURL) as error:
        advice = "special characters of the password must be quoted: / as %2F, # as %23, ? as %3F"
        reason = re.sub("'.*'", MASK, Redactor.of_url(conf.transport_url)(" ".join(str(error).split())))
        raise ConfigError(f"transport_url ({scheme}) cannot be parsed: {reason}; {advice}") from None
    if is_rabbit(conf.transport_url) and any("/" in f"{host.username}{host.password}" for host in hosts):
        raise ConfigError(f"transport_url ({scheme}): its driver takes no / in a user name or password, quoted or not")


def _last_line(text: str) -> str:
    """Return the line that says what is wrong, without the value of a secret option."""
    bad = BAD_VALUE.search(text)
    if bad and bad[1].replace("_", "-") in {option.name for option in OPTIONS if option.secret}:
        return bad[0] + MASK
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["the configuration cannot be read"]
    return Redactor(())(lines[-1])


@dataclass(frozen=True, slots=True)
class Bound:
    """The most workers that this machine bears, and why."""

    workers: int
    reason: str


def worker_bound(cpus: int, open_files: int) -> Bound:
    """Return the bound for a machine: four workers a CPU, and no more than its limit of open files feeds."""
    by_cpu = Bound(cpus * WORKERS_PER_CPU, f"{WORKERS_PER_CPU} for each of {cpus} CPUs")
    by_files = Bound(max(1, open_files // FILES_PER_WORKER), f"{FILES_PER_WORKER} of {open_files} open files for each")
    return min(by_cpu, by_files, key=lambda bound: bound.workers)


def bounded_workers(conf: cfg.ConfigOpts) -> int:
    """Return how many workers to start, and log the bound with its reason."""
    bound = worker_bound(os.cpu_count() or 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    workers: int = min(conf.workers, bound.workers)
    level = logging.WARNING if workers < conf.workers else logging.INFO
    LOG.log(level, "workers: %d (asked %d, bound %d: %s)", workers, conf.workers, bound.workers, bound.reason)
    return workers
