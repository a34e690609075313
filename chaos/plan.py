"""From the sites that a good start reached to the cases of a sweep: every site, every fault that fits. Pure, ordered.

Both lifetimes always: a fault that happens once finds what does not recover, one that stays finds what never gives up.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from chaos.calls import Rank, error_for, is_call, rank
from chaos.catalog import ANYTHING, BY_NAME, HAS_TO_END, SYSCALL, By, SiteDoc, doc_of, is_extra
from chaos.model import Case, Exited, Fault, Hits, Judged, Observation, Phase, Site, StillRunning, Variant

ONCE, FIRST_3, PERSISTENT = Hits(1, 1), Hits(1, 3), Hits(1, None)
MOST_CALLS = 2
"""The exhaustive loop fails each traced call this often one by one: a loop over forty hosts is one place, not forty."""
MOST_HITS = 6
"""Profile ``full`` fails each of the first hits of a site in turn, up to this many."""


class Profile(enum.StrEnum):
    """How much a sweep tries; each holds all of the one before."""

    SMOKE = "smoke"
    DEFAULT = "default"
    FULL = "full"
    NIGHTLY = "nightly"
    UNREAL = "unreal"
    """Asked for by name only: also the calls that nothing but a broken interpreter makes fail."""

    @property
    def exhaustive(self) -> bool:
        return self in (Profile.NIGHTLY, Profile.UNREAL)


FULL = Profile.FULL
DEPTH = {profile: depth for depth, profile in enumerate(Profile)}


@dataclass(frozen=True, slots=True)
class Try:
    """One kind of fault to plan: from which profile on, at which sites (empty: all), in which role (empty: any)."""

    action: str
    args: tuple[str, ...]
    hits: Hits
    since: Profile
    sites: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = (Phase.START,)


_PUT_IN_PLACE = (Site("notify.socket", "parent", 1, 0.0), Site("workers.count", "parent", 1, 0.0))
"""Sites that no run reaches by a call: what is wrong there is put in place before the start."""

NEARER_IN_OSLO = ("socket.connect", "file.open")
"""Of an oslo.service something nearer has a name: its connections (``rpc.connect``, ``notify.socket``) and files
(``config.file``, ``log.file``); any connection or file would mostly be one of those, without its excuses."""
OF_A_PLAIN_LAUNCHER = (*NEARER_IN_OSLO, "socket.bind", "socket.listen", "process.replace", "process.exec")
"""Planned in every profile for a launcher without services; what an oslo.service binds and executes from ``full`` on."""

BODIES = ("service.create", "service.init", "service.start", "process.body")
MOST_TELLING = ("service.create", "service.start", "rpc.server.start", "rpc.listen", "thread.spawn", "process.fork",
                "timer.add", "greenthread.spawn")

SIGNALLED = ("service.create", "launcher.launch", "process.fork", "launcher.wait", "service.start", "rpc.server.start")
"""Where SIGTERM is most likely to be forgotten: before the launcher listens, between its forks, while a worker starts."""

LIMITS = (("nofile", "0"), ("nofile", "20"), ("nproc",), ("as", "1"), ("as", "24"), ("fsize", "0"))
"""24 MiB: room for two stacks of threads and not for more. From 40 to 80 it is chance how far it gets: the C library gives a
new thread a heap of its own, of 64, if it fits where the kernel puts it."""
IMAGE: tuple[tuple[str, tuple[str, ...]], ...] = (
    *(("limit", args) for args in (("nofile", "8"), ("nofile", "64"), ("nproc",), ("as", "32"), ("fsize", "0"),
                                   ("disk", "0"))),
    ("close", ()), ("full", ()), ("fill", ()), ("fill", ("socket",)), ("jump", ("3600",)), ("jump", ("-3600",)),
    ("preload", ()), ("delay", ("0.5",)))
CONFIG: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("missing", ()), ("unreadable", ()), ("malformed", ()), ("unquoted", ()), ("set", ("DEFAULT", "no_such_option", "1")),
    ("set", ("DEFAULT", "rpc_response_timeout", "soon")))
WORKERS = ("0", "-1", "10000", "many")

TRIES: tuple[Try, ...] = (
    Try("exit", ("0",), PERSISTENT, Profile.SMOKE, ("service.start",)),
    Try("stall", (), PERSISTENT, Profile.SMOKE, ("service.start",)),
    Try("refuse", (), PERSISTENT, Profile.SMOKE, ("rpc.connect",)),
    Try("refuse", (), ONCE, Profile.DEFAULT, ("rpc.connect",)),
    Try("blackhole", (), PERSISTENT, Profile.DEFAULT, ("rpc.connect",)),
    Try("latency", ("0.3",), ONCE, Profile.DEFAULT, ("rpc.connect",)),
    Try("exit", ("0",), PERSISTENT, Profile.DEFAULT, BODIES),
    Try("exit", ("3",), ONCE, Profile.DEFAULT, ("service.start", "process.body")),
    Try("exit", ("no-database",), PERSISTENT, Profile.DEFAULT, ("service.start",)),
    Try("stall", (), PERSISTENT, Profile.DEFAULT, ("service.create", "service.init", "rpc.server.start")),
    Try("freeze", (), PERSISTENT, Profile.DEFAULT, ("service.start", "service.create")),
    Try("kill", (), ONCE, Profile.DEFAULT, ("service.start", "process.body")),
    Try("kill", (), PERSISTENT, Profile.DEFAULT, ("service.start",), ("worker",)),
    Try("kill", (), ONCE, Profile.DEFAULT, ("launcher.wait", "process.fork"), ("parent",)),
    Try("delay", ("0.3",), ONCE, Profile.DEFAULT, ("service.create", "service.start", "process.fork")),
    Try("signal", ("TERM", "parent"), ONCE, Profile.DEFAULT, SIGNALLED),
    Try("signal", ("TERM", "parent"), ONCE, Profile.FULL),
    Try("signal", ("TERM", "parent", "2"), ONCE, Profile.FULL),
    *(Try("signal", (name, "parent", *twice), ONCE, Profile.FULL) for name in ("INT", "HUP") for twice in ((), ("2",))),
    Try("signal", ("KILL", "parent"), ONCE, Profile.FULL, (), ("worker",)),
    *(Try("signal", (name,), ONCE, Profile.FULL, (), ("worker",)) for name in ("TERM", "INT", "HUP")),
    *(Try("signal", (name, "self", "2"), ONCE, Profile.NIGHTLY, (), ("worker",)) for name in ("TERM", "INT", "HUP")),
    *(Try("signal", (name, "parent"), ONCE, Profile.FULL, ("service.stop", "launcher.stop"), (), (Phase.STOP,))
      for name in ("TERM", "INT", "KILL")),
    Try("kill", (), ONCE, Profile.FULL, ("service.stop",), (), (Phase.STOP,)),
    *(Try(action, args, ONCE, Profile.FULL, ("process.image",), ("parent",)) for action, args in IMAGE),
    *(Try("limit", args, ONCE, Profile.FULL, ("launcher.launch", "service.start")) for args in LIMITS),
    *(Try(action, args, ONCE, Profile.FULL, ("config.file",), ("parent",)) for action, args in CONFIG),
    *(Try("set", (value,), ONCE, Profile.FULL, ("workers.count",), ("parent",)) for value in WORKERS),
    *(Try(action, (), ONCE, Profile.FULL, ("notify.socket",), ("parent",))
      for action in ("absent", "gone", "unwritable")),
    *(Try(action, (), ONCE, Profile.FULL, ("log.file",), ("parent",)) for action in ("missing", "unwritable", "full")),
    *(Try("return", (value,), PERSISTENT, Profile.FULL, ("cpu.count",)) for value in ("0", "None", "4096")),
    Try("twice", (), ONCE, Profile.FULL, ("patch.apply",)),
    Try("return", ("None",), PERSISTENT, Profile.FULL, ("patch.apply",)),
    Try("stall", (), ONCE, Profile.FULL),
    Try("freeze", (), ONCE, Profile.FULL),
    Try("exit", ("1",), ONCE, Profile.FULL),
    Try("exit", ("0", "hard"), ONCE, Profile.FULL, (), ("worker",)),
    Try("kill", (), ONCE, Profile.FULL),
    Try("kill", (), PERSISTENT, Profile.FULL, (), ("worker",)),
    Try("delay", ("0.3",), PERSISTENT, Profile.FULL),
)


_BAD_PEERS = tuple(("amqp.peer", manner, (), PERSISTENT) for manner in BY_NAME["amqp.peer"].actions)
_BAD_TLS = tuple(("tls.certificate", word, (), PERSISTENT) for word in BY_NAME["tls.certificate"].actions)
ON_THE_WIRE: tuple[tuple[str, str, tuple[str, ...], Hits], ...] = (
    *(("amqp.connect", word, args, hits) for word, args, hits in (
        ("refuse", (), PERSISTENT), ("refuse", (), ONCE), ("refuse", (), FIRST_3), ("blackhole", (), PERSISTENT),
        ("half_open", (), PERSISTENT), ("reset_peer", (), PERSISTENT), ("reset_peer", (), ONCE), ("timeout", ("1",), ONCE),
        ("latency", ("0.03",), PERSISTENT), ("latency", ("0.06", "0.05", "1"), PERSISTENT),
        ("slow_close", ("0.5",), PERSISTENT), ("bandwidth", ("20",), PERSISTENT), ("slicer", ("50",), PERSISTENT),
        ("limit_data", ("700",), PERSISTENT), ("limit_data", ("300",), ONCE),
        ("limit_data", ("700", "upstream"), PERSISTENT))),
    ("amqp.start", "reset_peer", (), PERSISTENT), ("amqp.start", "blackhole", (), PERSISTENT),
    ("amqp.start", "down", (), ONCE),
    ("amqp.tune", "half_open", (), PERSISTENT), ("amqp.tune", "reset_peer", (), ONCE), ("amqp.tune", "down", (), PERSISTENT),
    ("amqp.declare", "reset_peer", (), ONCE), ("amqp.declare", "reset_peer", (), PERSISTENT),
    ("amqp.declare", "blackhole", (), PERSISTENT), ("amqp.declare", "down", (), PERSISTENT),
    ("amqp.declare", "down", (), ONCE),
    ("amqp.consume", "reset_peer", (), ONCE), ("amqp.consume", "reset_peer", (), PERSISTENT),
    ("amqp.consume", "half_open", (), PERSISTENT), ("amqp.consume", "down", (), ONCE),
    ("amqp.frames", "reset_peer", ("2",), ONCE), ("amqp.frames", "blackhole", ("4",), PERSISTENT),
    ("amqp.bytes", "reset_peer", ("600",), ONCE), ("amqp.bytes", "half_open", ("300",), PERSISTENT),
    ("amqp.bytes", "blackhole", ("300", "upstream"), PERSISTENT),
    ("amqp.seconds", "reset_peer", ("0.1",), ONCE), ("amqp.seconds", "down", ("0.1",), ONCE),
    *_BAD_PEERS, ("amqp.hosts", "first_dead", (), PERSISTENT), *_BAD_TLS,
    ("dns.resolve", "raise", ("socket.gaierror",), PERSISTENT), ("dns.resolve", "raise", ("socket.gaierror",), ONCE),
    ("dns.resolve", "delay", ("0.3",), PERSISTENT), ("dns.resolve", "delay", ("3",), ONCE),
    ("dns.resolve", "stall", (), PERSISTENT), ("dns.resolve", "two_addresses", (), PERSISTENT))
"""What is tried in every variant on a real transport: site, action, arguments, connections. None of it needs a hit of the
good start: whoever serves on such a transport comes by all of these places."""
ON_THE_NODE: tuple[tuple[str, str, tuple[str, ...], Hits], ...] = (
    ("broker.connect", "crash", (), PERSISTENT), ("broker.connect", "halt", (), ONCE),
    ("broker.connect", "pause", (), PERSISTENT), ("broker.connect", "alarm", (), PERSISTENT),
    ("broker.connect", "alarm", ("disk",), PERSISTENT),
    ("broker.connect", "alarm", (), ONCE), ("broker.declare", "alarm", ("disk",), ONCE),
    ("broker.declare", "die", (), PERSISTENT), ("broker.declare", "restart", (), ONCE),
    ("broker.consume", "halt", (), PERSISTENT), ("broker.consume", "pause", (), ONCE),
    ("broker.ready", "restart", (), ONCE), ("broker.ready", "crash", (), PERSISTENT))
"""The same, for a broker that is ours to break. These run one by one, so there are few; in one of them it is killed, and has
to boot again."""
WHILE_IT_WAITS: tuple[tuple[str, str], ...] = (
    ("amqp.connect", "refuse"), ("amqp.connect", "blackhole"), ("amqp.declare", "reset_peer"), ("amqp.declare", "blackhole"))
"""Brokers that a start waits for, before its workers have met one and after: SIGTERM comes in the middle of that. Not
``down`` at a declaration: it cuts the other worker's connection too, now and then where oslo.messaging does not try again."""
_GOING_UP = ("broker.connect", "broker.configured", "broker.created", "broker.declare", "broker.consume")
_ENDS = (("crash", ONCE), ("halt", ONCE), ("pause", ONCE), ("restart", ONCE))
AT_EVERY_MILESTONE: tuple[tuple[str, str, tuple[str, ...], Hits], ...] = (
    *((site, action, (), hits) for site in (*_GOING_UP, "broker.ready")
      for action, hits in (*_ENDS, ("crash", PERSISTENT), ("halt", PERSISTENT), ("pause", PERSISTENT), ("die", PERSISTENT))
      if site != "broker.connect" or action != "restart"),
    *((site, action, (), hits) for site in HAS_TO_END for action, hits in _ENDS))
