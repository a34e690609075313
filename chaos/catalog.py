"""The named sites: where on the way up something can fail, which errors really happen there, where it is in the libraries.

Data only. The agent inside the target gets the places as text (see ``arming``) and knows none of these names itself, so
that a site of the user's own is a row like any other.
"""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass


class Area(enum.StrEnum):
    SERVICE = "service creation"
    RPC = "rpc transport"
    SPAWN = "spawning"


@dataclass(frozen=True, slots=True)
class Place:
    """One spot in a library: ``how`` is ``call``, ``method``, ``thread-body`` or ``subclasses:names!excluded``.

    ``milestone`` is recorded when the call returned. A place that an installed version lacks is passed over.
    """

    module: str
    qualified: str
    how: str = "call"
    milestone: str = ""


@dataclass(frozen=True, slots=True)
class Error:
    """An exception that really happens at a site: class (builtin or dotted), errno where it has one, its message."""

    cls: str
    errno: int | None = None
    message: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """As it stands in a case id: ``BlockingIOError:EAGAIN``, ``RuntimeError``."""
        return (self.cls,) if self.errno is None else (self.cls, errno.errorcode[self.errno])


@dataclass(frozen=True, slots=True)
class SiteDoc:
    """A named site. ``errors``: the first is the most likely one. ``promise``: the one most at stake when it fails."""

    name: str
    area: Area
    doc: str
    places: tuple[Place, ...]
    errors: tuple[Error, ...]
    promise: str
    actions: tuple[str, ...] = ("raise", "return", "delay", "stall", "freeze", "exit", "kill")


BASE = "oslo_service.backend.base"
OLD_BASE = "oslo_service.service"       # oslo.service before 4.2 had no backends
EVENTLET = "oslo_service.backend._eventlet.service"
THREADING = "oslo_service.backend._threading.service"
MESSAGING = "oslo_messaging"

NO_THREAD = Error("RuntimeError", None, "can't start new thread")
NO_PROCESS = Error("BlockingIOError", errno.EAGAIN, "Resource temporarily unavailable")
NO_MEMORY = Error("OSError", errno.ENOMEM, "Cannot allocate memory")
NO_FILES = Error("OSError", errno.EMFILE, "Too many open files")
REFUSED = Error("ConnectionRefusedError", errno.ECONNREFUSED, "Connection refused")
TIMED_OUT = Error("TimeoutError", errno.ETIMEDOUT, "Connection timed out")
RESET = Error("ConnectionResetError", errno.ECONNRESET, "Connection reset by peer")


def _services(names: str, milestone: str = "", excluded: str = MESSAGING) -> tuple[Place, ...]:
    how = f"subclasses:{names}!{excluded}"
    return (Place(BASE, "ServiceBase", how, milestone), Place(OLD_BASE, "ServiceBase", how, milestone))


def _both(qualified: str, how: str = "call") -> tuple[Place, ...]:
    return (Place(EVENTLET, qualified, how), Place(THREADING, qualified, how))


