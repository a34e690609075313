"""The named sites: where on the way up something can fail, which errors really happen there, where it is in the libraries.

Data only. The agent inside the target gets the places as text (see ``arming``) and knows none of these names itself, so
that a site of the user's own is a row like any other.
"""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass


class By(enum.Enum):
    """Who makes a fault at a site happen. All but AGENT need a real transport, and are not seen from inside the target."""

    AGENT = "the agent in the target"
    WIRE = "the proxy, or the peer that stands where the broker should"
    NODE = "the broker itself: nothing else may use it meanwhile"
    OUTSIDE = "the supervisor, which sees the program from outside"
    TRACER = "strace, below which the program is started"


class Area(enum.StrEnum):
    SERVICE = "service creation"
    RPC = "rpc transport"
    SPAWN = "spawning"
    BROKER = "the wire and the broker"
    SETUP = "configuration and logging"
    SYSTEM = "operating system"
    OWN = "the target's own code"
    OUTSIDE = "the program as it is seen from outside"


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
    thorough: bool = False
    """Faults here are planned from profile ``full`` on: less likely, or nearer to what another site already shows."""
    by: By = By.AGENT


BASE = "oslo_service.backend.base"
OLD_BASE = "oslo_service.service"       # oslo.service before 4.2 had no backends
EVENTLET = "oslo_service.backend._eventlet.service"
THREADING = "oslo_service.backend._threading.service"
MESSAGING = "oslo_messaging"

ANYTHING = (Error("RuntimeError", None, "injected"), Error("OSError", errno.EIO, "Input/output error"), Error("MemoryError"))
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


NO_SPACE = Error("OSError", errno.ENOSPC, "No space left on device")
BROKEN = ("raise", "delay", "stall", "freeze", "exit", "kill")


def _more(name: str, area: Area, doc: str, places: tuple[Place, ...], errors: tuple[Error, ...], promise: str,
          actions: tuple[str, ...] = BROKEN) -> SiteDoc:
    return SiteDoc(name, area, doc, places, errors, promise, actions, thorough=True)


def _failed(what: str) -> Error:
    return Error("RuntimeError", None, what)


def _bad_config(name: str, message: str) -> Error:
    return Error(f"oslo_config.cfg.{name}", None, message)


