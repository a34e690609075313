"""What a run does about the node before and after its case, with a line to the broker that only says what it was asked."""

from __future__ import annotations

import pytest

from chaos.arming import plan_text
from chaos.caseid import parse_fault
from chaos.errors import UsageError
from chaos.model import Case, Limits
from chaos.network.companion import CompanionBroke, Line, Message
from chaos.network.wire import Wire
from chaos.runner import network
from chaos.runner.facts import Facts
from chaos.runner.network import Attached
from chaos.runner.request import Network, Request

BROKER = "broker"


class NodeLine:
    """In the place of the line to the broker. ``fails``: what the node answers with an error.
    ``refuses``: what it need not do any more."""

    def __init__(self, state: str = "running", fails: str = "") -> None:
        self.state = state
        self.fails = fails
        self.refuses = ""
        self.asked: list[str] = []
        self.events: list[Message] = []

    def __enter__(self) -> NodeLine:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def hear_of(self, port: str) -> None:
        pass

    def begin(self, do: str, **words: object) -> int:
        self.asked.append(do)
        return len(self.asked)

    def answer(self, number: int) -> Message | None:
        do = self.asked[number - 1]
        if do == self.fails:
            self.fails = ""
            raise CompanionBroke(f"{do}: the node said no")
        self.state = {"start": "running", "resume": "running", "crash": "stopped"}.get(do, self.state)
        if do == self.refuses:
            raise UsageError(f"{do}: it is running")
        return {"state": self.state, "name": "borrowed-1", "began_s": 0.0, "took_s": 0.0}

    def wait_for(self, number: int, *, what: str, within_s: float = 0.0) -> Message:
        answer = self.answer(number)
        assert answer is not None
        return answer

    def ask(self, do: str, *, within_s: float = 0.0, **words: object) -> Message:
        return self.wait_for(self.begin(do, **words), what=do)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> NodeLine:
    node = NodeLine()
    monkeypatch.setattr(network, "Line", lambda folder: node if folder == BROKER else Line(folder))
    return node


def _attached(wire: Wire, text: str) -> Attached:
    faults = (parse_fault(text),)
    request = Request(case_id="", case=Case("t", "-", 1, faults), argv=(), plan=plan_text("t", faults),
                      limits=Limits(1.0, 1.0, 1.0, 1.0), folder="/a/healing")
    attached = Attached(request, Network(wire=wire.folder, caller=wire.folder, broker=BROKER, address="127.0.0.1:1",
                                         url="rabbit://{address}/{vhost}", certificates=""))
    attached.facts = Facts(faults, 0.0, titles=False)
    return attached


@pytest.mark.parametrize(("state", "heals"), [
    ("running", []), ("dead", ["state", "start", "calm"]), ("stopped", ["state", "start", "calm"]),
    ("paused", ["state", "resume", "calm"])])
def test_a_case_finds_a_node_that_runs(wire: Wire, node: NodeLine, state: str, heals: list[str]) -> None:
    """It may have ended by itself, or its last case was ended before it could heal it."""
    node.state = state
    with _attached(wire, "amqp.connect=refuse"):
        assert node.asked == ["state", *heals, "borrow"]


def test_what_another_case_has_healed_meanwhile_runs(wire: Wire, node: NodeLine) -> None:
    node.state, node.refuses = "dead", "start"
    with _attached(wire, "amqp.connect=refuse"):
        assert node.asked == ["state", "state", "start", "calm", "borrow"]


@pytest.mark.parametrize("is_healed", [False, True])
def test_a_node_that_ends_under_a_case_of_the_wire_is_no_failure_of_the_target(
        wire: Wire, node: NodeLine, is_healed: bool) -> None:
    with pytest.raises(CompanionBroke, match="ended by itself"), _attached(wire, "amqp.connect=refuse") as attached:
        node.events.append({"event": "broker", "port": "broker", "did": "died", "state": "dead", "status": 1})
        node.state = "running" if is_healed else "dead"
    assert node.asked[-1] == "drop"
    with pytest.raises(UsageError, match="no port is named"):
        wire.line.ask("lift", port=attached.name, name="0")


def test_what_went_wrong_first_is_told_and_not_the_nodes_end(wire: Wire, node: NodeLine) -> None:
    with pytest.raises(ZeroDivisionError), _attached(wire, "amqp.connect=refuse"):
        node.state = "dead"
        raise ZeroDivisionError


def test_a_case_that_breaks_the_node_may_leave_it_broken(wire: Wire, node: NodeLine) -> None:
    with _attached(wire, "broker.connect=crash"):
        assert node.state == "stopped"
    assert node.state == "running"


def test_an_error_of_the_node_is_an_answer_that_nobody_waits_for_again(wire: Wire, node: NodeLine) -> None:
    """On the way out the wait for it took longer than the host lets a supervisor live, and the node stayed as it was."""
    attached = _attached(wire, "broker.declare=crash")
    node.fails = "crash"
    with attached:
        attached._reached(0, attached.faults[0])
        attached.step(1.0)
        node.state = "stopped"
        with pytest.raises(CompanionBroke, match="said no"):
            attached.step(1.0)
        assert attached.asked is None
    assert node.asked[-4:] == ["state", "start", "calm", "drop"]


def test_an_error_that_comes_on_the_way_out_is_told_once_the_node_is_healed(wire: Wire, node: NodeLine) -> None:
    attached = _attached(wire, "broker.declare=crash")
    node.fails = "crash"
    with pytest.raises(CompanionBroke, match="said no"), attached:
        attached._reached(0, attached.faults[0])
        attached.step(1.0)
        node.state = "stopped"
    assert node.asked[-4:] == ["state", "start", "calm", "drop"]
