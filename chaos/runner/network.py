"""What one run has of the companions: a virtual host, a port of the proxy, what is armed on it, calls from outside.

It does what the case's faults say of wire and node, and tells ``Facts`` what fired; it starts no process and judges nothing.
The lines to the companions are this process's own. Nothing here waits once the target runs.
"""

from __future__ import annotations

import contextlib
import selectors
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from chaos.actions import UPSTREAM
from chaos.catalog import BY_NAME, By
from chaos.errors import UsageError
from chaos.model import BACK, Fault
from chaos.network.client import ARGS, METHOD, TOPIC
from chaos.network.companion import CompanionBroke, Line, Message
from chaos.network.wire import Wire
from chaos.network.words import Stream
from chaos.runner.facts import Facts
from chaos.runner.request import Network, Request

CONNECT = "rpc.connect"
"""The agent's site at which a target reaches for its broker: a refusal is the kernel's, so only this shows who met it."""
MOMENTS = {"amqp.connect": "now", "amqp.start": "before:Connection.Start", "amqp.tune": "after:Connection.Tune",
           "amqp.declare": "at:Queue.Declare", "amqp.consume": "at:Basic.Consume"}
COUNTED = {"amqp.frames": "frames", "amqp.bytes": "bytes", "amqp.seconds": "seconds"}
"""The moment is the fault's first argument."""
OF_NODE = "broker"
"""As ``broker.EVENTS``."""
REACHED = {"broker.declare": "Queue.Declare", "broker.consume": "Basic.Consume"}
PASSED = {"broker.configured": "configured", "broker.created": "service created", "broker.connected": "transport connected"}
"""The milestone at which the node breaks, in the first process that passes it."""
HELD = {"broker.configured": "now", **{site: f"at:{name}" for site, name in REACHED.items()}}
"""Where a connection is held from the start until the node is broken: that takes a while, and a quick target would be past
it."""
HELD_THEN = "broker.created"
"""Where every connection is held from the milestone on: a target may look for its broker before that."""
LATE = ("broker.connected", "broker.started", "broker.announced", "broker.ready")
"""Whoever has answered before the node broke answers anew."""
ARGUMENTS = {"latency": ("latency_s", "jitter_s", "seed"), "bandwidth": ("rate_kb_s",), "slicer": ("average_bytes",),
             "limit_data": ("bytes",), "slow_close": ("delay_s",), "timeout": ("timeout_s",), "reset_peer": ("timeout_s",)}
"""The arguments of a proxy's word that a case id gives as numbers, in their order."""
REFUSING = ("refuse", "down")
REFUSES_FOR_S = 0.3
"""A transient refusal ends so long after the last connection that it was meant for was tried: well below any retry."""
DOWN_FOR_S = 1.0
"""How long a transient fault of the node lasts."""
AFTERWARDS_S = 1.0
"""How long a target that serves is watched once its broker has gone for good, before it is told to stop."""
HEALS_WITHIN_S = 200.0
"""A node that was killed boots, on a busy machine in half a minute."""
CALL_WITHIN_S, MOST_CALL_WITHIN_S = 0.3, 2.4
"""How long a call may take, doubled with each that was in vain: a target that is slow by its fault (each connection for a
reply resolves a name, say) would answer each call just too late, and hold on to the reply that nobody waits for."""
CALL_AGAIN_S = 0.1
TELLS_WITHIN_S = 0.2
"""What fires as the target's connections close may be told a moment after the target has ended."""
ANSWERED, BEFORE = "answered", "answered before the fault"

ENDS_NODE = {"crash": "crash", "halt": "stop", "die": "kill"}
LIFTED = {"crash": "start", "halt": "start", "die": "start", "pause": "resume", "alarm": "calm"}


@dataclass(frozen=True, slots=True)
class Step:
    """Of a script of the node: ``ask`` it something, ``wait`` so many seconds, ``refuse``, ``accept``, ``hold`` all
    connections, ``release`` what is held at the moment at which it breaks, ``anew``: what was answered does not count."""

    do: str
    what: str = ""
    seconds: float = 0.0
    index: int = -1
    """The fault that has happened once this is done; -1: none."""