THOROUGH: tuple[SiteDoc, ...] = (
    _more("process.image", Area.SYSTEM, "an interpreter starts, before any of the target's code", (), (), "status",
          ("limit", "signal", "close", "fill", "full", "jump", "preload", "delay", "kill")),
    _more("config.parse", Area.SETUP, "the configuration is read and parsed",
          (Place("oslo_config.cfg", "ConfigOpts.__call__", "method", "configured"),),
          (_bad_config("ConfigFilesNotFoundError", "failed to find some config files"),
           _bad_config("ConfigFilesPermissionDeniedError", "failed to open some config files"),
           _bad_config("ConfigFileParseError", "failed to parse"), _bad_config("ConfigFileValueError", "not valid"),
           _bad_config("RequiredOptError", "value required for option")), "cause"),
    _more("config.file", Area.SETUP, "the configuration file as chaos gave it: not there, not readable, not well-formed",
          (Place("oslo_config.cfg", "ConfigOpts.__call__", "method"),), (), "cause",
          ("missing", "unreadable", "malformed", "set", "unquoted")),
    _more("logging.setup", Area.SETUP, "logging is set up (oslo_log.log.setup)",
          (Place("oslo_log.log", "setup", "call", "logging set up"),),
          (Error("FileNotFoundError", errno.ENOENT, "No such file or directory: the log directory"),
           Error("PermissionError", errno.EACCES, "Permission denied: the log file"), NO_SPACE), "cause"),
    _more("log.file", Area.SETUP, "the log file as the configuration names it: no such folder, not writable, on a full disk",
          (Place("oslo_log.log", "setup"),), (), "cause", ("missing", "unwritable", "full")),
    _more("logging.emit", Area.SETUP, "a handler writes one record", (Place("logging", "StreamHandler.emit", "method"),),
          (NO_SPACE, Error("ValueError", None, "I/O operation on closed file")), "ends"),
    _more("logging.format", Area.SETUP, "a record is formatted", (Place("logging", "Formatter.format", "method"),),
          (Error("ValueError", None, "unsupported format character"), Error("UnicodeError", None, "can't encode")),
          "cause"),
    _more("patch.apply", Area.SETUP, "eventlet patches the standard library",
          (Place("eventlet.patcher", "monkey_patch"),),
          (_failed("cannot patch"), Error("ImportError", None, "cannot import the hub")), "status",
          (*BROKEN, "return", "twice")),
    _more("backend.init", Area.SETUP, "oslo.service's backend is chosen", (Place("oslo_service.backend", "init_backend"),),
          (Error("oslo_service.backend.exceptions.BackendAlreadySelected", None, "backend already set"),
           Error("ImportError", None, "no such backend")), "cause"),
    _more("hub.create", Area.SETUP, "a process gets a hub of its own", (Place("eventlet.hubs", "use_hub"),),
          (NO_FILES, Error("ImportError", None, "no such hub")), "gives-up"),
    _more("module.import", Area.SETUP, "a module is imported by name", (Place("importlib", "import_module"),),
          (Error("ImportError", None, "cannot import"), Error("MemoryError")), "cause"),
    _more("driver.load", Area.SETUP, "a driver is loaded by entry point",
          (Place("stevedore.driver", "DriverManager.__init__", "method"),),
          (Error("RuntimeError", None, "no such driver"), Error("ImportError", None, "driver failed to import")),
          "cause"),
    _more("cpu.count", Area.SYSTEM, "the number of processors is asked for",
          (Place("os", "cpu_count"), Place("multiprocessing", "cpu_count")), (),
          "stays-in-bounds", ("return",)),
    _more("signal.setup", Area.SYSTEM, "a signal handler is installed", (Place("signal", "signal"),),
          (Error("ValueError", None, "signal only works in main thread of the main interpreter"),
           Error("OSError", errno.EINVAL, "Invalid argument")), "stops-when-told"),
    _more("signal.wakeup", Area.SYSTEM, "the wake-up descriptor for signals is set",
          (Place("signal", "set_wakeup_fd"),), (Error("ValueError", None, "the fd is not valid"),), "stops-when-told"),
    _more("notify.socket", Area.SYSTEM, "the notify socket as chaos gave it: absent, nobody bound to it, not writable",
          (), (), "ready-means-ready", ("absent", "gone", "unwritable")),
    _more("env.variable", Area.SYSTEM, "a variable of the environment, as chaos gave it", (), (), "cause", ("set", "unset")),
    _more("workers.count", Area.SYSTEM, "the number of workers as it was asked for: none, too many, a word", (), (),
          "stays-in-bounds", ("set",)),
    _more("dns.resolve", Area.SYSTEM, "a name is resolved (socket.getaddrinfo)", (Place("socket", "getaddrinfo"),),
          (Error("socket.gaierror", None, "Temporary failure in name resolution"), TIMED_OUT), "ends",
          (*BROKEN, "two_addresses")),
    _more("socket.create", Area.SYSTEM, "a socket is made", (Place("socket", "socket.__init__", "method"),),
          (NO_FILES, Error("OSError", errno.ENOBUFS, "No buffer space available")), "cause"),
    _more("socket.connect", Area.SYSTEM, "a socket connects", (Place("socket", "socket.connect", "named"),),
          (REFUSED, TIMED_OUT), "cause"),
    _more("socket.bind", Area.SYSTEM, "a socket is bound to its address", (Place("socket", "socket.bind", "named"),),
          (Error("OSError", errno.EADDRINUSE, "Address already in use"),
           Error("PermissionError", errno.EACCES, "Permission denied")), "cause"),
    _more("socket.listen", Area.SYSTEM, "a socket begins to listen", (Place("socket", "socket.listen", "named"),),
          (Error("OSError", errno.EADDRINUSE, "Address already in use"),), "cause"),
    _more("file.open", Area.SYSTEM, "a file is opened (open)", (Place("builtins", "open"),),
          (NO_FILES, Error("PermissionError", errno.EACCES, "Permission denied"), NO_SPACE), "cause"),
    _more("process.replace", Area.SPAWN, "the process becomes another program (os.exec…)",
          (Place("os", "execv"), Place("os", "execve")),
          (Error("FileNotFoundError", errno.ENOENT, "No such file or directory"), NO_MEMORY), "cause"),
    _more("pipe.create", Area.SYSTEM, "a pipe is made (os.pipe)", (Place("os", "pipe"),), (NO_FILES,), "cause"),
    _more("temp.create", Area.SYSTEM, "a temporary file or folder is made",
          (Place("tempfile", "mkdtemp"), Place("tempfile", "mkstemp")), (NO_SPACE,), "nothing-held"),
    _more("lock.create", Area.SYSTEM, "a semaphore shared by processes is made",
          (Place("multiprocessing.synchronize", "SemLock.__init__", "method"),),
          (NO_SPACE, Error("PermissionError", errno.EACCES, "Permission denied: /dev/shm")), "full-strength"),
    _more("lock.file", Area.SYSTEM, "a lock file is taken",
          (Place("fasteners.process_lock", "InterProcessLock.acquire", "method"),),
          (Error("PermissionError", errno.EACCES, "Permission denied: the lock file"), NO_SPACE), "nothing-held"),
    _more("pid.file", Area.SYSTEM, "a pid file is written",
          (Place("gunicorn.pidfile", "Pidfile.create", "method"), Place("celery.platforms", "Pidfile.acquire", "method"),
           Place("lockfile.pidlockfile", "PIDLockFile.acquire", "method")),
          (Error("PermissionError", errno.EACCES, "Permission denied: the pid file"), NO_SPACE,
           Error("FileExistsError", errno.EEXIST, "File exists: the pid file of a process that is gone")), "nothing-held"),
    _more("session.create", Area.SYSTEM, "the process starts a session of its own", (Place("os", "setsid"),),
          (Error("PermissionError", errno.EPERM, "Operation not permitted"),), "nobody-left"),
    _more("title.set", Area.SYSTEM, "the process changes its title", (Place("setproctitle", "setproctitle"),),
          (_failed("setproctitle failed"),), "keeps-secrets"),
    _more("random.seed", Area.SYSTEM, "random bytes are asked for", (Place("os", "urandom"),),
          (Error("OSError", errno.ENOSYS, "Function not implemented"),), "cause"),
    _more("process.signal", Area.SYSTEM, "a signal is sent to a process (os.kill)", (Place("os", "kill"),),
          (Error("ProcessLookupError", errno.ESRCH, "No such process"),
           Error("PermissionError", errno.EPERM, "Operation not permitted")), "nobody-left"),
    _more("process.reap", Area.SYSTEM, "a child that ended is collected (os.waitpid)", (Place("os", "waitpid"),),
          (Error("ChildProcessError", errno.ECHILD, "No child processes"),), "nobody-left"),
    _more("process.exec", Area.SPAWN, "a program is started (subprocess)",
          (Place("subprocess", "Popen.__init__", "method"),),
          (Error("FileNotFoundError", errno.ENOENT, "No such file or directory"), NO_PROCESS, NO_MEMORY), "cause"),
    _more("process.terminate", Area.SPAWN, "a worker process is told to end",
          (Place("multiprocessing.process", "BaseProcess.terminate", "method"),),
          (Error("ProcessLookupError", errno.ESRCH, "No such process"),), "nobody-left"),
    _more("process.join", Area.SPAWN, "a worker process is waited for",
          (Place("multiprocessing.process", "BaseProcess.join", "method"),),
          (Error("ChildProcessError", errno.ECHILD, "No child processes"),), "nobody-left"),
    _more("thread.join", Area.SPAWN, "a thread is waited for", (Place("threading", "Thread.join", "method"),),
          (_failed("cannot join thread before it is started"),), "stops-when-told"),
    _more("executor.create", Area.SPAWN, "a pool of threads or greenthreads is made",
          (Place("futurist._futures", "ThreadPoolExecutor.__init__", "method"),
           Place("futurist._futures", "GreenThreadPoolExecutor.__init__", "method"),
           Place("concurrent.futures.thread", "ThreadPoolExecutor.__init__", "method")),
          (NO_THREAD, Error("MemoryError")), "cause"),
    _more("periodic.run", Area.SPAWN, "the periodic tasks run",
          (Place("oslo_service.periodic_task", "PeriodicTasks.run_periodic_tasks", "method"),),
          (_failed("periodic task failed"),), "full-strength"),
    _more("launcher.init", Area.SERVICE, "the launcher is made",
          (*_both("ServiceLauncher.__init__", "method"), *_both("ProcessLauncher.__init__", "method")),
          (_failed("launcher could not be made"), NO_FILES), "cause"),
    _more("launcher.stop", Area.SERVICE, "the launcher is told to stop its services",
          (*_both("ServiceLauncher.stop", "method"), *_both("ProcessLauncher.stop", "method")),
          (_failed("stop failed"),), "stops-when-told"),
    _more("service.reset", Area.SERVICE, "the service is told to read its configuration again", _services("reset"),
          (_failed("reset failed"),), "full-strength"),
    _more("rpc.poll", Area.RPC, "the listener asks for messages",
          (Place("oslo_messaging._drivers.impl_fake", "FakeListener.poll", "method"),
           Place("oslo_messaging._drivers.amqpdriver", "AMQPListener.poll", "method")),
          (RESET, _failed("poll failed")), "ready-means-ready"),
    _more("rpc.dispatch", Area.RPC, "a call is dispatched to the endpoint",
          (Place("oslo_messaging.rpc.dispatcher", "RPCDispatcher.dispatch", "method"),),
          (_failed("dispatch failed"),), "ready-means-ready"),
    _more("rpc.reply", Area.RPC, "the answer to a call is sent",
          (Place("oslo_messaging._drivers.impl_fake", "FakeIncomingMessage.reply", "method"),
           Place("oslo_messaging._drivers.amqpdriver", "AMQPIncomingMessage.reply", "method")),
          (RESET, TIMED_OUT), "ready-means-ready"),
    _more("rpc.send", Area.RPC, "a message is sent through the transport",
          (Place("oslo_messaging.transport", "Transport._send", "method"),),
          (Error("oslo_messaging.exceptions.MessagingTimeout", None, "timed out waiting for a reply"), RESET),
          "ready-means-ready"),
    _more("rpc.server.stop", Area.RPC, "the RPC server is told to stop",
          (Place("oslo_messaging.server", "MessageHandlingServer.stop", "method"),),
          (_failed("server could not be stopped"),), "stops-when-told"),
    _more("rpc.server.wait", Area.RPC, "the RPC server's calls in progress are waited for",
          (Place("oslo_messaging.server", "MessageHandlingServer.wait", "method"),),
          (Error("AttributeError", None, "'NoneType' object has no attribute 'shutdown'"),), "stops-when-told"),
    _more("rpc.transport.cleanup", Area.RPC, "the transport gives its connections back",
          (Place("oslo_messaging.transport", "Transport.cleanup", "method"),), (RESET,), "nothing-held"),
)

