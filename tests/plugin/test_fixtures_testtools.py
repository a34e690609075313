"""chaos for users of testtools and stestr: the faults as ``fixtures.Fixture`` classes, without pytest.

    python -m testtools.run tests.plugin.test_fixtures_testtools
"""

from typing import ClassVar

import testtools

from chaos.fixtures import AnyFault, BrokenPromise, Chaos, Launcher, NeverHappened, RpcFault, ServiceFault, ThreadFault


class TestScheduler(testtools.TestCase):
    """A project's own test of its launcher: what is learnt of it is shared by the tests of the class."""

    chaos: ClassVar[Chaos]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.chaos = Chaos()
        cls.chaos.setUp()
        cls.addClassCleanup(cls.chaos.cleanUp)

    def setUp(self) -> None:
        super().setUp()
        self.launcher = self.useFixture(Launcher("scheduler", chaos=self.chaos))

    def test_a_refused_broker_ends_the_scheduler(self) -> None:
        self.useFixture(RpcFault(self.launcher, "connect", "refuse"))
        run = self.launcher.start(backend="threading", workers=1)
        run.assert_clean_exit()
        self.assertEqual([], run.broken)

    def test_a_fault_is_armed_only_while_its_fixture_is_set_up(self) -> None:
        with ThreadFault(self.launcher, "timer.add", "raise", "RuntimeError", hits=1):
            self.launcher.start(backend="threading", workers=1).assert_clean_exit()
        self.launcher.start(backend="threading", workers=1).assert_started()

    def test_a_claim_that_does_not_hold_is_an_assertion_error_that_says_what_happened(self) -> None:
        self.useFixture(ServiceFault(self.launcher, "create", "raise", "RuntimeError", role="parent"))
        run = self.launcher.start(backend="threading", workers=1)
        error = self.assertRaises(BrokenPromise, run.assert_recovered)
        self.assertIn("clean-exit (exit status", str(error))
        self.assertIn("again: chaos repro scheduler/threading/w1/service.create@parent=raise:RuntimeError", str(error))


class TestWhatProvesNothing(testtools.TestCase):
    """No process is started here."""

    def test_a_fault_under_which_nothing_is_started_fails_the_test(self) -> None:
        launcher = Launcher()
        launcher.setUp()
        with AnyFault(launcher, "rpc.connect#1=refuse"):
            pass
        error = self.assertRaises(NeverHappened, launcher.cleanUp)
        self.assertIn("rpc.connect#1=refuse", str(error))