"""Whatever may happen to a node, at every milestone of a start: from profile ``full`` on, for each takes seconds and runs
alone. From before the start on a restart is nothing that a target could meet."""
FROM_OUTSIDE: tuple[tuple[str, str, tuple[str, ...], str | None], ...] = (
    *((site, "signal", (name,), None) for site in ("start.exec", "start.output", "start.child", "start.ready")
      for name in ("TERM", "INT")),
    *(("process.image", action, args, "parent") for action, args in IMAGE if action not in ("jump", "preload", "fill")),
    ("notify.socket", "absent", (), "parent"), ("notify.socket", "gone", (), "parent"),
    ("env.variable", "unset", ("HOME",), "parent"), ("env.variable", "unset", ("PATH",), "parent"),
    ("env.variable", "set", ("LANG", "C"), "parent"), ("env.variable", "set", ("TMPDIR", "/nonexistent"), "parent"))
"""What is tried with a program that has no agent in it: site, action, arguments, role; each once. Not an output that is
full and never read: hardly a program can do anything but wait there."""
SYSCALLS: tuple[tuple[str, str], ...] = (
    ("clone", "EAGAIN"), ("clone3", "EAGAIN"), ("fork", "EAGAIN"), ("vfork", "EAGAIN"), ("execve", "ENOENT"),
    ("execve", "ENOMEM"), ("pipe2", "EMFILE"), ("socket", "EMFILE"), ("connect", "ECONNREFUSED"), ("bind", "EADDRINUSE"),
    ("listen", "EADDRINUSE"), ("write", "ENOSPC"))
