"""Processes that can never go on, and processes that look like it and do go on. Scripts by name; no test.

Each script calls ``mark()`` where it begins to wait. One that is not hung calls ``ready()`` some time later, by itself or
because somebody outside did something (``outside``, in ``outsiders``): a proof before that is a false one.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

PRELUDE = '''
import contextlib, ctypes, errno, fcntl, mmap, os, select, signal, socket, struct, subprocess, sys, threading, time

T = float(os.environ["LAB_T"])

def mark():
    with open("mark.part", "w") as file:
        file.write(repr(time.monotonic()))
    os.rename("mark.part", "mark")

def ready():
    open("ready", "w").close()
    os._exit(0)

def fork(child):
    pid = os.fork()
    if not pid:
        try:
            child()
        finally:
            os._exit(0)
    return pid

def for_ever():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def until_told(reader):
    os.read(reader, 1)
'''


@dataclass(frozen=True, slots=True)
class Exhibit:
    """``proofs``: the kinds that are right for it, none for one that is not hung. Where ``tree`` is right, ``late`` is too:
    somebody else on the machine may have set an alarm, and whose it is cannot always be told. ``outside``: who acts from
    outside. ``owes``: the roles that owe a milestone; a file ``served.ROLE`` in its folder takes one out."""

    name: str
    script: str
    proofs: frozenset[str] = frozenset()
    outside: str = ""
    owes: frozenset[str] = frozenset({"parent", "worker.0", "worker.1", "helper"})
    section: str = ""

    @property
    def text(self) -> str:
        return PRELUDE + self.script


EXHIBITS: dict[str, Exhibit] = {}


def lines(*parts: str) -> str:
    """Parts of a script, each indented as it pleases, below one another."""
    return "\n".join(textwrap.dedent(part).strip("\n") for part in parts)


_section = [""]


def section(name: str) -> None:
    """What follows belongs together."""
    _section[0] = name


def hung(name: str, script: str, *proofs: str, owes: str = "parent worker.0 worker.1 helper") -> None:
    kinds = frozenset(proofs or ("tree",))
    kinds |= {"late"} if "tree" in kinds else set()
    EXHIBITS[name] = Exhibit(name, textwrap.dedent(script), kinds, "", frozenset(owes.split()), _section[0])


def not_hung(name: str, script: str, outside: str = "", owes: str = "parent worker.0 worker.1 helper") -> None:
    EXHIBITS[name] = Exhibit(name, textwrap.dedent(script), frozenset(), outside, frozenset(owes.split()), _section[0])


section("threads of one process")

hung("two threads, two locks", """
    one, other, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
    def take(first, second):
        with first:
            if not both.wait():
                mark()
            with second:
                pass
    threads = [threading.Thread(target=take, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
""")
hung("an event that nobody sets", "mark(); threading.Event().wait()")
hung("a thread that is joined and waits for a queue", """
    import queue
    thread = threading.Thread(target=queue.Queue().get)
    thread.start(); mark(); thread.join()
""")
hung("a stall, as the action does it", """
    import _thread
    lock = _thread.allocate_lock(); mark(); lock.acquire(); lock.acquire()
""")
FREEZE = """
    libc = ctypes.PyDLL(None)
    mutex = ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    mark()
    libc.pthread_mutex_lock(mutex)
"""
hung("a freeze: the interpreter's lock is held in C", FREEZE)
hung("a freeze with threads around it", lines("""
    for _ in range(3):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    time.sleep(0.1)
""", FREEZE))
hung("a freeze while other threads want to run", lines("""
    def work():
        while True:
            sum(range(1000))
    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.1)
""", FREEZE))
hung("a pipe that only this process could write to", """
    reader, writer = os.pipe(); mark(); os.read(reader, 1)
""")
hung("a pipe that is full and that only this process could read", """
    reader, writer = os.pipe(); mark(); os.write(writer, b"." * 1000000)
""")
hung("an eventfd", """
    number = ctypes.CDLL(None).eventfd(0, 0); mark(); os.read(number, 8)
""")
hung("a timerfd that is not armed", """
    number = ctypes.CDLL(None).timerfd_create(1, 0); mark(); os.read(number, 8)
""")
hung("a wait for a signal", "mark(); signal.sigwait([signal.SIGUSR1])")
hung("pause", "mark(); signal.pause()")
hung("asyncio waits for a future", """
    import asyncio
    async def main():
        mark()
        await asyncio.get_running_loop().create_future()
    asyncio.run(main())
""")
hung("poll on a socket pair of its own", """
    one, other = socket.socketpair(); poll = select.poll(); poll.register(one, select.POLLIN); mark(); poll.poll()
""")
hung("epoll within epoll", """
    one, other = socket.socketpair(); inner = select.epoll(); inner.register(one, select.EPOLLIN)
    outer = select.epoll(); outer.register(inner.fileno(), select.EPOLLIN); mark(); outer.poll()
""")

section("eventlet")

EVENTLET = """
    import eventlet; eventlet.monkey_patch()
    from eventlet import event
"""
hung("a hub with nothing before it", lines(EVENTLET, "mark(); event.Event().wait()"))
hung("a hub whose timers were all cancelled", lines(EVENTLET, """
    timers = [eventlet.Timeout(seconds) for seconds in (1, 2, 5)]
    for timer in timers:
        timer.cancel()
    mark(); event.Event().wait()
"""))
hung("two greenthreads, two semaphores", lines(EVENTLET, """
    one, other = eventlet.Semaphore(), eventlet.Semaphore()
    def take(first, second):
        with first:
            eventlet.sleep(0.05)
            mark()
            with second:
                pass
    threads = [eventlet.spawn(take, one, other), eventlet.spawn(take, other, one)]
    for thread in threads:
        thread.wait()
"""))
hung("a greenthread that reads a pipe of its own process", lines(EVENTLET, """
    reader, writer = os.pipe(); mark(); os.read(reader, 1)
"""))
hung("a stall of the only greenthread", lines(EVENTLET, """
    import _thread
    lock = _thread.allocate_lock(); mark(); lock.acquire(); lock.acquire()
"""))
hung("a hub that is frozen", lines(EVENTLET, FREEZE))
hung("a greenthread that sleeps for an hour", lines(EVENTLET, "mark(); eventlet.sleep(3600)"), "late")

section("several processes")

hung("parent and child read from each other", """
    down, up = os.pipe(), os.pipe()
    fork(lambda: os.read(down[0], 1)); mark(); os.read(up[0], 1)
""")
hung("parent and child on a socket pair", """
    one, other = socket.socketpair()
    fork(lambda: one.recv(1)); mark(); other.recv(1)
""")
hung("parent and child on a TCP connection", """
    server = socket.create_server(("127.0.0.1", 0)); client = socket.create_connection(server.getsockname())
    peer, _ = server.accept(); server.close()
    fork(lambda: client.recv(1)); mark(); peer.recv(1)
""")
hung("a child that waits for a lock held when it was forked", """
    lock = threading.Lock(); lock.acquire()
    child = fork(lock.acquire); mark(); os.waitpid(child, 0)
""")
hung("a lock of multiprocessing whose holder is dead", """
    import multiprocessing
    lock = multiprocessing.get_context("fork").Lock()
    os.waitpid(fork(lock.acquire), 0); mark(); lock.acquire()
""")
hung("a queue of multiprocessing that nobody fills", """
    import multiprocessing
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    context.Process(target=queue.get, daemon=True).start(); time.sleep(0.1); mark(); queue.get()
""")
hung("a file lock whose holder is dead and left the file to a child", """
    def holder():
        file = open("locked", "w"); fcntl.flock(file, fcntl.LOCK_EX)
        fork(for_ever)
    os.waitpid(fork(holder), 0)
    file = open("locked", "w"); mark(); fcntl.flock(file, fcntl.LOCK_EX)
""")
hung("a record lock that a child holds for ever", """
    reader, writer = os.pipe()
    def holder():
        file = open("locked", "w"); fcntl.lockf(file, fcntl.LOCK_EX); os.write(writer, b"."); for_ever()
    fork(holder); os.read(reader, 1); file = open("locked", "w"); mark(); fcntl.lockf(file, fcntl.LOCK_EX)
""")
hung("waitpid on a child that is stopped", """
    child = fork(lambda: os.kill(os.getpid(), signal.SIGSTOP)); mark(); os.waitpid(child, 0)
""")
hung("a poll on the pidfd of a child that never ends", """
    child = fork(for_ever); pidfd = os.pidfd_open(child); poll = select.poll(); poll.register(pidfd, select.POLLIN)
    mark(); poll.poll()
""")
hung("the output of a command that waits for its input", """
    reader, writer = os.pipe()
    mark(); subprocess.run(["cat"], stdin=reader, stdout=subprocess.PIPE)
""")
hung("a dead child that nobody waits for", "fork(lambda: None); time.sleep(0.1); mark(); for_ever()")
hung("a daemon, twice forked, and its launcher", """
    reader, writer = os.pipe()
    def daemon():
        os.setsid(); fork(for_ever)
    os.waitpid(fork(daemon), 0); mark(); os.read(reader, 1)
""")
hung("every process is stopped", "mark(); os.kill(os.getpid(), signal.SIGSTOP)", "stopped")

section("later than the deadline")

hung("an hour of sleep", "mark(); time.sleep(3600)", "late")
hung("an hour in select", "mark(); select.select([], [], [], 3600)", "late")
hung("an hour in poll", "mark(); select.poll().poll(3600000)", "late")
hung("an hour for a lock", "lock = threading.Lock(); lock.acquire(); mark(); lock.acquire(timeout=3600)", "late")
hung("an alarm in an hour", "signal.alarm(3600); mark(); signal.pause()", "late")
hung("a timerfd in an hour", """
    number = ctypes.CDLL(None).timerfd_create(1, 0)
    ctypes.CDLL(None).timerfd_settime(number, 0, struct.pack("qqqq", 0, 0, 3600, 0), None); mark(); os.read(number, 8)
""", "late")
hung("a receive with a time limit of an hour", """
    one, other = socket.socketpair(); one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("qq", 3600, 0))
    mark(); one.recv(1)