SITES: tuple[SiteDoc, ...] = (
    SiteDoc("service.create", Area.SERVICE, "the service's factory (its class method create) is called",
            _services("create", "service created"),
            (Error("RuntimeError", None, "service could not be created"),
             Error("ImportError", None, "cannot import the manager class"), NO_FILES), "status"),
    SiteDoc("service.init", Area.SERVICE, "the manager that does the work is constructed",
            (Place("oslo_service.periodic_task", "PeriodicTasks", "subclasses:__init__"),),
            (Error("RuntimeError", None, "manager could not be initialised"),
             Error("ImportError", None, "cannot import the driver"), Error("MemoryError")), "cause"),
    SiteDoc("launcher.launch", Area.SERVICE, "the service is handed to oslo.service (service.launch)",
            (*_both("launch"), Place(OLD_BASE, "launch")),
            (Error("RuntimeError", None, "launch failed"), NO_FILES), "status"),
    SiteDoc("launcher.wait", Area.SERVICE, "the launcher begins to wait for its services",
            (*_both("ServiceLauncher.wait", "method"), *_both("ProcessLauncher.wait", "method")),
            (Error("RuntimeError", None, "wait failed"), Error("OSError", errno.EINTR, "Interrupted system call")),
            "nobody-left"),
    SiteDoc("service.start", Area.SERVICE, "the service's start() is called, in the process that will serve",
            _services("start", "service started"),
            (Error("RuntimeError", None, "start failed"), NO_FILES, Error("MemoryError")), "gives-up"),
    SiteDoc("service.wait", Area.SERVICE, "the service's wait() is called, once it runs",
            _services("wait"), (Error("RuntimeError", None, "wait failed"),), "full-strength"),
    SiteDoc("service.stop", Area.SERVICE, "the service's stop() is called, when it was told to stop",
            _services("stop"), (Error("RuntimeError", None, "stop failed"),), "stops-when-told"),
    SiteDoc("rpc.transport.url", Area.RPC, "the transport URL is parsed",
            (Place("oslo_messaging.transport", "TransportURL.parse"),),
            (Error("oslo_messaging.transport.InvalidTransportURL", None, "invalid transport URL"),
             Error("ValueError", None, "bad port number")), "cause"),
    SiteDoc("rpc.transport.create", Area.RPC, "the RPC transport and its driver are made",
            (Place("oslo_messaging.rpc.transport", "get_rpc_transport"),),
            (Error("oslo_messaging.transport.DriverLoadFailure", None, "failed to load transport driver"),
             Error("ImportError", None, "no driver for the transport")), "cause"),
    SiteDoc("rpc.server.create", Area.RPC, "the RPC server is made",
            (Place("oslo_messaging.rpc.server", "get_rpc_server"),),
            (Error("oslo_messaging.server.ExecutorLoadFailure", None, "failed to load executor"),
             Error("RuntimeError", None, "no executor")), "cause"),
    SiteDoc("rpc.server.start", Area.RPC, "the RPC server is started",
            (Place("oslo_messaging.server", "MessageHandlingServer.start", "method", "listening"),),
            (Error("RuntimeError", None, "server could not be started"), NO_THREAD), "ready-means-ready"),
    SiteDoc("rpc.listen", Area.RPC, "the driver declares its queues and listens",
            (Place("oslo_messaging.transport", "Transport._listen", "method", "transport connected"),),
            (Error("oslo_messaging.exceptions.MessageDeliveryFailure", None, "queue could not be declared"), REFUSED),
            "ready-means-ready"),
    SiteDoc("rpc.connect", Area.RPC, "the driver reaches for its broker (on fake:/ for the exchange in memory)",
            (Place("oslo_messaging._drivers.impl_fake", "FakeExchangeManager.get_exchange", "method"),
             Place("amqp.connection", "Connection.connect", "method")),
            (REFUSED, TIMED_OUT, RESET), "ends",
            ("refuse", "reset_peer", "timeout", "blackhole", "latency", "raise", "stall", "freeze", "delay")),
    SiteDoc("thread.spawn", Area.SPAWN, "a thread is started (threading.Thread.start)",
            (Place("threading", "Thread.start", "method"),), (NO_THREAD, Error("MemoryError")), "ends"),
    SiteDoc("thread.body", Area.SPAWN, "a started thread runs its first instruction",
            (Place("threading", "Thread.start", "thread-body"),),
            (Error("RuntimeError", None, "thread failed"), Error("MemoryError")), "full-strength"),
    SiteDoc("greenthread.spawn", Area.SPAWN, "a greenthread is spawned (eventlet.spawn, spawn_n, spawn_after)",
            (Place("eventlet.greenthread", "spawn"), Place("eventlet.greenthread", "spawn_n"),
             Place("eventlet.greenthread", "spawn_after")),
            (Error("MemoryError"), Error("RuntimeError", None, "can't spawn greenthread")), "ends"),
    SiteDoc("executor.submit", Area.SPAWN, "work is submitted to a pool of threads or greenthreads",
            (Place("concurrent.futures.thread", "ThreadPoolExecutor.submit", "method"),
             Place("futurist._futures", "ThreadPoolExecutor.submit", "method"),
             Place("futurist._futures", "GreenThreadPoolExecutor.submit", "method")),
            (NO_THREAD, Error("RuntimeError", None, "cannot schedule new futures after shutdown")),
            "ready-means-ready"),
    SiteDoc("timer.add", Area.SPAWN, "a periodic timer is added to the service's thread group",
            (Place("oslo_service.backend._common.threadgroup", "TimerMixin.add_timer_args", "method"),
             Place("oslo_service.backend._common.threadgroup", "TimerMixin.add_dynamic_timer_args", "method"),
             Place("oslo_service.threadgroup", "ThreadGroup.add_timer", "method"),
             Place("oslo_service.threadgroup", "ThreadGroup.add_dynamic_timer", "method")),
            (NO_THREAD, Error("RuntimeError", None, "timer could not be added")), "full-strength"),
    SiteDoc("process.fork", Area.SPAWN, "a process is forked (os.fork)", (), (NO_PROCESS, NO_MEMORY), "full-strength"),
    SiteDoc("process.spawn", Area.SPAWN, "a multiprocessing process is started, by fork or by spawn",
            (Place("multiprocessing.process", "BaseProcess.start", "method"),),
            (NO_PROCESS, NO_FILES, NO_MEMORY), "full-strength"),
    SiteDoc("process.body", Area.SPAWN, "a worker process runs its first instruction",
            (Place("multiprocessing.process", "BaseProcess.run", "method"),
             Place(EVENTLET, "ProcessLauncher._child_process", "method")),
            (Error("RuntimeError", None, "worker failed"), Error("MemoryError")), "gives-up"),
)

MILESTONES: tuple[Place, ...] = (
    Place("oslo_config.cfg", "ConfigOpts.__call__", "method", "configured"),
    Place("oslo_log.log", "setup", "call", "logging set up"),
)
"""Points of a healthy start that are not sites yet."""

BY_NAME = {site.name: site for site in SITES}
