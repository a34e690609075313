"""A project's own functional tests of its launcher, for testtools and stestr: what to copy. Run by ``tests/docs``.

    stestr run --concurrency 2
"""

from typing import ClassVar

import testtools

from chaos.fixtures import Chaos, Launcher, RpcFault, ServiceFault


class LauncherTestCase(testtools.TestCase):
    """What is learnt of a healthy start is shared by the tests of a class; each of stestr's workers learns it for itself."""

    chaos: ClassVar[Chaos]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.chaos = Chaos()
        cls.chaos.setUp()
        cls.addClassCleanup(cls.chaos.cleanUp)

    def launcher(self, target: str) -> Launcher:
        return self.useFixture(Launcher(target, chaos=self.chaos))


class TestScheduler(LauncherTestCase):
    def test_a_refused_broker_ends_it(self) -> None:
        launcher = self.launcher("scheduler")
        self.useFixture(RpcFault(launcher, "connect", "refuse"))
        launcher.start(backend="threading", workers=1).assert_clean_exit()

    def test_a_service_that_cannot_be_created_ends_it(self) -> None:
        launcher = self.launcher("scheduler")
        self.useFixture(ServiceFault(launcher, "create", "raise", "RuntimeError", role="parent"))
        launcher.start(backend="threading", workers=1).assert_clean_exit()


class TestNaive(LauncherTestCase):
    def test_a_start_that_fails_is_told_to_the_operator(self) -> None:
        """It is not, which is a finding: the same scheduler, started the usual way, exits 0."""
        launcher = self.launcher("naive")
        self.useFixture(ServiceFault(launcher, "start", "raise", "RuntimeError", role="parent"))
        launcher.start(backend="eventlet", workers=1).assert_clean_exit()