""", "late")
hung("a watchdog in an hour", """
    import faulthandler
    faulthandler.dump_traceback_later(3600, exit=True); mark(); for_ever()
""", "late")

section("not hung: time")

not_hung("sleep", "mark(); time.sleep(T); ready()")
not_hung("select with a limit", "mark(); select.select([], [], [], T); ready()")
not_hung("poll with a limit", "mark(); select.poll().poll(T * 1000); ready()")
not_hung("a lock with a limit", "lock = threading.Lock(); lock.acquire(); mark(); lock.acquire(timeout=T); ready()")
not_hung("a condition with a limit", "mark(); threading.Event().wait(T); ready()")
not_hung("an alarm and pause", """
    signal.signal(signal.SIGALRM, lambda *args: ready()); signal.setitimer(signal.ITIMER_REAL, T); mark(); signal.pause()
""")
not_hung("an alarm and a lock", """
    signal.signal(signal.SIGALRM, lambda *args: ready()); signal.setitimer(signal.ITIMER_REAL, T); mark(); for_ever()
""")
not_hung("an alarm of C in a child", """
    def child():
        ctypes.CDLL(None).ualarm(int(min(T, 0.9) * 1e6), 0); for_ever()
    pid = fork(child); mark(); os.waitpid(pid, 0); ready()
