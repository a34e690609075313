"""``chaos sites`` and ``chaos plan``: where a start can fail, and what a sweep would try."""

from __future__ import annotations

import os
from argparse import Namespace

from chaos.caseid import format_case
from chaos.catalog import SITES
from chaos.commands.asked import options_of, pool_on, target_of
from chaos.commands.shown import say_unhealthy
from chaos.commands.status import Status
from chaos.model import Variant
from chaos.sweep import healthy, planned, run_baselines, variants_of
from chaos.target import Target
from chaos.transport import must_be_there


def do_sites(options: Namespace) -> Status:
    if options.all:
        for doc in SITES:
            errors = ", ".join(":".join(error.words) for error in doc.errors)
            print(f"{doc.name:<22}{doc.area.value}: {doc.doc}\n{'':<22}errors: {errors}; actions: "
                  f"{', '.join(doc.actions)}; promise most at stake: {doc.promise}")
        return Status.PASS
    target, variants = _discovered(options)
    for variant in variants:
        print(format_case(variant.baseline.case))
        for site in variant.sites:
            print(f"  {site.at_s:8.3f} s  {site.name:<21} {site.role:<12}{site.hits:>4} "
                  f"hit{'' if site.hits == 1 else 's'}  {site.phase.value}")
    return Status.PASS if all(map(healthy, variants)) else say_unhealthy(variants, target)


def do_plan(options: Namespace) -> Status:
    target, variants = _discovered(options)
    if not all(map(healthy, variants)):
        return say_unhealthy(variants, target)
    for case in planned(variants, options_of(options, target)):
        print(format_case(case))
    return Status.PASS


def _discovered(options: Namespace) -> tuple[Target, list[Variant]]:
    target = target_of(options)
    asked = options_of(options, target)
    must_be_there(options.transport)
    with pool_on(options.transport, min(2, os.cpu_count() or 1)) as pool:
        return target, list(run_baselines(pool, target, variants_of(target, asked), asked.timing,
                                          thorough=asked.finds_all(target) or options.command == "sites",
                                          exhaustive=asked.profile.exhaustive))
