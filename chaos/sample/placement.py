"""Choose hosts for a request: filter, weigh, take the best. Pure; must not do I/O."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from chaos.sample.inventory import Host


class NoValidHost(Exception):
    """No host passes every filter for one of the instances asked for. Not for a request that makes no sense."""


class BadRequest(Exception):
    """The request itself makes no sense: an unknown field, or an amount below its minimum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one instance needs. An empty zone means any."""

    vcpus: int = 1
    ram_mb: int = 512
    disk_gb: int = 1
    zone: str = ""

    @classmethod
    def parse(cls, words: Mapping[str, Any]) -> "Request":
        """Return the request that came over RPC as a mapping. Raise `BadRequest` with every problem in it."""
        problems = [f"unknown field {name!r}" for name in sorted(set(words) - {field.name for field in fields(cls)})]
        for name in ("vcpus", "ram_mb", "disk_gb"):
            amount = words.get(name, 1)
            if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
                problems.append(f"{name} is {amount!r}, not a whole number of at least 1")
        if not isinstance(words.get("zone", ""), str):
            problems.append(f"zone is {words['zone']!r}, not a name")
        if problems:
            raise BadRequest("; ".join(problems))
        return cls(**words)


Filter = Callable[[Host, Request], bool]
Weigher = Callable[[Host], float]

FILTERS: tuple[Filter, ...] = (
    lambda host, request: host.enabled,
    lambda host, request: request.zone in ("", host.zone),
    lambda host, request: host.free_vcpus >= request.vcpus,
    lambda host, request: host.free_ram_mb >= request.ram_mb,
    lambda host, request: host.free_disk_gb >= request.disk_gb,
)

WEIGHERS: tuple[tuple[float, Weigher], ...] = (
    (1.0, lambda host: host.free_ram_mb),
    (0.5, lambda host: host.free_vcpus),
    (0.1, lambda host: host.free_disk_gb),
)


def select(hosts: Iterable[Host], request: Request, count: int) -> tuple[str, ...]:
    """Return the names of the best hosts for `count` instances, best first; a host may be named more than once.

    Raise `NoValidHost` when one of them fits nowhere. Equal weights are settled by name, so that the answer is stable.
    """
    left = tuple(hosts)
    names: list[str] = []
    for _ in range(count):
        fitting = [host for host in left if all(passes(host, request) for passes in FILTERS)]
        if not fitting:
            raise NoValidHost(f"{len(names)} of {count} instances fit: no host of {len(left)} has room for {request}")
        best = _best(fitting)
        left = tuple(_claimed(host, request) if host is best else host for host in left)
        names.append(best.name)
    return tuple(names)


def _best(hosts: list[Host]) -> Host:
    """Each weigher is scaled to its largest value, so that megabytes do not outweigh processors."""
    largest = [max(weigh(host) for host in hosts) or 1.0 for _, weigh in WEIGHERS]

    def weight(host: Host) -> float:
        return sum(factor * weigh(host) / top for (factor, weigh), top in zip(WEIGHERS, largest, strict=True))

    return min(hosts, key=lambda host: (-weight(host), host.name))


def _claimed(host: Host, request: Request) -> Host:
    return replace(
        host,
        free_vcpus=host.free_vcpus - request.vcpus,
        free_ram_mb=host.free_ram_mb - request.ram_mb,
        free_disk_gb=host.free_disk_gb - request.disk_gb,
    )
