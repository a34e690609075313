"""Take a resource away for real, from this process and whatever it starts from now on. Loaded where a limit fires.

Each is the kernel's own refusal, not an exception of ours, so it holds in C code and in threads that Python never saw.
"""
import posix
import sys

import _chaos_agent as agent

EAGAIN, ENOSYS = 11, 38
SYSCALLS = {        # machine: (audit architecture, no new thread or process: clone, fork, vfork, clone3)
    "x86_64": (0xC000003E, (56, 57, 58, 435)),
    "aarch64": (0xC00000B7, (220, 435)),
}
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER, TSYNC = 38, 1, 1


def limit(what, amount):
    """``nofile``: so many descriptors more; ``nproc``: no thread, no process; ``as``: so many MiB more of address space;
    ``fsize``: no file grows beyond so many bytes; ``disk``: temporary files find a file system of so many KiB, and with 0
    one that is full. Records how it was done."""
    agent.keep_a_way_out()
    agent.record("means", LIMITS[what](int(amount)))


def _nofile(more):
    """The kernel compares numbers, not counts: the limit is put where ``more`` numbers below it are free. The listing has one
    itself, which is free again when it is done."""
    import resource
    taken = {int(name) for name in posix.listdir("/proc/self/fd") if _is_open(int(name))}
    bound, free = 0, 0
    while free < more or bound in taken:
        free += bound not in taken
        bound += 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (bound, _hard(resource, resource.RLIMIT_NOFILE)))
    return "RLIMIT_NOFILE %d" % bound


def _is_open(fd):
    try:
        posix.fstat(fd)
    except OSError:
        return False
    return True


def _hard(resource, which):
    return resource.getrlimit(which)[1]


def _as(mib):
    import resource
    now = int(agent.text_of("/proc/self/statm").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + mib * 1024 * 1024, _hard(resource, resource.RLIMIT_AS)))
    return "RLIMIT_AS %d MiB" % ((now >> 20) + mib)


def _fsize(size):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, _hard(resource, resource.RLIMIT_FSIZE)))
    return "RLIMIT_FSIZE %d" % size


def _disk(kib):
    """A small file system of its own on TMPDIR, in a mount namespace that nobody else sees and that goes with its processes.

    For the calling thread and what it starts: best where there is one thread. Making a namespace takes a right that
    usually only root has; elsewhere no file may grow, which ends a write by EFBIG instead of ENOSPC.
    """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    where = posix.environ.get(b"TMPDIR")
    size = b"size=%dk,mode=1777" % max(kib, 4)
    if (where is None or libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
            or libc.mount(b"chaos", where, b"tmpfs", 0, size)):
        return "%s (errno %d for a file system)" % (_fsize(kib * 1024), ctypes.get_errno())
    if not kib:
        filler = posix.open(where + b"/full", posix.O_WRONLY | posix.O_CREAT)
        posix.write(filler, bytes(4096))
        posix.close(filler)
    return "a tmpfs of %d KiB" % max(kib, 4)


def _nproc(more):
    """A seccomp filter: RLIMIT_NPROC does not bind root, and counts all processes of the user, not those of this tree.

    The filter answers EAGAIN, as the kernel does at that limit, to every call that makes a thread or a process, in all
    threads of this process and in its children. Where there is no seccomp (or another machine), our own doors refuse.
    """
    try:
        return _refuse_by_seccomp()
    except Exception as error:
        _refuse_processes()
        return "refused by the agent (%s)" % error


def _refuse_by_seccomp():
    import ctypes
    import struct
    arch, numbers = SYSCALLS[posix.uname().machine]
    statements = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (0x06, 0, 0, 0x7FFF0000), (0x20, 0, 0, 0)]
    for index, number in enumerate(numbers):
        statements.append((0x15, len(numbers) - index, 0, number))
    statements += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | EAGAIN)]
    code = b"".join(struct.pack("HBBI", *statement) for statement in statements)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(statements), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    call = 317 if arch == 0xC000003E else 277
    if libc.syscall(call, SECCOMP_SET_MODE_FILTER, TSYNC, program):
        raise OSError(ctypes.get_errno(), "seccomp")
    return "seccomp: clone and fork answer EAGAIN"


def _refuse_processes():
    """Our own doors refuse from now on, where the kernel cannot be made to: no thread, no process."""
    def no_thread(*args, **kwargs):
        raise RuntimeError("can't start new thread")

    def no_process(*args, **kwargs):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    import _thread
    import os
    os.fork = no_process
    for module in (_thread, sys.modules.get("threading")):
        for name in ("start_new_thread", "_start_new_thread", "start_joinable_thread", "_start_joinable_thread"):
            if type(getattr(module, name, None)) is type(posix.getpid):     # not a green one
                setattr(module, name, no_thread)
    if "_posixsubprocess" in sys.modules:
        sys.modules["_posixsubprocess"].fork_exec = no_process


LIMITS = {"nofile": _nofile, "nproc": _nproc, "as": _as, "fsize": _fsize, "disk": _disk}
assert sys.byteorder == "little"