"""Calls of the kernel and what they fail with in the field: for every program, below strace. Where a program makes none of
them the case is unreached, and left out once a good start has told so."""
SMOKE_ON_REAL = ("amqp.connect", "amqp.declare")


def transport_cases(base: Case, profile: Profile, *, is_ours: bool = True) -> tuple[Case, ...]:
    """The cases that only a real transport has, in the order of a start, those that break the node last."""
    if profile is Profile.SMOKE:
        return _each(base, tuple(row for row in ON_THE_WIRE if row[0] in SMOKE_ON_REAL))
    told = Fault("start.waiting", "signal", ("TERM",), None, ONCE)
    waits = (replace(base, faults=(Fault(site, action, hits=PERSISTENT), told)) for site, action in WHILE_IT_WAITS)
    node = (*ON_THE_NODE, *(AT_EVERY_MILESTONE if _at_least(profile, FULL) else ())) if is_ours else ()
    return (*_each(base, ON_THE_WIRE), *waits, *_each(base, node))


def _each(base: Case, rows: Iterable[tuple[str, str, tuple[str, ...], Hits]]) -> tuple[Case, ...]:
    faults = dict.fromkeys(Fault(site, action, args, None, hits) for site, action, args, hits in rows)
    return tuple(replace(base, faults=(fault,)) for fault in faults)


