"""What each command does, from parsed options to an exit status. Prints; never exits, never judges."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from chaos.commands.bundling import do_bundle
from chaos.commands.drafting import do_init
from chaos.commands.examining import do_doctor
from chaos.commands.listing import do_plan, do_sites
from chaos.commands.nightly import do_nightly
from chaos.commands.reading import do_compare, do_judge, do_merge
from chaos.commands.running import do_check, do_repro, do_run
from chaos.commands.showing import do_show
from chaos.commands.status import Status
from chaos.commands.sweeping import do_sweep

COMMANDS: dict[str, Callable[[Namespace], Status]] = {
    "sweep": do_sweep,
    "nightly": do_nightly,
    "init": do_init,
    "check": do_check,
    "run": do_run,
    "repro": do_repro,
    "bundle": do_bundle,
    "doctor": do_doctor,
    "sites": do_sites,
    "plan": do_plan,
    "compare": do_compare,
    "judge": do_judge,
    "merge": do_merge,
    "show": do_show,
}

__all__ = ["COMMANDS", "Status"]
