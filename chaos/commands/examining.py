"""``chaos doctor``: what works here, and what is left out for the lack of what."""

from __future__ import annotations

from argparse import Namespace

from chaos.commands.shown import width
from chaos.commands.status import Status
from chaos.doctor import Fact, is_fit, lines
from chaos.errors import MissingPart
from chaos.runner.probing import probe
from chaos.transport import RABBIT, must_be_there


def do_doctor(options: Namespace) -> Status:
    """Status 69 where the default sweep does not run; what is merely left out is no reason."""
    facts = [*probe(), _rabbitmq()]
    for line in lines(facts, width()):
        print(line)
    return Status.PASS if is_fit(facts) else Status.UNAVAILABLE


def _rabbitmq() -> Fact:
    try:
        must_be_there(RABBIT)
    except MissingPart as missing:
        return Fact("rabbitmq", False, str(missing))
    return Fact("rabbitmq", True, "its start script, epmd and erl are there")
