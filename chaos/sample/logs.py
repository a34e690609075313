"""Logging of the scheduler: oslo.log to stderr, redacted, and the last error kept; must not decide what is an error."""

import logging
import re

from oslo_config import cfg
from oslo_log import log as oslo_log

from chaos.sample.concurrency import ConfigError
from chaos.sample.exits import in_one_line
from chaos.sample.redaction import RedactingFormatter, Redactor

FALLBACK_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"
QUOTED_LINE = re.compile(r"(\bline:? +\d+).*")  # of a log_config_append: what is no option may be a secret


class LastError(logging.Handler):
    """Remembers the last error that was logged.

    Libraries that retry for ever log the cause and never raise it: oslo.messaging while it connects, and while its
    executor takes no work. Whoever gives up waiting for them can name the cause by this.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.text = " ".join(record.getMessage().split()[:60]) + (f": {in_one_line(error)}" if error else "")


def set_up(conf: cfg.ConfigOpts) -> Redactor:
    """Set up oslo.log (``date pid LEVEL logger message``), every line redacted; return the redactor.

    Raise `ConfigError` for a log file that cannot be written to, or a `log_config_append` that cannot be used: nobody
    would hear of anything.
    """
    redact = Redactor.of_url(conf.transport_url)
    try:
        oslo_log.setup(conf, "scheduler")
    except OSError as error:
        raise ConfigError(f"the log cannot be written to: {in_one_line(error)}") from None
    except (oslo_log.LogConfigError, cfg.Error) as error:
        reason = QUOTED_LINE.sub(r"\1", in_one_line(error))
        raise ConfigError(f"the log cannot be set up: {redact(reason)}") from None
    root = logging.getLogger()
    for handler in _handlers():
        handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(FALLBACK_FORMAT), redact))
    root.handlers.insert(0, LastError())  # first, for one that fails keeps those behind it from hearing of the error
    return redact


def _handlers() -> set[logging.Handler]:
    """Those of every logger: a `log_config_append` often gives them to others than the root."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]  # placeholders among them, which have none
    return {handler for logger in loggers for handler in getattr(logger, "handlers", ())}


def last_error() -> str:
    """Return the last error that was logged in this process, as the end of a sentence, or nothing."""
    kept = [handler.text for handler in logging.getLogger().handlers if isinstance(handler, LastError)]
    return f"; last error logged: {kept[-1]}" if any(kept) else ""


def renew_locks() -> None:
    """Give the handlers locks of this process: call it in a forked worker.

    Under eventlet oslo.log locks a handler by taking a byte out of a pipe, and forked processes share the pipe: a
    worker that is killed while it logs keeps the byte, and its parent can never log again.
    """
    for handler in _handlers():
        handler.createLock()