WORDS = ("refuse", "down", "blackhole", "half_open", "reset_peer", "timeout", "latency", "bandwidth", "slicer",
         "limit_data", "slow_close")
"""What the proxy does: see network/words."""
MANNERS = ("header", "garbage", "short", "stuck", "enormous", "mechanisms", "denied", "unknown", "forced", "deaf",
           "mismatch")
"""How a hostile peer behaves: see network/peer."""
BREAKS_NODE = ("crash", "halt", "pause", "restart", "alarm", "die")
HAS_TO_END = ("broker.connected", "broker.started", "broker.announced")
"""Between a start that is done and its READY=1: a broker that goes there for good may go a moment before or after it."""


def _wire(name: str, doc: str, actions: tuple[str, ...] = WORDS, promise: str = "ends") -> SiteDoc:
    return SiteDoc(name, Area.BROKER, doc, (), (), promise, actions, by=By.WIRE)


def _node(name: str, doc: str, promise: str) -> SiteDoc:
    return SiteDoc(name, Area.BROKER, doc, (), (), promise, BREAKS_NODE, by=By.NODE)


REAL: tuple[SiteDoc, ...] = (
    _wire("amqp.connect", "a connection to the broker is accepted (hits, here and below: the connections that come to it)"),
    _wire("amqp.start", "the broker is about to greet (before Connection.Start)"),
    _wire("amqp.tune", "the broker has said its limits (after Connection.Tune)"),
    _wire("amqp.declare", "a queue is declared (at Queue.Declare)", promise="recovers"),
    _wire("amqp.consume", "the server begins to consume (at Basic.Consume)", promise="recovers"),
    _wire("amqp.frames", "so many whole frames of the broker's have passed (reset_peer:2)"),
    _wire("amqp.bytes", "so many bytes of the broker's have passed, within a frame perhaps (reset_peer:600)"),
    _wire("amqp.seconds", "a connection is so many seconds old (reset_peer:0.1)"),
    _wire("amqp.peer", "where the broker should be, a peer answers what no good broker does", MANNERS, "cause"),
    _wire("amqp.hosts", "the transport URL names two hosts", ("first_dead",), "recovers"),
    _wire("tls.certificate", "TLS begins with the broker",
          ("expired", "wrong_host", "unknown_authority", "plain_text", "plain_port"), "cause"),
    _node("broker.connect", "the broker is not well from before the start", "ends"),
    _node("broker.configured", "the broker breaks once the target has read its configuration", "ends"),
    _node("broker.created", "the broker breaks once the service is created", "ends"),
    _node("broker.declare", "the broker breaks when a queue is declared", "recovers"),
    _node("broker.consume", "the broker breaks when the server begins to consume", "recovers"),
    _node("broker.connected", "the broker breaks once the transport is connected (in the first process)", "recovers"),
    _node("broker.started", "the broker breaks once all workers are up", "recovers"),
    _node("broker.announced", "the broker breaks at READY=1", "recovers"),
    _node("broker.ready", "the broker breaks once the target serves", "stops-when-told"),
)
"""Sites that a real transport has; they are planned there only."""