def script_of(index: int, fault: Fault) -> list[Step]:
    """What is done to the node for a fault, up to and including its end where it has one."""
    release = [Step("release")] if fault.site in (*HELD, HELD_THEN) else []
    begun = [Step("hold")] if fault.site == HELD_THEN else []
    begun += [Step("refuse")] if fault.action in (*ENDS_NODE, "restart") else []
    if fault.action == "restart":
        begun += [Step("ask", "restart", 0.3, index), *release, Step("accept")]
    else:
        begun += [Step("ask", ENDS_NODE.get(fault.action, fault.action), index=index), *release]
        begun += [] if fault.hits.last is None else [Step("wait", seconds=DOWN_FOR_S), *_lift(fault)]
    return [*begun, Step("anew")] if fault.site in LATE and fault.hits.last is not None else begun


def moment_of(fault: Fault) -> tuple[str, Stream, tuple[str, ...]]:
    """When a connection meets a fault of the wire, in which of its streams, and the numbers of its word."""
    is_upstream = fault.args[-1:] == (UPSTREAM,)
    stream, numbers = (Stream.UP, fault.args[:-1]) if is_upstream else (Stream.DOWN, fault.args)
    if fault.site in COUNTED:
        return f"{COUNTED[fault.site]}:{numbers[0]}", stream, numbers[1:]
    return MOMENTS[fault.site], stream, numbers


def _words_of(fault: Fault) -> dict[str, Any]:
    """What the node is told beside the word."""
    return {"what": fault.args[0] if fault.args else "memory", "on": True} if fault.action == "alarm" else {}


def _lift(fault: Fault) -> list[Step]:
    lift = [Step("ask", LIFTED[fault.action])]
    return [*lift, Step("accept")] if fault.action in ENDS_NODE else lift


