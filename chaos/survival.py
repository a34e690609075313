"""Which faults of the wire and of the node leave a broker there: of these no start has to end, nor to wait for long. Pure.

What it must not do: judge. ``promises`` says what it means for a start that ends, ``prepare`` for how long it may take.
"""

from __future__ import annotations

from chaos.actions import COUNTED
from chaos.model import Fault

SLOW_AT_MOST_S, NARROW_AT_LEAST_KB = 0.1, 10.0
"""Of a wire: a start has some twenty round trips and some kilobytes, so that it takes two seconds longer at most."""


def leaves_broker(fault: Fault) -> bool:
    """A broker is there all the time: the second of two hosts or addresses, or one behind a wire that is a little slow."""
    match fault.action:
        case "first_dead" | "two_addresses":
            return True
        case "latency":
            return fault.site.startswith("amqp.") and 0.0 < sum(_numbers(fault)[:2]) <= SLOW_AT_MOST_S
        case "bandwidth":
            return fault.site.startswith("amqp.") and _numbers(fault)[:1] >= [NARROW_AT_LEAST_KB]
        case "slicer":
            return fault.site.startswith("amqp.")
    return False


def brings_it_back(fault: Fault) -> bool:
    """A node that restarts is away for a second or two."""
    return fault.action == "restart" and fault.site.startswith("broker.")


def spares_the_start(fault: Fault) -> bool:
    """The broker goes once the target serves, for good: there is only its stop to be seen, and nothing to wait for."""
    return fault.site == "broker.ready" and fault.hits.last is None


def _numbers(fault: Fault) -> list[float]:
    """The arguments of a word of the wire, without the moment that stands before them at some sites."""
    words = fault.args[len(COUNTED.get(fault.site, ())):]
    return [float(word) for word in words if word.replace(".", "", 1).isdecimal()]