def _outside(name: str, doc: str) -> SiteDoc:
    return SiteDoc(name, Area.OUTSIDE, doc, (), (), "stops-when-told", ("signal", "kill", "freeze"), by=By.OUTSIDE)


FROM_OUTSIDE: tuple[SiteDoc, ...] = (
    _outside("start.exec", "the program has just been executed"),
    _outside("start.output", "it has written the first line of its output"),
    _outside("start.child", "a process of it has come to stay (hits: processes)"),
    _outside("start.ready", "it has just shown that it is ready"),
    _outside("start.waiting", "it met another fault of the case a second ago, and has not ended: mostly it waits"),
)
"""Moments of a program that has no agent in it: one that is not Python, or Python that cannot be reached from inside. And
of any whose broker is away: who waits for that reaches no site that an agent could see."""

SYSCALL = "syscall."

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
    # Before thread.spawn, whose wrapper is to be the outer one: a start that it fails is no start of a body.
    SiteDoc("thread.body", Area.SPAWN, "a started thread runs its first instruction (the hits: in the order of their starts)",
            (Place("threading", "Thread.start", "thread-body"),),
            (Error("RuntimeError", None, "thread failed"), Error("MemoryError")), "full-strength"),
    SiteDoc("thread.spawn", Area.SPAWN, "a thread is started (threading.Thread.start)",
            (Place("threading", "Thread.start", "method"),), (NO_THREAD, Error("MemoryError")), "ends"),
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
    *REAL,
    *THOROUGH,
    *FROM_OUTSIDE,
)

BY_NAME = {site.name: site for site in SITES}


def is_extra(site: str) -> bool:
    """Whether it is a callable of a target's own code, ``module:Qualified.name``: no row here knows it."""
    return ":" in site and "," not in site


def doc_of(site: str) -> SiteDoc | None:
    """What is known of a site; of an extra one, what may happen at any callable. None: no such site."""
    if is_extra(site):
        return SiteDoc(site, Area.OWN, "a callable of the target's own code", (), ANYTHING, "cause")
    if site.startswith(SYSCALL):
        return SiteDoc(site, Area.SYSTEM, "a call of the kernel, counted in each process by itself", (), (), "cause",
                       ("raise", "return", "delay", "signal", "kill"), by=By.TRACER)
    return BY_NAME.get(site)
