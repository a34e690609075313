"""What each part that may be missing is for: from facts to what a sweep can and cannot do, as lines. Pure; probes nothing.

    needed    without it the default sweep does not run: the status is then 69
    weaker    chaos does the same less well, and the report says so
    left out  a kind of case, a command or a test is not there
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaos.plan import ON_THE_NODE, ON_THE_WIRE, WHILE_IT_WAITS
from chaos.report.safetext import one_line, wrapped

NARROW = 20
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was tried: ``seen`` says how it went, in half a sentence."""

    name: str
    works: bool
    seen: str


class Lack(enum.StrEnum):
    """What becomes of chaos without a part."""

    NEEDED = "needed"
    WEAKER = "weaker"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Part:
    """``without``: what its lack means; ``get``: what to do about it, "" where it is the machine's own."""

    name: str
    title: str
    lack: Lack
    without: str
    get: str = ""


_SITES = tuple(dict.fromkeys(row[0] for row in (*ON_THE_WIRE, *ON_THE_NODE)))
_COUNT = len((*ON_THE_WIRE, *WHILE_IT_WAITS, *ON_THE_NODE))
_ON_RABBIT = (f"every case of --transport rabbit, {_COUNT} a variant of the target: faults at {', '.join(_SITES)}; "
              "and tox run -e network")

PARTS: tuple[Part, ...] = (
    Part("linux", "Linux", Lack.NEEDED, "chaos reads /proc and adopts orphans, which only Linux has"),
    Part("sub-reaper", "sub-reaper", Lack.NEEDED, "orphans are not found, so nobody-left cannot be judged"),
    Part("children", "children in /proc", Lack.NEEDED, "the tree of a launcher cannot be followed",
         "a kernel with CONFIG_PROC_CHILDREN"),
    Part("pidfd", "pidfd", Lack.NEEDED, "a process that is gone cannot be told from another with its number",
         "Linux 5.3 or later, and a container that lets pidfd_open through"),
    Part("folder", "temporary folder", Lack.NEEDED, "a run has no place for its records",
         "TMPDIR: a folder on a file system with FIFOs and sockets"),
    Part("loopback", "loopback", Lack.NEEDED, "targets and the fault proxy listen on 127.0.0.1"),
    Part("files", "open files", Lack.NEEDED, "fewer than 256 are too few for some cases at a time", "ulimit -n 1024"),
    Part("processes", "processes", Lack.NEEDED, "fewer than 200 are too few for some cases at a time; a fork that is refused "
         "would be the target's failure", "ulimit -u, or the container's limit of pids"),
    Part("oslo.service", "oslo.service", Lack.NEEDED, "the sample scheduler, which is the default target, does not start",
         "pip install startup-chaos"),
    Part("oslo.messaging", "oslo.messaging", Lack.NEEDED, "as for oslo.service", "pip install startup-chaos"),
    Part("cotyledon", "cotyledon", Lack.NEEDED, "the threading backend does not start",
         "pip install oslo.service[threading]"),
    Part("eventlet", "eventlet", Lack.NEEDED, "the eventlet backend does not start", "pip install eventlet"),
    Part("syscall", "calls in /proc", Lack.WEAKER, "no hang is proven: it is suspected when the deadline has passed",
         "a container that lets a parent trace its children (--cap-add SYS_PTRACE)"),
    Part("seccomp", "seccomp", Lack.WEAKER, "limit:nproc is refused by the agent, which C code in the target does not see"),
    Part("rabbitmq", "RabbitMQ", Lack.LEFT_OUT, _ON_RABBIT, "apt-get install rabbitmq-server"),
    Part("ptrace", "ptrace", Lack.LEFT_OUT, "py-spy and gdb cannot attach to what hangs; chaos itself needs neither"),
    Part("py-spy", "py-spy", Lack.LEFT_OUT, "one way of looking into a process that hangs", "pip install py-spy"),
    Part("gdb", "gdb", Lack.LEFT_OUT, "one way of looking into a process that hangs in C", "apt-get install gdb"),
    Part("strace", "strace", Lack.LEFT_OUT, "every case at a call of the kernel (syscall.NAME), which programs without "
         "Python have", "apt-get install strace"),
    Part("namespaces", "namespaces", Lack.LEFT_OUT, "nothing: chaos never uses them"),
    Part("chromium", "Chromium", Lack.LEFT_OUT, "tox run -e browser, the tests of report.html", "apt-get install chromium"),
    Part("dask", "Dask", Lack.LEFT_OUT, "a sweep over a cluster; --shard K/N needs nothing", "pip install distributed"),
    Part("pythons", "other Pythons", Lack.LEFT_OUT, "tests of targets under other Pythons; --python takes any that is there"),
)


def is_fit(facts: Iterable[Fact]) -> bool:
    """Whether all that the default sweep needs works. What was not tried is not there."""
    works = {fact.name for fact in facts if fact.works}
    return all(part.name in works for part in PARTS if part.lack is Lack.NEEDED)


def lines(facts: Sequence[Fact], width: int) -> Iterator[str]:
    """What works, then what does not with its consequence and cure, then one sentence over all; no line is wider than it must
    be."""
    by_name = {fact.name: fact for fact in facts}
    for part in PARTS:
        fact = by_name.get(part.name) or Fact(part.name, False, "not tried")
        yield from _of_part(part, fact, max(NARROW, width))
    yield ""
    yield from wrapped(_conclusion(by_name), max(NARROW, width))


def _of_part(part: Part, fact: Fact, width: int) -> Iterator[str]:
    word = "works" if fact.works else "missing" if part.lack is Lack.LEFT_OUT else f"missing, {part.lack}"
    yield from wrapped(f"{word}: {part.title}: {one_line(fact.seen)}", width, rest=INDENT)
    if not fact.works:
        lead = "left out" if part.lack is Lack.LEFT_OUT else "without it"
        yield from wrapped(f"{lead}: {part.without}", width, first=INDENT, rest=INDENT)
        if part.get:
            yield from wrapped(f"to have it: {part.get}", width, first=INDENT, rest=INDENT)


def _conclusion(by_name: dict[str, Fact]) -> str:
    lost = [part for part in PARTS if not (part.name in by_name and by_name[part.name].works)]
    needed = [part.title for part in lost if part.lack is Lack.NEEDED]
    if needed:
        return f"The default sweep does not run here: {', '.join(needed)}."
    weaker, left_out = ([part.title for part in lost if part.lack is lack] for lack in (Lack.WEAKER, Lack.LEFT_OUT))
    told = [f"{word} {', '.join(names)}" for word, names in (("weaker without", weaker), ("not here:", left_out)) if names]
    return "The default sweep has all that it needs" + (f"; {'; '.join(told)}." if told else ", and so has everything else.")