def is_of_oslo(sites: Iterable[Site]) -> bool:
    return any(site.name.startswith(("service.", "launcher.")) for site in sites)


def outside_cases(variant: Variant, profile: Profile) -> tuple[Case, ...]:
    """The cases of a plain launcher; none for one that starts services of oslo.service, which has sites of its own. Calls of
    the kernel are among its sites only where the agent was not heard in it."""
    base, expected = variant.baseline.case, variant.baseline.seen.expected
    if is_of_oslo(variant.sites):
        return ()
    reached = {site.name for site in variant.sites}
    rows = [Fault(site, action, args, role, ONCE) for site, action, args, role in FROM_OUTSIDE
            if site in reached or (not site.startswith("start.") and (site != "notify.socket" or expected.notifies))]
    rows += [Fault(site.name, "raise", ("OSError", error), None, hits) for site in variant.sites for name, error in SYSCALLS
             if site.name == SYSCALL + name for hits in (ONCE, PERSISTENT)]
    if profile is Profile.SMOKE:
        rows = [fault for fault in rows if fault.action in ("signal", "full")]
    return tuple(replace(base, faults=(fault,)) for fault in dict.fromkeys(rows))


def untraced(base: Case) -> tuple[Case, ...]:
    """The cases that need strace, for a program of which nobody knows which calls of the kernel it makes."""
    return tuple(replace(base, faults=(Fault(SYSCALL + name, "raise", ("OSError", error), None, hits),))
                 for name, error in SYSCALLS for hits in (ONCE, PERSISTENT))