""")
not_hung("a POSIX timer", """
    libc = ctypes.CDLL(None); timer = ctypes.c_void_p()
    signal.signal(signal.SIGALRM, lambda *args: ready())
    libc.timer_create(1, None, ctypes.byref(timer))
    libc.timer_settime(timer, 0, struct.pack("qqqq", 0, 0, int(T), int(T % 1 * 1e9)), None); mark(); for_ever()
""")
not_hung("a watchdog that ends it", """
    import faulthandler
    faulthandler.dump_traceback_later(T, exit=True); mark(); for_ever()
""")
not_hung("a timerfd", """
    number = ctypes.CDLL(None).timerfd_create(1, 0)
    ctypes.CDLL(None).timerfd_settime(number, 0, struct.pack("qqqq", 0, 0, int(T), int(T % 1 * 1e9)), None)
    mark(); os.read(number, 8); ready()
""")
not_hung("a timerfd in epoll", """
    number = ctypes.CDLL(None).timerfd_create(1, 0); epoll = select.epoll(); epoll.register(number, select.EPOLLIN)
    ctypes.CDLL(None).timerfd_settime(number, 0, struct.pack("qqqq", 0, 0, int(T), int(T % 1 * 1e9)), None)
    mark(); epoll.poll(); ready()
""")
not_hung("a receive with a time limit", """
    one, other = socket.socketpair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("qq", int(T), int(T % 1 * 1e6))); mark()
    with contextlib.suppress(BlockingIOError):
        one.recv(1)
    ready()