class Attached:
    """Use with ``with``: entering makes all of it and arms what is there from the start; leaving closes its ports, heals
    the node and removes the virtual host."""

    def __init__(self, request: Request, network: Network) -> None:
        self.network = network
        self.name = "-".join(Path(request.folder).parts[-2:])
        self.faults = {index: fault for index, fault in enumerate(request.case.faults)
                       if fault.site in BY_NAME and BY_NAME[fault.site].by in (By.WIRE, By.NODE)}
        self.exits = contextlib.ExitStack()
        self.broker: Line | None = None
        self.refusing: set[int] = set()
        """The faults that whoever reaches for the broker meets at this moment."""
        self.script: deque[Step] = deque()
        self.asked: int | None = None
        self.waits_until_s: float | None = None
        self.timers: list[tuple[float, int]] = []
        self.call: int | None = None
        self.called_s = self.call_again_s = 0.0
        self.call_within_s = CALL_WITHIN_S
        self.seen_events = 0
        self.seen_hits = 0
        self.tries = 0
        self.reached: set[int] = set()
        self.greeted: set[int] = set()
        """The connections on which a method of AMQP was seen: what was said there was understood."""
        self.servers = request.expected.servers if request.expected else request.case.workers
        self.has_served = False
        self.vhost = ""

    # -- before the start and after the end --------------------------------------------------------------------------

    def __enter__(self) -> Attached:
        with contextlib.ExitStack() as failed:      # an error on the way closes what is there already
            failed.callback(self.exits.close)
            if self.network.broker:
                self.broker = self._line(self.network.broker)
                self.exits.callback(self._give_back)
                self.broker.hear_of(OF_NODE)
                if self.broker.ask("state")["state"] != "running":
                    _make_run(self.broker)      # nobody breaks it now: whoever does is alone
                borrowed = self.broker.begin("borrow")
            self.wire = Wire(self._line(self.network.wire), self.network.wire)
            self.caller = self._line(self.network.caller)
            host, _, number = self.network.address.rpartition(":")
            port = self.wire.proxy(self.name, to=(host, int(number)), certificate=self._certificate())
            self.port = self.exits.enter_context(port)
            if self.broker:
                self.vhost = self.broker.wait_for(borrowed, what="borrow")["name"]
            self.direct_url = self._url(self.network.address)
            self.url = self._url_for_target()
            for index, fault in self.faults.items():
                self._arm(index, fault)
            failed.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Raises CompanionBroke where the node ended under a case that has nothing to do with it."""
        with self.exits:
            if kind is None and self.broker and not self.touches_node:
                _must_have_run(self.broker)

    def _line(self, folder: str) -> Line:
        return self.exits.enter_context(Line(folder))

    def _give_back(self) -> None:
        """The node as it was, without our virtual host. An answer that is under way comes first: the node does one thing
        after the other, and what it was asked to do would undo the healing. Nobody waits for the virtual host to go."""
        assert self.broker is not None
        try:
            if self.touches_node:
                self._heal(self.broker)
        finally:
            if self.vhost:
                self.broker.begin("drop", name=self.vhost)

    def _heal(self, broker: Line) -> None:
        """Whatever comes of the answer that is under way; an error is told once the node is healed."""
        asked, self.asked = self.asked, None
        try:
            if asked is not None:
                broker.wait_for(asked, what="what the case wanted of the node", within_s=HEALS_WITHIN_S)
        finally:
            _make_run(broker)

    @property
    def touches_node(self) -> bool:
        return any(BY_NAME[fault.site].by is By.NODE for fault in self.faults.values())

    def _url(self, address: str) -> str:
        return self.network.url.replace("{address}", address).replace("{vhost}", self.vhost)

    def _url_for_target(self) -> str:
        """The proxy's port, unless a fault wants the target elsewhere."""
        number, query = self.port.number, ""
        address = f"127.0.0.1:{number}"
        for fault in self.faults.values():
            if fault.site == "amqp.peer":
                peer = self.wire.peer(f"{self.name}.peer", fault.action)
                address = f"127.0.0.1:{self.exits.enter_context(peer)}"
            elif fault.site == "amqp.hosts":
                dead = self.exits.enter_context(self.wire.proxy(f"{self.name}.dead", to=("127.0.0.1", number)))
                dead.arm("dead", "refuse")
                user = self.network.url.partition("://")[2].rpartition("@{address}")[0]
                address = f"127.0.0.1:{dead.number},{user}{'@' if user else ''}127.0.0.1:{number}"
            elif fault.site == "tls.certificate" and fault.action != "plain_text":
                query = f"?ssl=1&ssl_ca_file={self.network.certificates}/authority.pem"
        return self._url(address) + query

    def _certificate(self) -> str:
        """Of the port, where it speaks TLS to the target; "" where it does not."""
        word = next((fault.action for fault in self.faults.values() if fault.site == "tls.certificate"), "plain_port")
        name = "good" if word == "plain_text" else word
        return "" if word == "plain_port" else f"{self.network.certificates}/{name}.pem"

    def _arm(self, index: int, fault: Fault) -> None:
        if fault.site in MOMENTS or fault.site in COUNTED:
            moment, stream, numbers = moment_of(fault)
            if moment == "now" and fault.action in REFUSING:
                self.refusing.add(index)
                self.port.arm(str(index), fault.action)
                return
            args = dict(zip(ARGUMENTS.get(fault.action, ()), map(float, numbers), strict=False))
            self.wire.line.ask(
                "arm", port=self.port.name, name=str(index), word=fault.action, moment=moment, stream=stream,
                first=fault.hits.first, last=fault.hits.last, seed=int(args.pop("seed", 0)), args=args,
                lasts_s=DOWN_FOR_S if fault.action in REFUSING and fault.hits.last is not None else None)
        elif fault.site == "amqp.hosts":
            self.refusing.add(index)
        elif fault.site == "broker.connect":
            self._break_now(index, fault)
        elif fault.site in HELD:
            self.port.arm("held", "blackhole", moment=HELD[fault.site])

    def _break_now(self, index: int, fault: Fault) -> None:
        assert self.broker is not None
        self.refusing.add(index)
        if fault.action in ENDS_NODE:
            self.port.arm("node", "refuse")
        self.broker.ask(ENDS_NODE.get(fault.action, fault.action), **_words_of(fault))

    # -- while the target runs ------------------------------------------------------------------------------------

    def watch(self, selector: selectors.BaseSelector, facts: Facts) -> None:
        """From now on: what comes by the lines wakes the supervisor, and is told to ``facts``."""
        self.facts = facts
        for line in (self.wire.line, self.caller, *((self.broker,) if self.broker else ())):
            selector.register(line, selectors.EVENT_READ, lambda line=line: _hear(line))

    def step(self, now_s: float) -> None:
        """Whatever is due at this moment. Never waits."""
        self._note_answer(now_s)
        self._note_events()
        self._note_milestones()
        self._note_tries()
        for due_s, index in [timer for timer in self.timers if timer[0] <= now_s]:
            self.timers.remove((due_s, index))
            self.refusing.discard(index)
            self.port.lift(str(index))
        self._run_script(now_s)

    def _note_events(self) -> None:
        events = self.wire.line.events
        while self.seen_events < len(events):
            event = events[self.seen_events]
            self.seen_events += 1
            for index, fault in self.faults.items():
                if self._is_of(event, index, fault):
                    self._fire(index, event["at_s"], int(event["hit"] if "hit" in event else event["connection"]))
                    if fault.action in REFUSING:
                        self._refuse_for_good(index, fault)
                elif event["event"] == "reached" and event["method"] == REACHED.get(fault.site):
                    self._reached(index, fault)
            if event["event"] == "reached":
                self.greeted.add(event["connection"])

    def _is_of(self, event: Message, index: int, fault: Fault) -> bool:
        """Whether the event says that a fault took effect on a connection. Of a refusal it says only where it begins, which
        at a moment of a connection is where that connection meets it. Of a certificate, that no TLS came about by it."""
        match event["event"], fault.site:
            case "fired", "amqp.peer":
                return bool(event["port"] == f"{self.name}.peer")
            case "fired", _:
                return event["toxic"] == str(index) and bool(event["connection"])
            case "failed", "tls.certificate":
                return bool(event.get("handshake"))
            case "closed", "tls.certificate" if fault.action == "plain_port":       # where no handshake is to fail
                return event["connection"] not in self.greeted and event.get("upstream_bytes", 0) > 0
        return False

    def _reached(self, index: int, fault: Fault) -> None:
        """The moment at which the node is to break has come; later ones are held, or find it broken."""
        if index in self.reached:
            return
        self.reached.add(index)
        self.script.extend(script_of(index, fault))
        if fault.site == "broker.ready" and fault.hits.last is None:
            self.script.append(Step("wait", seconds=AFTERWARDS_S))
        elif fault.site in LATE:
            self.facts.forget_answers(BEFORE)

    def _note_milestones(self) -> None:
        for index, fault in self.faults.items():
            if index not in self.reached and fault.site in (*PASSED, *LATE) and self._has_passed(fault.site):
                self._reached(index, fault)

    def _has_passed(self, site: str) -> bool:
        if site == "broker.ready":
            return self.has_served
        if site == "broker.announced":
            return self.facts.announced_s is not None
        if site == "broker.started":
            return len(self.facts.pids_at("service started")) >= max(1, self.servers)
        return any(mile.name == PASSED[site] for mile in self.facts.milestones)

    def _note_tries(self) -> None:
        """Whoever reached for the broker while it could not be reached has met the fault."""
        hits = self.facts.hits
        while self.seen_hits < len(hits):
            hit = hits[self.seen_hits]
            self.seen_hits += 1
            if hit.site != CONNECT:
                continue
            self.tries += 1
            for index in sorted(self.refusing):
                fault = self.faults[index]
                pid = next((pid for pid, role in reversed(self.facts.roles.items()) if role == hit.role), 0)
                self.facts.fire(hit.at_s, index, fault, role=hit.role, pid=pid, number=self.tries)
                if fault.hits.last == self.tries and fault.site == "amqp.connect":
                    self.timers.append((hit.at_s + REFUSES_FOR_S, index))
                elif fault.hits.last == self.tries and fault.site == "broker.connect":
                    self.refusing.discard(index)
                    self.script.extend([Step("wait", seconds=DOWN_FOR_S), *_lift(fault)])

    def _fire(self, index: int, at: float, number: int) -> None:
        at_s = max(0.0, at - self.facts.began)
        self.facts.fire(at_s, index, self.faults[index], role="parent", pid=self.facts.root_pid, number=number)

    def _run_script(self, now_s: float) -> None:
        while self.script:
            step = self.script[0]
            match step.do:
                case "ask":
                    if not self._is_done(step):
                        return
                case "wait":
                    if self.waits_until_s is None:
                        self.waits_until_s = now_s + step.seconds
                    if now_s < self.waits_until_s:
                        return
                    self.waits_until_s = None
                case "refuse":
                    self.port.arm("node", "refuse")
                case "accept":
                    self.port.lift("node")
                case "hold":
                    self.port.arm("held", "blackhole")
                case "release":
                    self.port.lift("held")
                case "anew":
                    self.facts.forget_answers(BEFORE)
            self.script.popleft()

    def _is_done(self, step: Step) -> bool:
        """Ask the node, the first time; whether it has answered."""
        assert self.broker is not None
        if self.asked is None:
            words = {"down_s": step.seconds} if step.seconds else {}
            words |= _words_of(self.faults[step.index]) if step.index >= 0 else {}
            self.asked = self.broker.begin(step.what, **words)
            return False
        asked, self.asked = self.asked, None       # an error is an answer too, and there comes no other
        answer = self.broker.answer(asked)
        if answer is None:
            self.asked = asked
            return False
        if step.what in ("restart", *LIFTED.values()):
            self.facts.pass_milestone(BACK, 0, answer["began_s"] + answer["took_s"] - self.facts.began)
        if step.index >= 0:
            self._fire(step.index, answer["began_s"], 1)
            if step.what in ENDS_NODE.values():
                self._refuse_for_good(step.index, self.faults[step.index])
        return True

    def _refuse_for_good(self, index: int, fault: Fault) -> None:
        """Who tries again from now on meets the fault again."""
        if fault.hits.last is None:
            self.refusing.add(index)

    # -- serving ------------------------------------------------------------------------------------------------------

    def lets_it_stop(self) -> bool:
        """It serves. Whether that is all that is to be seen: not where the node is to break at this very moment, or is
        broken. From a transient fault it has to come back, and answers anew; from others only its stop is to be seen."""
        if not self.has_served:
            self.has_served = True
            self._note_milestones()
        return not self.script

    def probe(self, now_s: float) -> None:
        """Call it from outside, at the address that it said, again and again until each process has answered. That it has no
        such method is an answer too, and all that others than the sample can say."""
        if self.call is None and self.facts.unanswered() and now_s >= self.call_again_s and not self.script:
            asked = min(self.facts.unanswered() & self.facts.addresses.keys(), default=0)
            topic, exchange = self.facts.addresses.get(asked, (TOPIC, ""))
            self.called_s = now_s
            self.call = self.caller.begin("call", url=self.direct_url, topic=topic, exchange=exchange,
                                          method=METHOD, args=dict(ARGS),
                                          server="", authority="", until_s=self.call_within_s)

    def _note_answer(self, now_s: float) -> None:
        """It is noted as it comes, before anybody asks whether the target serves: nothing else may happen for the length of
        an idle look. Whoever has not answered yet is asked next, with the time that it took so far: RabbitMQ goes round."""
        found = self.caller.answer(self.call) if self.call is not None else None
        if found is None:
            return
        self.call, self.call_again_s = None, now_s + CALL_AGAIN_S
        if found["because"] and not found.get("refused"):
            self.call_within_s = min(MOST_CALL_WITHIN_S, 2 * self.call_within_s)
            return
        for pid in answering(self.facts, self.called_s):
            self.facts.pass_milestone(ANSWERED, pid, now_s)
            self.call_again_s = now_s
        if not self.facts.unanswered():
            self.call_within_s = CALL_WITHIN_S

    def last_words(self) -> None:
        """What fires while the target's connections close; for as long as a fault has not fired, and not for long."""
        for _ in range(8):
            if self.faults.keys() <= {firing.index for firing in self.facts.fired}:
                break
            self.wire.line.hear(within_s=TELLS_WITHIN_S / 8)
            self._note_events()