def plan(variant: Variant, profile: Profile, *, is_ours: bool = True, extra: tuple[str, ...] = ()) -> tuple[Case, ...]:
    """The cases of one variant, each once. On a real transport its own are enough, but for a thorough profile; ``is_ours``:
    the broker is a private one, which may be broken. ``extra``: sites that somebody named: where the good start did not come
    by one, a case of it is planned all the same, and will be unreached: a name that is mistyped must not go unnoticed."""
    base = variant.baseline.case
    reached = {site.name for site in variant.sites}
    missing = (Fault(name, "raise", ANYTHING[0].words) for name in extra if name not in reached)
    real = transport_cases(base, profile, is_ours=is_ours) if base.transport else ()
    real += outside_cases(variant, profile)
    usual = _usual(variant, profile) if not base.transport or _at_least(profile, FULL) else ()
    return tuple(dict.fromkeys((*usual, *(replace(base, faults=(fault,)) for fault in missing), *real)))


def _usual(variant: Variant, profile: Profile) -> tuple[Case, ...]:
    """Process by process, and in each in the catalogue's order, which is that of a start. By time the order would change
    from run to run, because processes and threads race each other."""
    base, expected = variant.baseline.case, variant.baseline.seen.expected
    put = (site for site in _PUT_IN_PLACE if site.name != "notify.socket" or expected.notifies)
    sites = (*put, *variant.sites) if _at_least(profile, FULL) else variant.sites
    if is_of_oslo(sites):
        left_out = NEARER_IN_OSLO if _at_least(profile, FULL) else OF_A_PLAIN_LAUNCHER
        sites = tuple(site for site in sites if site.name not in left_out)
    faults = dict.fromkeys(_of_one_worker(fault, site, base.workers) for site in sorted(sites, key=_place_of)
                           for fault in _faults(site, base.workers, profile))
    return tuple(replace(base, faults=(fault,)) for fault in faults if fault is not None)


def _of_one_worker(fault: Fault, site: Site, workers: int) -> Fault | None:
    """The second hit of any of several workers is the second of one or the first of another, as it chances: a fault that
    begins there is planned for the first worker alone. None: it is at the site of another worker."""
    if workers == 1 or fault.role != "worker" or fault.hits.first == 1:
        return fault
    return replace(fault, role=site.role) if site.role == "worker.0" else None


def _place_of(site: Site) -> tuple[int, int, str, int, str]:
    """Sorts what happens on the way up before what happens later, the launcher's own sites before its workers', and
    traced calls behind the named sites."""
    families = ("parent", "worker", "helper")
    place = _ORDER.get(site.name, len(_ORDER))
    return list(Phase).index(site.phase), families.index(_family(site.role)), site.role, place, site.name


_ORDER = {name: place for place, name in enumerate(BY_NAME)}


def second_faults(judged: Judged, variant: Variant) -> tuple[Case, ...]:
    """The case with a second fault at each site that only the first one brought about: the clean-up that it started.

    Linear on purpose: not every pair, but every place that nobody reaches on a good day.
    """
    case, seen = judged.case, judged.seen
    if len(case.faults) != 1 or not seen.fired or seen.served_s is not None:
        return ()
    usual = {(site.name, _family(site.role)) for site in variant.sites}
    fresh = dict.fromkeys((hit.site, _family(hit.role)) for hit in seen.hits
                          if seen.fired[0].at_s < hit.at_s < _clean_up_over_s(seen, hit.role))
    return tuple(replace(case, faults=(*case.faults, Fault(name, "raise", BY_NAME[name].errors[0].words, role, ONCE)))
                 for name, role in fresh if (name, role) not in usual and role in ("parent", "worker")
                 and name in BY_NAME and BY_NAME[name].errors)