""")
not_hung("a timer thread that releases the lock", """
    lock = threading.Lock(); lock.acquire(); threading.Timer(T, lock.release).start(); mark(); lock.acquire(); ready()
""")
not_hung("asyncio sleeps", "import asyncio; mark(); asyncio.run(asyncio.sleep(T)); ready()")
not_hung("asyncio waits for what is set later", """
    import asyncio
    async def main():
        loop = asyncio.get_running_loop(); future = loop.create_future()
        loop.call_later(T, future.set_result, None); mark(); await future
    asyncio.run(main()); ready()
""")
not_hung("asyncio waits for a thread", """
    import asyncio
    mark(); asyncio.run(asyncio.to_thread(time.sleep, T)); ready()
""")

section("not hung: eventlet")

not_hung("a greenthread sleeps", lines(EVENTLET, "mark(); eventlet.sleep(T); ready()"))
not_hung("a greenthread is woken by a later one", lines(EVENTLET, """
    done = event.Event(); eventlet.spawn_after(T, done.send); mark(); done.wait(); ready()
"""))
not_hung("a greenthread with a time limit", lines(EVENTLET, """
    mark()
    with eventlet.Timeout(T, False):
        event.Event().wait()
    ready()
"""))
not_hung("cancelled timers around one that is not", lines(EVENTLET, """
    for seconds in (T / 2, T * 2):
        eventlet.Timeout(seconds).cancel()
    eventlet.spawn_after(T, ready); mark(); event.Event().wait()
"""))
not_hung("a greenthread that waits for a native thread", lines(EVENTLET, """
    from eventlet import tpool
    sleep = eventlet.patcher.original("time").sleep; mark(); tpool.execute(sleep, T); ready()
"""))
not_hung("a hub with an alarm", lines(EVENTLET, """
    signal.signal(signal.SIGALRM, lambda *args: ready())
    signal.setitimer(signal.ITIMER_REAL, T); mark(); event.Event().wait()
"""))
not_hung("a greenthread that reads what somebody outside will write", lines(EVENTLET, """
    os.mkfifo("fifo"); reader = os.open("fifo", os.O_RDWR | os.O_NONBLOCK); mark()
    eventlet.hubs.trampoline(reader, read=True); ready()
"""), "write fifo")
not_hung("a hub that polls", lines(EVENTLET, """
    mark(); until = time.monotonic() + T
    while time.monotonic() < until:
        eventlet.sleep(0.03)
    ready()
"""))
not_hung("a hub that watches a timerfd", lines(EVENTLET, """
    number = ctypes.CDLL(None).timerfd_create(1, os.O_NONBLOCK)
    ctypes.CDLL(None).timerfd_settime(number, 0, struct.pack("qqqq", 0, 0, int(T), int(T % 1 * 1e9)), None)
    mark(); eventlet.hubs.trampoline(number, read=True); ready()
"""))
not_hung("a hub in a second thread", """
    import eventlet
    def run():
        eventlet.sleep(T); ready()
    thread = threading.Thread(target=run); thread.start(); mark(); thread.join()
""")

section("not hung: somebody outside")

not_hung("a FIFO that is written from outside", """
    os.mkfifo("fifo"); reader = os.open("fifo", os.O_RDWR); mark(); os.read(reader, 1); ready()
""", "write fifo")
not_hung("a FIFO that is opened from outside", """
    os.mkfifo("fifo"); mark(); os.open("fifo", os.O_RDONLY); ready()
""", "write fifo")
not_hung("a FIFO that somebody outside holds", """
    reader = os.open("fifo", os.O_RDONLY); mark(); os.read(reader, 1); ready()
""", "hold fifo")
not_hung("a server of TCP that is called", """
    server = socket.create_server(("127.0.0.1", 0))
    with open("port", "w") as file:
        file.write(str(server.getsockname()[1]))
    mark(); server.accept(); ready()
""", "call port")
not_hung("a client of TCP that is answered", """
    client = socket.create_connection(("127.0.0.1", int(open("port").read()))); mark(); client.recv(1); ready()
