"""Callables of the target's own code as sites: whatever kind they are, they are counted and fail where they are called."""

from __future__ import annotations

import pytest

from chaos.arming import plan_text
from chaos.model import Fault
from inside.interpreters import CASE_ID, TOKEN, Lab

MODULE = '''
class Base:
    def __init__(self, number):
        self.number = number

    def run(self):
        return "ran"

    @classmethod
    def make(cls):
        return cls(3)

    @staticmethod
    def check():
        return "checked"


class Derived(Base):
    pass


def load():
    return Derived.make().run()
'''
SCRIPT = """
import shop, os
try:
    said = "%s, %s, %s" % (shop.load(), shop.Base.check(), type(shop.Derived(4)) is shop.Derived)
except Exception as error:
    said = "raised %s" % (error,)
os.write(1, said.encode())
"""


def _run(lab: Lab, site: str, *faults: Fault) -> str:
    lab.write("shop.py", MODULE)
    (lab.folder / "plan").write_text(plan_text(CASE_ID, faults, extra=(site,)), encoding="utf-8")
    return lab.run(SCRIPT)


@pytest.mark.parametrize(("site", "hits"), [
    ("shop:load", 1), ("shop:Base.run", 1), ("shop:Base.__init__", 2), ("shop:Derived", 2), ("shop:Derived.__init__", 2),
    ("shop:Derived.make", 1), ("shop:Base.check", 1), ("shop:Nobody.run", 0), ("shop:nothing", 0)])
def test_a_callable_that_is_named_is_counted_and_works_as_before(lab: Lab, site: str, hits: int) -> None:
    assert _run(lab, site) == "ran, checked, True"
    assert len(lab.numbers(site)) == hits


@pytest.mark.parametrize("site", ["shop:load", "shop:Base.run", "shop:Derived", "shop:Derived.make", "shop:Base.check"])
def test_a_callable_that_is_named_fails_where_it_is_called(lab: Lab, site: str) -> None:
    said = _run(lab, site, Fault(site, "raise", ("OSError", "EIO")))
    assert said == f"raised [Errno 5] Input/output error [{TOKEN}]"
