"""The table of safeguards fits the sample's source; that each is caught takes minutes, and `remove_each.py`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chaos.caseid import parse_case

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "chaos" / "sample"


def _table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("safeguards_table", HERE / "table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


TABLE = _table()


@pytest.mark.parametrize("safeguard", TABLE.SAFEGUARDS, ids=lambda one: one.name)
def test_the_text_of_a_safeguard_stands_once_in_the_sample_and_compiles_without_it(safeguard: object) -> None:
    source = (SAMPLE / safeguard.file).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert source.count(safeguard.text) == 1  # type: ignore[attr-defined]
    without = source.replace(safeguard.text, safeguard.instead)  # type: ignore[attr-defined]
    assert without != source
    compile(without, safeguard.file, "exec")  # type: ignore[attr-defined]


@pytest.mark.parametrize("safeguard", TABLE.SAFEGUARDS, ids=lambda one: one.name)
def test_a_safeguard_has_a_case_that_chaos_knows_or_a_test_of_the_sample(safeguard: object) -> None:
    assert safeguard.checks or safeguard.tests  # type: ignore[attr-defined]
    for test in safeguard.tests:  # type: ignore[attr-defined]
        file, _, name = test.partition("::")
        assert f"def {name}(" in (HERE.parent / "sample" / file).read_text(encoding="utf-8")
    for check in safeguard.checks:  # type: ignore[attr-defined]
        assert parse_case(check.case).faults


def test_no_two_safeguards_have_one_name() -> None:
    names = [safeguard.name for safeguard in TABLE.SAFEGUARDS]
    assert len(names) == len(set(names))