""", "answer port")
not_hung("a client of TCP in epoll", """
    client = socket.create_connection(("127.0.0.1", int(open("port").read())))
    epoll = select.epoll(); epoll.register(client, select.EPOLLIN); mark(); epoll.poll(); ready()
""", "answer port")
not_hung("a datagram from outside", """
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(("127.0.0.1", 0))
    with open("port", "w") as file:
        file.write(str(server.getsockname()[1]))
    mark(); server.recv(1); ready()
""", "send port")
not_hung("a unix socket that is answered", """
    client = socket.socket(socket.AF_UNIX); client.connect("unix"); mark(); client.recv(1); ready()
""", "answer unix")
not_hung("a unix datagram socket of a name", """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); server.bind("datagrams"); mark(); server.recv(1); ready()
""", "send unix")
not_hung("a file lock that is held outside", """
    file = open("locked"); mark(); fcntl.flock(file, fcntl.LOCK_EX); ready()
""", "hold flock")
not_hung("a record lock that is held outside", """
    file = open("locked", "r+"); mark(); fcntl.lockf(file, fcntl.LOCK_EX); ready()
""", "hold lockf")
not_hung("inotify", """
    libc = ctypes.CDLL(None); number = libc.inotify_init(); libc.inotify_add_watch(number, b".", 0x100); mark()
    while b"touched" not in os.read(number, 4096):
        pass
    ready()
""", "touch")
not_hung("a signal of its own making when a FIFO is written", """
    os.mkfifo("fifo"); reader = os.open("fifo", os.O_RDWR | os.O_NONBLOCK)
    signal.signal(signal.SIGIO, lambda *args: ready()); fcntl.fcntl(reader, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK); mark(); for_ever()
""", "write fifo")
not_hung("a pipe whose other end was passed to somebody outside", """
    reader, writer = os.pipe(); client = socket.socket(socket.AF_UNIX); client.connect("unix")
    socket.send_fds(client, [b"."], [writer]); client.recv(1); os.close(writer); mark(); os.read(reader, 1); ready()
""", "take descriptor")

section("not hung: other processes of the tree")

not_hung("a child that writes later", """
    reader, writer = os.pipe()
    def child():
        time.sleep(T); os.write(writer, b".")
    fork(child); mark(); os.read(reader, 1); ready()
""")
not_hung("a child that ends later", "pid = fork(lambda: time.sleep(T)); mark(); os.waitpid(pid, 0); ready()")
not_hung("a lock of multiprocessing that a child holds for a while", """
    import multiprocessing
    lock = multiprocessing.get_context("fork").Lock(); reader, writer = os.pipe()
    def child():
        lock.acquire(); os.write(writer, b"."); time.sleep(T); lock.release()
    fork(child); os.read(reader, 1); mark(); lock.acquire(); ready()
""")
not_hung("a file lock that a child holds for a while", """
    reader, writer = os.pipe()
    def child():
        file = open("locked", "w"); fcntl.flock(file, fcntl.LOCK_EX); os.write(writer, b"."); time.sleep(T)
    fork(child); os.read(reader, 1); file = open("locked", "w"); mark(); fcntl.flock(file, fcntl.LOCK_EX); ready()