def answering(facts: Facts, called_s: float) -> set[int]:
    """Who has answered the call that was sent at ``called_s``, of those that had not answered before. Nobody where two have
    taken one meanwhile: one of them was late, and the next call shows which. Whoever has no RPC server can take none, and
    is taken at its brothers' word."""
    takers = facts.takers(METHOD, called_s)
    told = takers if len(takers) == 1 else set()
    return {pid for pid in facts.unanswered() if pid in told or pid not in facts.addresses}


def _make_run(broker: Line) -> None:
    """Heal the node. Whether it runs then, the last word shows: another may have healed it meanwhile."""
    state = broker.ask("state")["state"]
    with contextlib.suppress(UsageError):
        if state == "paused":
            broker.ask("resume")
        elif state != "running":
            broker.ask("start", within_s=HEALS_WITHIN_S)
    broker.ask("calm", within_s=HEALS_WITHIN_S)


def _must_have_run(broker: Line) -> None:
    """What was seen without it says nothing of the target, also where another case has had it started again since."""
    state = broker.ask("state")["state"]
    if state != "running" or any(event.get("did") == "died" for event in broker.events):
        raise CompanionBroke(f"the broker ended by itself while the case ran; now it is {state}")


def _hear(line: Line) -> None:
    while line.hear():
        pass
