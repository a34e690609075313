"""The command line: arguments in, exit status out. What a command does is in ``commands``; only this module exits."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from chaos import __version__
from chaos.commands import COMMANDS, Status
from chaos.errors import MissingPart, UsageError
from chaos.plan import Profile

EPILOG = """exit status: 0 all pass; 1 some fail; 2 none fails, some are unreached or unknown; 64 wrong usage;
69 the target does not start even without a fault; 70 a defect of chaos; 130 interrupted"""

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Parser(argparse.ArgumentParser):
    """argparse with our exit status and the nearest word for a mistyped one."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _number_above_zero(what: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}; a number above 0 would be right")
        return number
    return parse


def _count(what: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what}; 1 or more would be right")
        return int(text)
    return parse


def _list_of(parse: Callable[[str], object]) -> Callable[[str], tuple[object, ...]]:
    return lambda text: tuple(dict.fromkeys(parse(word.strip()) for word in text.split(",")))


def _backend(text: str) -> str:
    known = ("eventlet", "threading", "-")
    if text not in known:
        near = difflib.get_close_matches(text, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "; eventlet or threading would be right"
        raise argparse.ArgumentTypeError(f"{text!r} is not a backend{hint}")
    return text


def _add_target(parser: argparse.ArgumentParser, *, default: str | None = "scheduler") -> None:
    parser.add_argument("target", nargs="?", default=default, metavar="TARGET",
                        help="package.module:callable, a console script, a path, or a name from chaos.toml "
                             "(default: the sample scheduler); its own arguments follow after --")
    _add_start(parser)
    _add_transport(parser)


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", metavar="PATH", help="the Python that runs the target (default: this one)")
    parser.add_argument("--deadline", type=_number_above_zero("a time in seconds"), metavar="S",
                        help="seconds that a start may take after its fault (default: what its entry says, or 3 times as "
                             "long as a good start, and at least 10)")
    parser.add_argument("--ready", action="append", default=[], metavar="SIGN",
                        help="how it shows that it is ready: notify, 'log: REGEX', 'file: PATH REGEX', 'tcp: HOST:PORT', "
                             "'unix: PATH', 'http: URL STATUS', rpc, 'command: WORDS'; given again, all are required")
    parser.add_argument("--site", action="append", default=[], metavar="MODULE:NAME",
                        help="a callable of the target's own code that is a site as well, as package.module:Class.method")
    parser.add_argument("--grace", type=_number_above_zero("a time in seconds"), metavar="S", default=8.0,
                        help="seconds that a stop may take (default: 8)")


def _add_transport(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--transport", metavar="fake|rabbit|URL", default=None,
                        help="rabbit: a private RabbitMQ for as long as chaos runs; URL: a broker of yours, which is not "
                             "broken itself; fake (default): the target's own transport")
    parser.add_argument("--require-rabbit", action="store_true",
                        help="exit 69 where cases that need RabbitMQ cannot be run or were not asked for, instead of listing "
                             "what was not run")


def _add_variants(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", type=_list_of(_backend), default=(), metavar="B[,B]",
                        help="eventlet, threading or both (default: all that the target has)")
    parser.add_argument("--workers", type=_list_of(_count("workers")), default=(), metavar="N[,N]",
                        help="numbers of workers (default: the target's, 1,2 for the sample)")


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", choices=[profile.value for profile in Profile], default=Profile.DEFAULT.value,
                        help="how much is tried (default: %(default)s); unreal: a night, and the calls that only a broken "
                             "interpreter makes fail")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB",
                        help="only cases whose id matches; may be given again")
    parser.add_argument("--shard", type=_shard, default=(1, 1), metavar="K/N",
                        help="only the K-th of N parts of the plan; chaos merge puts their reports together")


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise argparse.ArgumentTypeError(f"{text!r} is not K/N; 1/4 to 4/4 would be right for four machines")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_count("jobs"), default=None, metavar="N",
                        help="cases at a time (default: two a processor, for each waits at times; with --scheduler, on each "
                             "worker, one a thread that it has)")
    parser.add_argument("--out", type=Path, default=Path("chaos-report"), metavar="DIR",
                        help="where reports go (default: %(default)s)")


def _add_known(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--known", type=Path, default=None, metavar="FILE",
                        help="findings that are known, each with a reason, a link and a day on which it expires: they do "
                             "not fail the job; one that fails no longer, or has expired, does")


