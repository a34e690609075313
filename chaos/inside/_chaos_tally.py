"""What all processes of a run know together: how often a name was counted, and who was the last to be called by one.

Two files in its folder, ``hits`` and ``pids``, to which everybody appends; the supervisor makes them. No lock, which a fork
could leave taken for ever, and no file for each name: to make those took most of the time that a start spent on chaos.
"""
import posix

READ_AND_APPEND = posix.O_RDWR | posix.O_APPEND | posix.O_CLOEXEC

_counted = []           # at most one: (a place in the file of hits, how often each name stands before it)


def count(folder, name):
    """How often ``name`` was counted, over all processes, this time included: what is appended by a descriptor of our own
    tells its own place, and those before it are counted. Raises OSError."""
    mark = ("\n" + name).encode("utf-8", "backslashreplace")
    hits = posix.open(folder + "/hits", READ_AND_APPEND)
    try:
        if posix.write(hits, mark) < len(mark):
            raise OSError("no room")
        end = posix.lseek(hits, 0, 1)
        place, counts = _taken()
        if place > end:         # by another thread, which came later and was faster
            place, counts = 0, {}
        while place < end:
            names = posix.pread(hits, end - place, place)
            if not names:
                raise OSError("it was cut")
            place += len(names)
            for one in names.split(b"\n"):
                counts[one] = counts.get(one, 0) + 1
        _counted[:] = [(place, counts)]
        return counts[mark[1:]]
    finally:
        posix.close(hits)


def _taken():
    """What has been counted so far, for one thread alone to go on with; whoever finds nothing begins anew."""
    try:
        return _counted.pop()
    except IndexError:
        return 0, {}


def note(folder, name):
    """This process is the latest of that name. Raises OSError."""
    pids = posix.open(folder + "/pids", READ_AND_APPEND)
    try:
        posix.write(pids, ("%s\t%d\n" % (name, posix.getpid())).encode())
    finally:
        posix.close(pids)


def noted(folder, name):
    """The pid of the latest process of that name; 0 where there was none. Raises OSError."""
    text = whole(folder + "/pids")
    found = [line.partition(b"\t")[2] for line in text.splitlines() if line.startswith(name.encode() + b"\t")]
    return int(found[-1]) if found else 0


def whole(path):
    """The bytes of a file. Not by ``open``, which is a site: what is read here would be counted as a hit of the target's.
    Raises OSError."""
    file, read = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC), b""
    try:
        more = posix.read(file, 65536)
        while more:
            read += more
            more = posix.read(file, 65536)
    finally:
        posix.close(file)
    return read
