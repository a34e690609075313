"""A launcher under each CPython from 3.6 on, where chaos is not installed: baseline, sites, faults, warm start, proof."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.judge import judge
from chaos.model import Case, Fault, Hits, Judged, Outcome, Variant
from chaos.prepare import Timing, request_for, warmed
from chaos.runner.pool import Pool
from chaos.sweep import healthy, run_baselines
from chaos.target import Target
from other_pythons import PYENV, PYTHONS, VERSIONS

BASE = Case("shop", "-", 1)


def test_there_is_a_python_to_try() -> None:
    """Without this, a machine with no pyenv would run nothing here, and be green."""
    assert PYTHONS, f"no CPython {VERSIONS[0]} to {VERSIONS[-1]} below {PYENV}; `pyenv install 3.6` adds one"


@pytest.fixture(scope="module", params=PYTHONS.values(), ids=list(PYTHONS))
def known(request: pytest.FixtureRequest, monkeypatch_module: pytest.MonkeyPatch) -> Iterator[tuple[Pool, Target, Variant]]:
    """A pool, the target under one Python, and how it starts, cold and warm."""
    monkeypatch_module.chdir(Path(__file__).parent)
    target = Target("shop", "shop:main", python=request.param)
    with Pool() as pool:
        yield pool, target, next(iter(run_baselines(pool, target, [BASE], Timing(), warm=True)))


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def _run(known: tuple[Pool, Target, Variant], fault: Fault, *, as_warm: bool = False) -> Judged:
    pool, target, variant = known
    expected = variant.baseline.seen.expected
    case = Case("shop", "-", 1, (fault,))
    request = request_for(target, case, Timing(), expected)
    if as_warm:
        request = warmed(request, request_for(target, BASE, Timing(), expected), variant.warm)
    seen = pool.run_one(request)
    return Judged(case, seen, judge(case, seen))


def test_a_good_start_shows_its_sites_and_can_be_warm(known: tuple[Pool, Target, Variant]) -> None:
    _, _, variant = known
    assert healthy(variant), variant.baseline.verdict
    assert variant.warm.because == ""
    found = {(site.name, site.role) for site in variant.sites}
    assert {("thread.spawn", "parent"), ("thread.body", "parent"), ("process.fork", "parent")} <= found
    assert {process.role for process in variant.baseline.seen.processes} >= {"parent", "worker.0"}


@pytest.mark.parametrize("as_warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("site", ["thread.spawn", "process.fork", "shop:begin"])
def test_a_start_that_fails_ends_with_its_cause(known: tuple[Pool, Target, Variant], site: str, as_warm: bool) -> None:
    judged = _run(known, Fault(site, "raise", (), "parent", Hits(1, 1)), as_warm=as_warm)
    assert judged.verdict.outcome is Outcome.CLEAN_EXIT, judged.verdict
    assert judged.seen.fired[0].token in judged.seen.output
    assert judged.seen.started_as == ("warm" if as_warm else "cold")


@pytest.mark.parametrize("action", ["stall", "freeze"])
def test_a_start_that_hangs_is_proven_to_hang(known: tuple[Pool, Target, Variant], action: str) -> None:
    judged = _run(known, Fault("shop:begin", action))
    assert judged.verdict.outcome is Outcome.HANG_PROVEN, judged.verdict
    assert "begin" in judged.seen.stacks or "main" in judged.seen.stacks