def _add_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--history", type=Path, default=None, metavar="DIR",
                        help="keep what this sweep found there with the last nights, and say how it developed")


def _parser() -> Parser:
    parser = Parser(prog="chaos", description="Break one thing in a service launcher's start, watch from outside, and "
                    "say whether it exits cleanly instead of hanging or crashing silently.", epilog=EPILOG,
                    allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"chaos {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, allow_abbrev=False, epilog=EPILOG)

    _add_starting(add)
    _add_single(add)
    _add_reading(add)
    _add_machine(add)
    return parser


Add = Callable[[str, str], argparse.ArgumentParser]


def _add_starting(add: Add) -> None:
    """Commands that start a target as often as it takes."""
    sweep = add("sweep", "the main job: baseline, plan, run, judge, report")
    _add_sweep(sweep)
    sweep.add_argument("--exhaustive", dest="profile", action="store_const", const=Profile.NIGHTLY.value,
                       help="the same as --profile nightly: also every call that the target's own package makes")
    nightly = add("nightly", "sweeps with everything, on every transport that the target has; one status over all of them")
    _add_sweep(nightly)
    nightly.set_defaults(profile=Profile.NIGHTLY.value, out=Path("chaos-nightly"), seed=None)
    drafted = add("init", "write a commented entry of chaos.toml for a launcher, as one start of it suggests")
    drafted.add_argument("target", metavar="TARGET",
                         help="package.module:callable, a console script or a path; its own arguments follow after --")
    drafted.add_argument("--name", default="", metavar="NAME", help="what the entry is called (default: the launcher's own)")
    _add_start(drafted)
    _add_variants(drafted)
    drafted.set_defaults(transport=None)
    check = add("check", "start it once with no fault, stop it once it serves, and judge that")
    for part in (_add_target, _add_variants):
        part(check)
    check.add_argument("--out", type=Path, default=None, metavar="DIR", help="write reports there as well")
    sites = add("sites", "the sites of a good start, in order, with hits")
    for part in (_add_target, _add_variants):
        part(sites)
    sites.add_argument("--all", action="store_true", help="every site that chaos knows by name; nothing is run")
    planned = add("plan", "the cases of a sweep, without running them (the baseline is run, to find the sites)")
    for part in (_add_target, _add_variants, _add_plan):
        part(planned)


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    """Whatever a sweep takes a night takes, since it hands it on to its sweeps."""
    for part in (_add_target, _add_variants, _add_plan, _add_run):
        part(parser)
    parser.add_argument("--seed", type=int, default=0,
                        help="seed of generated values (default: 0; of a night the date in UTC)")
    _add_history(parser)
    _add_known(parser)
    parser.add_argument("--cold", action="store_true", help="a fresh interpreter for every case, nothing imported ahead")
    parser.add_argument("--scheduler", metavar="ADDRESS", default=None,
                        help="run it on the workers of this Dask scheduler; needs the extra startup-chaos[distributed]")


def _add_single(add: Add) -> None:
    """Commands that are about one case, or a few."""
    run = add("run", "run one or more cases, with a timeline")
    run.add_argument("case_ids", nargs="+", metavar="CASE_ID")
    _add_start(run)
    _add_transport(run)
    run.add_argument("--out", type=Path, default=None, metavar="DIR", help="write reports there as well")
    _add_known(run)
    repro = add("repro", "run one case again in full detail: reproduced, not reproduced or diverged")
    repro.add_argument("case_ids", nargs=1, metavar="CASE_ID")
    _add_start(repro)
    _add_transport(repro)
    repro.add_argument("--out", type=Path, default=Path("chaos-report"), metavar="DIR",
                       help="the report to compare with, where it holds the case (default: %(default)s)")
    repro.add_argument("--hold", action="store_true", help="keep what still runs at the end, and say how to look into it")
    repro.add_argument("--pdb", action="store_true", help="open a debugger in the target at the moment before the fault")
    repro.add_argument("--export", choices=("pytest",), default=None,
                       help="write the case as a test for a suite of your own into the current folder; nothing is run")
    repro.add_argument("--hold-s", type=_number_above_zero("a time in seconds"), default=1800.0, metavar="S",
                       help="for how long at most it is kept, or the debugger waited for (default: 1800)")
    _add_known(repro)
    bundle = add("bundle", "one self-contained script that shows a finding without chaos")
    bundle.add_argument("case_ids", nargs=1, metavar="CASE_ID")
    _add_start(bundle)
    _add_transport(bundle)
    bundle.add_argument("--out", type=Path, default=None, metavar="FILE", help="write it there (default: print it)")
    bundle.add_argument("--report", type=Path, default=Path("chaos-report"), metavar="DIR",
                        help="where what was seen comes from, if the case is there; else it is run (default: %(default)s)")


def _add_machine(add: Add) -> None:
    """What is about this machine and no target."""
    add("doctor", "what works here, and which cases, commands and tests are left out for the lack of what")


def _add_reading(add: Add) -> None:
    """Commands that run nothing."""
    compare = add("compare", "two reports: new, fixed and still failing cases, and changed outcomes")
    compare.add_argument("old", type=Path, metavar="OLD")
    compare.add_argument("new", type=Path, nargs="?", metavar="NEW")
    compare.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: %(default)s)")
    _add_history(compare)
    compare.add_argument("--backends", action="store_true", help="one report's eventlet half against its threading half")
    _add_known(compare)
    merge = add("merge", "the reports of a sweep's shards as one; nothing is run")
    merge.add_argument("reports", type=Path, nargs="+", metavar="REPORT")
    merge.add_argument("--out", type=Path, default=Path("chaos-report"), metavar="DIR",
                       help="where the one report goes (default: %(default)s)")
    _add_history(merge)
    _add_known(merge)
    show = add("show", "reports again: as a sweep ends, as Markdown, or as GitHub's annotations; nothing is run")
    show.add_argument("reports", type=Path, nargs="+", metavar="REPORT")
    show.add_argument("--format", choices=("text", "markdown", "github"), default="text", help="(default: %(default)s)")
    _add_known(show)
    judge = add("judge", "judge the observations of a report again; nothing is run")
    judge.add_argument("report", type=Path, metavar="REPORT")
    _add_known(judge)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """What stands behind the first ``--`` is the target's, word for word."""
    words = list(argv)
    split = words.index("--") if "--" in words else len(words)
    if split and words[0] not in COMMANDS and not words[0].startswith("-"):
        near = difflib.get_close_matches(words[0], COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(COMMANDS)} would be right"
        raise UsageError(f"unknown command {words[0]!r}; {hint}")
    options = _parser().parse_args(words[:split])
    options.args = tuple(words[split + 1:])
    return options


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP end a sweep as Ctrl-C does: everything started is ended, what was finished is reported.

    SIGINT is set as well: a shell that starts chaos in the background has it ignored, and whoever sends it then means it.
    """
    for each in INTERRUPTS:
        signal.signal(each, _interrupted_already)
    raise KeyboardInterrupt


def _interrupted_already(number: int, frame: FrameType | None) -> None:
    """Does nothing: a CI system that cancels a job sends SIGTERM some seconds after SIGINT, tox repeats what the terminal has
    sent already, a person types Ctrl-C twice. None of them means the reports that are being written. SIGQUIT is left."""


def _open_standard_streams() -> None:
    """Of a caller that closed some (``>&-``): the next file that is opened, here or in a child, would get the
    number, and our output."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):     # a log may hold what the terminal's encoding has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write_no_more() -> None:
    """What is still in the buffer of a stream that failed would fail again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status of docs/contract.md; a traceback only for a defect of chaos itself."""
    for number in INTERRUPTS:
        signal.signal(number, _interrupt)
    _open_standard_streams()
    try:
        options = _parsed(sys.argv[1:] if argv is None else argv)
        status = COMMANDS[options.command](options)
        sys.stdout.flush()      # here, where it can be told that it fails
        return status
    except UsageError as error:
        _say(error)
        return Status.USAGE
    except MissingPart as error:
        _say(error)
        return Status.UNAVAILABLE
    except KeyboardInterrupt:
        _say("interrupted")
        return Status.INTERRUPTED
    except BrokenPipeError:     # the reader of our output has gone (``chaos plan | head``): nobody is left to tell
        _write_no_more()
        return Status.INTERRUPTED
    except OSError as error:
        _write_no_more()
        _say(f"{error.filename or 'input or output'}: {error.strerror or error}")
        return Status.DEFECT
    except Exception:
        _say(f"a defect of chaos itself, not of the target; please report it with what follows\n{traceback.format_exc()}")
        return Status.DEFECT


def _say(what: object) -> None:
    """On standard error; where nobody reads that, the status still tells."""
    with contextlib.suppress(OSError):
        print(f"chaos: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