def _clean_up_over_s(seen: Observation, role: str) -> float:
    """Until when what ``role`` reaches is a clean-up of the start. What a worker reaches once its launcher is gone, or was
    ended by a signal, is none, and a race, since it may be killed at any moment: the launcher was there for certain only up
    to the last thing that it reached itself."""
    if isinstance(seen.ending, StillRunning):
        return math.inf
    if role == "parent":
        return seen.elapsed_s
    own = [hit.at_s for hit in seen.hits if hit.role == "parent"] if isinstance(seen.ending, Exited) else []
    return max(own, default=0.0)


def _family(role: str) -> str:
    return role.partition(".")[0]


def _faults(site: Site, workers: int, profile: Profile) -> Iterator[Fault]:
    if is_call(site.name):
        if rank(site.name) is not Rank.UNREAL or profile is Profile.UNREAL:
            yield from _failed_calls(site)
        return
    doc = doc_of(site.name)
    family = _family(site.role)
    if doc is None or doc.by is not By.AGENT or family not in ("parent", "worker"):
        return
    for role in _roles(site, workers, profile):
        yield from _raises(site, doc, role, profile)
        for one in TRIES:
            if _at_least(profile, one.since) and (_is_for(one, site, doc, profile) or _is_for_extra(one, site)):
                yield Fault(site.name, one.action, one.args, role, one.hits)


def _failed_calls(site: Site) -> Iterator[Fault]:
    """A traced call fails at each of its hits once, and for good, with what its callee really raises."""
    role, words = _family(site.role), error_for(site.name, site.error).words
    for hits in (*(Hits(hit, hit) for hit in range(1, min(site.hits, MOST_CALLS) + 1)), PERSISTENT):
        yield Fault(site.name, "raise", words, role, hits)


def _is_for(one: Try, site: Site, doc: SiteDoc, profile: Profile) -> bool:
    """Whether a kind of fault fits a site. What is tried everywhere is tried at the usual sites; at a thorough one only
    its own errors and a stall are, and signals in a nightly sweep: before that, one there is one at the usual site next to
    it."""
    family = _family(site.role)
    anywhere = ("stall", "signal", "kill") if profile.exhaustive else ("stall",)
    if not one.sites and doc.thorough and one.action not in anywhere:
        return False
    return (site.name in (one.sites or (site.name,)) and family in (one.roles or (family,))
            and site.phase in one.phases and one.action in _fitting(doc))


def _is_for_extra(one: Try, site: Site) -> bool:
    """What a sweep tries at the usual sites of a service is tried at a callable that somebody named on purpose."""
    return is_extra(site.name) and "service.create" in one.sites and site.phase in one.phases


def _fitting(doc: SiteDoc) -> tuple[str, ...]:
    return (*doc.actions, "kill", "exit", "signal", "limit") if doc.errors else doc.actions


def _roles(site: Site, workers: int, profile: Profile) -> tuple[str, ...]:
    """Any worker; and, where there are several, the last one alone: a start of which only a part fails."""
    if site.role == "parent":
        return ("parent",)
    alone = workers > 1 and site.role == f"worker.{workers - 1}" and profile is not Profile.SMOKE
    return ("worker", site.role) if alone else ("worker",)


def _at_least(profile: Profile, least: Profile) -> bool:
    return DEPTH[profile] >= DEPTH[least]


def _raises(site: Site, doc: SiteDoc, role: str, profile: Profile) -> Iterator[Fault]:
    if site.phase is Phase.SERVING or "raise" not in doc.actions:
        return
    if profile is Profile.SMOKE and doc.name not in MOST_TELLING and not is_extra(doc.name):
        return
    if doc.thorough and not _at_least(profile, FULL) and doc.name not in OF_A_PLAIN_LAUNCHER:
        return
    if doc.name == "rpc.connect":
        if _at_least(profile, FULL):
            yield from (Fault(site.name, word, (), role, hits) for word in ("reset_peer", "timeout")
                        for hits in (ONCE, FIRST_3, PERSISTENT))
        return
    lifetimes: tuple[Hits, ...] = (PERSISTENT,) if profile is Profile.SMOKE else (ONCE, PERSISTENT)
    if _at_least(profile, Profile.NIGHTLY if doc.thorough else FULL):
        lifetimes += (FIRST_3,)
    if _at_least(profile, FULL) and not doc.thorough:
        lifetimes += tuple(Hits(hit, hit) for hit in range(2, min(site.hits, MOST_HITS) + 1))
    errors = doc.errors if _at_least(profile, FULL) else doc.errors[:1]
    for error in errors:
        for hits in lifetimes:
            yield Fault(site.name, "raise", error.words, role, hits)
