"""The reports of several machines as one sweep's events: the shards of one plan, judged as one run would have judged them.

It runs nothing. What only two cases together can tell (same-on-both-backends) is told again, over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaos.caseid import format_case
from chaos.errors import UsageError
from chaos.events import SHARD, CaseFinished, Event, Planned, SweepFinished, SweepStarted, VariantReady
from chaos.model import Case, Judged, Variant
from chaos.pairs import pairs_of, serving_in
from chaos.report.document import finished_of, not_run_of, started_of, variants_of
from chaos.report.jsonfile import read_cases, read_head
from chaos.sweep import as_pair, healthy


def merged(paths: Sequence[Path]) -> Iterator[Event]:
    """One sweep, from the files ``report.json`` of its shards. UsageError where they are no shards of one sweep."""
    heads = [read_head(path) for path in paths]
    yield _one_start(paths, [started_of(head) for head in heads])
    variants, ran = tuple(_variants(heads)), _ran(paths)
    yield from map(VariantReady, variants)
    yield Planned(_planned(ran, heads))
    pairs, waiting = pairs_of(ran, serving_in(variants)), dict[Case, Judged]()
    for path in paths:
        for judged in read_cases(path):
            yield CaseFinished(judged)
            yield from as_pair(pairs, waiting, judged)
    ends = [finished_of(head) for head in heads]
    yield SweepFinished(max(end.elapsed_s for end in ends), any(end.interrupted for end in ends))


def suffix_of(path: Path) -> str:
    """What the report's commands say behind the id."""
    for baseline in read_head(path)["baseline"]:
        return str(baseline["reproduce"]).removeprefix(f"chaos repro {baseline['id']}")
    return ""


def _one_start(paths: Sequence[Path], starts: Sequence[SweepStarted]) -> SweepStarted:
    first = starts[0]
    for path, start in zip(paths, starts, strict=True):
        for name in ("target", "seed", "profile", "versions"):
            if getattr(start, name) != getattr(first, name):
                raise UsageError(f"{path} is of another sweep than {paths[0]}: its {name} is {getattr(start, name)!r}, "
                                 f"not {getattr(first, name)!r}; the shards of one sweep would be right")
    return replace(first, part=_part([start.part for start in starts]))


def _part(parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What left cases out of the whole: not that it was sharded, where every shard is here."""
    every = dict.fromkeys(option for part in parts for option in part)
    shards = {option.removeprefix(SHARD) for option in every if option.startswith(SHARD)}
    counts = {shard.partition("/")[2] for shard in shards}
    all_there = len(counts) == 1 and len(shards) == int(next(iter(counts)))
    return tuple(option for option in every if not (all_there and option.startswith(SHARD)))


def _variants(heads: Sequence[Mapping[str, Any]]) -> Iterator[Variant]:
    """Each baseline once, since every shard has started them all: the first that was not healthy, which left a shard with
    no case at all, or else the first of its name."""
    found: dict[Case, Variant] = {}
    for head in heads:
        for variant in variants_of(head):
            case = variant.baseline.case
            if case not in found or (healthy(found[case]) and not healthy(variant)):
                found[case] = variant
    yield from found.values()


def _ran(paths: Sequence[Path]) -> Mapping[Case, Path]:
    """Every case and its report. UsageError for a case that two reports hold: which one is right?"""
    where: dict[Case, Path] = {}
    for path in paths:
        for judged in read_cases(path):
            if judged.case in where:
                raise UsageError(f"{format_case(judged.case)} is in {where[judged.case]} and in {path}; each case in one "
                                 "report would be right")
            where[judged.case] = path
    return where


def _planned(ran: Iterable[Case], heads: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every id, those that no shard has run last."""
    there = dict.fromkeys(map(format_case, ran))
    left = dict.fromkeys(case_id for head in heads for case_id in not_run_of(head) if case_id not in there)
    return (*there, *left)
