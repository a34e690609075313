"""What runs the cases of a sweep: this machine, or the workers of a Dask scheduler, which needs an extra."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from chaos.commands.asked import pool_on
from chaos.errors import MissingPart, UsageError
from chaos.runner.request import Runs
from chaos.sweep import Options
from chaos.transport import is_private, kind_of

if TYPE_CHECKING:
    from chaos.distributed.cluster import Cluster


def is_clustered(options: Namespace) -> bool:
    return getattr(options, "scheduler", None) is not None


@contextlib.contextmanager
def runs_on(options: Namespace, asked: Options) -> Iterator[tuple[Runs, Options]]:
    """What runs them, and the options with the number of cases at a time that come of it. Raises MissingPart."""
    if not is_clustered(options):
        with pool_on(options.transport, asked.jobs) as pool:
            yield pool, asked
        return
    with _cluster(options) as cluster:
        yield cluster, replace(asked, jobs=cluster.places)


def _cluster(options: Namespace) -> Cluster:
    if kind_of(options.transport) is not None and not is_private(options.transport):
        raise UsageError("--transport URL: on a broker of yours cases run one at a time, and --scheduler runs several; "
                         "--transport rabbit would be right, which gives each worker a broker of its own")
    try:
        from chaos.distributed.cluster import Cluster
    except ModuleNotFoundError as error:
        raise MissingPart(f"--scheduler {options.scheduler}: {error}; pip install 'startup-chaos[distributed]' has it, "
                          "here and where the workers run") from None
    return Cluster(options.scheduler, options.jobs or 0, options.transport)
