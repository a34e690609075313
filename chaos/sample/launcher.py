"""The sample scheduler's launcher: patch, configure, wait for the broker, start, serve, return a status.

    python -m chaos.sample.launcher --backend threading --workers 2 --transport-url fake:/

Nothing that threads is imported at the top: `concurrency.prepare` has to come first.
"""

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chaos.sample import concurrency, processes
from chaos.sample.concurrency import ConfigError

if TYPE_CHECKING:
    from oslo_config import cfg

    from chaos.sample.redaction import Redactor
    from chaos.sample.startup import Watch

IMPORTS_S = 6.0
"""Half a second is normal, before the first option is read; a busy machine needs three."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scheduler until it is told to stop; return the exit status: 0, one of sysexits.h, or 143 if never
    ready."""
    obey_signals()
    keep_standard_streams()
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        backend = concurrency.chosen(arguments)
        concurrency.prepare(backend)
        from chaos.sample import broker, config, logs, startup

        conf = config.load(arguments)
        redact = logs.set_up(conf)
    except Exception as error:
        return refused(error)
    hide_secrets_of_arguments(redact)
    workers = config.bounded_workers(conf)
    with startup.Watch(workers=workers, deadline_s=conf.startup_deadline, redact=redact) as watch:
        config.check_transport_url(conf)
        broker.wait_for(conf)
        watch.begin()
        return watch.status(serve(conf, backend, workers, watch))


def serve(conf: "cfg.ConfigOpts", backend: concurrency.Backend, workers: int, watch: "Watch") -> Any:
    """Create the service, launch it, and return what the launcher's wait() gives."""
    from oslo_service import service

    from chaos.sample.service import SchedulerService

    server = SchedulerService.create(conf)
    how = {"start_method": conf.start_method} if backend is concurrency.Backend.THREADING else {}
    with watch.signals_held():
        launcher = service.launch(conf, watch.reporting(server), workers=workers, **how)
        watch.listen_for_stop(launcher)
    try:
        return launcher.wait()
    except SystemExit as end:  # how cotyledon's manager returns when there are two workers or more
        return end.code


def obey_signals() -> None:
    """Until the launcher has handlers of its own, SIGTERM and SIGINT end the process at once, even a frozen one.

    SIGHUP does nothing, then and later: nothing of this service changes while it runs. oslo.service would stop it and
    start it again, and cotyledon end its workers, even those on their way up.
    """
    faulthandler.dump_traceback_later(IMPORTS_S, exit=True, file=2)  # until the watch sets its own deadline
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def keep_standard_streams() -> None:
    """See to it that writing to standard error hurts nobody, whatever the supervisor made of it.

    A descriptor that is closed would be given to the next file that is opened, and get what is printed. A pipe that
    nobody reads would block the service at its next log line, so its lines get lost instead; by a description of our
    own, for whoever shares the pipe keeps his as it is. A socket cannot be opened again, and is changed as it is: what
    systemd gives belongs to this service alone.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(spare, True)
    os.close(spare)
    for stream in (1, 2):
        try:
            unblocked = os.open(f"/proc/self/fd/{stream}", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
        except OSError:
            os.set_blocking(stream, False)
        else:
            os.dup2(unblocked, stream)
            os.close(unblocked)


def refused(error: Exception) -> int:
    """Say in one line why nothing was started."""
    status = os.EX_CONFIG if isinstance(error, ConfigError) else os.EX_SOFTWARE
    cause = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
    processes.say(f"start failed: {cause}")
    return status


def hide_secrets_of_arguments(redact: "Redactor") -> None:
    """cotyledon puts sys.argv into the titles of its processes; and ps shows the command line to everyone."""
    hidden = [redact(argument) for argument in sys.argv]
    if hidden == sys.argv:
        return
    sys.argv[:] = hidden
    with contextlib.suppress(ImportError):
        from setproctitle import setproctitle

        setproctitle(" ".join(hidden))


if __name__ == "__main__":
    sys.exit(main())