""")
not_hung("a child that is stopped and made to go on", """
    child = fork(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    def go():
        time.sleep(T); os.kill(child, signal.SIGCONT)
    fork(go); mark(); os.waitpid(child, 0); ready()
""")
not_hung("a grandchild that was orphaned and signals", """
    signal.signal(signal.SIGUSR1, lambda *args: ready()); root = os.getpid()
    def grandchild():
        time.sleep(T); os.kill(root, signal.SIGUSR1)
    os.waitpid(fork(lambda: fork(grandchild)), 0); mark(); for_ever()
""")
not_hung("a command that takes its time", "mark(); subprocess.run(['sleep', str(T)]); ready()")
not_hung("a chain of commands", "mark(); subprocess.run(f'(sleep {T}; echo) | cat | cat', shell=True); ready()")
not_hung("a child that computes", """
    def child():
        until = time.monotonic() + T
        while time.monotonic() < until:
            pass
    pid = fork(child); mark(); os.waitpid(pid, 0); ready()
""")
not_hung("processes that hand a token round", """
    rings = [os.pipe() for _ in range(3)]; until = time.monotonic() + T
    def child(reader, writer):
        while True:
            os.write(writer, os.read(reader, 1))
    for number in (0, 1):
        fork(lambda number=number: child(rings[number][0], rings[number + 1][1]))
    mark(); os.write(rings[0][1], b".")
    while time.monotonic() < until:
        os.write(rings[0][1], os.read(rings[2][0], 1))
    ready()
""")
not_hung("processes that signal each other", """
    until = time.monotonic() + T; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    def play(other):
        while time.monotonic() < until:
            os.kill(other, signal.SIGUSR1); signal.sigtimedwait([signal.SIGUSR1], 0.05)
    root = os.getpid(); pid = fork(lambda: play(root)); mark(); play(pid); ready()
""")
not_hung("a storm of short processes", """
    mark(); until = time.monotonic() + T
    while time.monotonic() < until:
        subprocess.run(["true"])
    ready()
""")
not_hung("a stuck worker and a parent that looks at the clock", """
    pid = fork(for_ever); mark(); time.sleep(T); os.kill(pid, signal.SIGKILL); ready()
""")
not_hung("a stuck worker and a watchdog thread in its parent", """
    pid = fork(for_ever)
    def watchdog():
        time.sleep(T); ready()
    threading.Thread(target=watchdog, daemon=True).start(); mark(); os.waitpid(pid, 0)
""")
not_hung("a stuck worker and one that will fail", """
    fork(for_ever)
    def fails():
        time.sleep(T); os._exit(1)
    fork(fails); mark(); os.wait(); ready()
""")

section("not hung: at work")

not_hung("computing", """
    mark(); until = time.monotonic() + T
    while time.monotonic() < until:
        sum(range(1000))
    ready()
""")
not_hung("two threads that compute", """
    until = time.monotonic() + T
    def compute():
        while time.monotonic() < until:
            sum(range(1000))
    thread = threading.Thread(target=compute); thread.start(); mark(); compute(); thread.join(); ready()
""")
not_hung("a long call of C that holds the interpreter's lock", """
    mark(); ctypes.PyDLL(None).usleep(int(T * 1e6)); ready()
""")
not_hung("a long call of C that holds the interpreter's lock, and threads that want to run", """
    def work():
        while True:
            sum(range(1000))
    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    mark(); ctypes.PyDLL(None).usleep(int(T * 1e6)); ready()
""")
not_hung("a thread that waits for a condition again and again", """
    condition, until = threading.Condition(), time.monotonic() + T
    def work():
        with condition:
            while time.monotonic() < until:
                condition.wait(0.005)
        ready()
    threading.Thread(target=work).start(); mark(); for_ever()
""")
not_hung("the interpreter's lock is handed round", """
    def work():
        for_ever_and_a_day = time.monotonic() + T
        while time.monotonic() < for_ever_and_a_day:
            sum(range(1000)); time.sleep(0)
        ready()
    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    mark(); for_ever()
""")
RETRY = """
    mark(); until = time.monotonic() + T
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 1), 1)
        time.sleep({0})
    ready()
"""
not_hung("retries, twenty a second", RETRY.format(0.05))
not_hung("retries, three a second", RETRY.format(0.3))
not_hung("a heartbeat beside a deadlock", """
    def beat():
        until = time.monotonic() + T
        while time.monotonic() < until:
            time.sleep(0.1)
        ready()
    threading.Thread(target=beat).start(); mark(); for_ever()
""")
not_hung("threads that hand a token round", """
    one, other, until = threading.Semaphore(1), threading.Semaphore(0), time.monotonic() + T
    def play(mine, yours):
        while time.monotonic() < until:
            mine.acquire(timeout=0.1); yours.release()
    thread = threading.Thread(target=play, args=(one, other)); thread.start(); mark(); play(other, one); thread.join()
    ready()
""")
not_hung("writing and syncing", """
    mark(); until = time.monotonic() + T
    with open("data", "wb") as file:
        while time.monotonic() < until:
            file.write(b"." * 4096); file.flush(); os.fsync(file.fileno())
    ready()
""")
not_hung("imports", """
    mark(); until = time.monotonic() + T
    while time.monotonic() < until:
        subprocess.run([sys.executable, "-c", "import json, http.client, logging"])
    ready()
""")

section("whole launchers")

SERVICE = """
    backend, workers = {0!r}, {1}
    if backend == "eventlet":
        import eventlet; eventlet.monkey_patch()
    else:
        from oslo_service import backend as backends
        backends.init_backend(backends.BackendType.THREADING)
    import os, threading, time
    from oslo_config import cfg
    from oslo_service import service
    def role():
        return sys.modules["_chaos_agent"].role
    def served():
        open("served." + role(), "w").close()
    class Service(service.Service):
        def start(self):
            {2}
            served()
    {3}
    conf = cfg.ConfigOpts(); conf([], project="lab")
    service.launch(conf, Service(), workers=workers).wait()
"""
STUCK = "mark(); threading.Event().wait()"
for number in (1, 2):
    hung(f"oslo.service, eventlet, {number}: start() waits", SERVICE.format("eventlet", number, STUCK, ""))
    hung(f"oslo.service, threading, {number}: start() waits", SERVICE.format("threading", number, STUCK, ""))
    hung(f"oslo.service, threading, {number}: start() sleeps for an hour",
         SERVICE.format("threading", number, "mark(); time.sleep(3600)", ""), "late")
    hung(f"oslo.service, eventlet, {number}: start() sleeps for an hour",
         SERVICE.format("eventlet", number, "mark(); time.sleep(3600)", ""), "late")
    for backend in ("eventlet", "threading"):
        not_hung(f"oslo.service, {backend}, {number}: start() is slow",
                 SERVICE.format(backend, number, "mark(); time.sleep(T); ready()", ""))
        not_hung(f"oslo.service, {backend}, {number}: start() retries",
                 SERVICE.format(backend, number, "mark(); [time.sleep(0.2) for _ in range(int(T * 5))]; ready()", ""))
not_hung("oslo.service, eventlet, 2: start() waits, and the launcher has a time limit",
         SERVICE.format("eventlet", 2, STUCK, "").replace("service.launch(", """with eventlet.Timeout(2 * T + 1, False):
        service.launch(""") + "    ready()\n")
OWES = "parent worker.0 worker.1"
ONE_OF_TWO = """if role() == "worker.1":
                mark(); threading.Event().wait()"""
hung("oslo.service, threading, 2: one of two waits, the other serves",
     SERVICE.format("threading", 2, ONE_OF_TWO, ""), "part", "tree", owes=OWES)
hung("oslo.service, eventlet, 2: one of two waits, the other serves",
     SERVICE.format("eventlet", 2, ONE_OF_TWO, ""), "part", "tree", owes=OWES)
BUSY_SIBLING = ONE_OF_TWO + """
            def beat():
                while True:
                    time.sleep(0.05)
            threading.Thread(target=beat, daemon=True).start()"""
hung("oslo.service, threading, 2: one of two waits, the other is busy",
     SERVICE.format("threading", 2, BUSY_SIBLING, ""), "part", owes=OWES)
hung("oslo.service, eventlet, 2: one of two waits, the other is busy",
     SERVICE.format("eventlet", 2, BUSY_SIBLING, ""), "part", owes=OWES)
SECOND_FORK_FAILS = """
    real, count = os.fork, []
    def fork_once():
        count.append(1)
        if len(count) > 1:
            mark(); raise BlockingIOError(11, "no more processes")
        return real()
    os.fork = fork_once
"""
hung("oslo.service, threading, 2: the second fork fails, the first worker serves",
     SERVICE.format("threading", 2, BUSY_SIBLING.replace("worker.1", "nobody"), SECOND_FORK_FAILS.strip()), "role", owes=OWES)
not_hung("oslo.service, threading, 2: the second fork fails, and a watchdog of the launcher ends it",
         SERVICE.format("threading", 2, BUSY_SIBLING.replace("worker.1", "nobody"), SECOND_FORK_FAILS.strip() + """
    threading.Timer(T + 1, ready).start()"""), owes=OWES)
hung("oslo.service, threading, 1: the supervisor thread cannot start",
     SERVICE.format("threading", 1, "pass", """
    import cotyledon._utils as utils
    def refuse(*args, **kwargs):
        mark(); raise RuntimeError("can't start new thread")
    utils.spawn = refuse""".strip()), owes=OWES)
