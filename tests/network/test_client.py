"""The proof from outside: a real call to the sample, over a real broker, from a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.errors import UsageError
from chaos.network.client import Answer, Caller
from chaos.network.tls import Trust, make_certificates
from chaos.network.wire import Wire
from network.conftest import Vhost
from processes import Deadline, below, watched

WITHIN_S = 20.0
ASK_S = 0.5
on_both_backends = pytest.mark.parametrize("backend", ["eventlet", "threading"])


@pytest.fixture
def scheduler(tmp_path: Path, deadline: Deadline) -> Iterator[object]:
    """Starts the sample on a transport URL; ended afterwards, whatever it did."""
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str, backend: str = "threading", *more: str) -> subprocess.Popen[bytes]:
        config = tmp_path / f"{len(started)}.conf"
        config.write_text(f"[DEFAULT]\ntransport_url = {url}\nstartup_deadline = 20\n" + "\n".join(more))
        started.append(subprocess.Popen([sys.executable, "-m", "chaos.sample.launcher", "--backend", backend,
                                         "--config-file", str(config)], stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for one in started:
        with watched([one.pid, *below(one.pid)]) as pidfds:
            one.send_signal(signal.SIGTERM)
            deadline.gone(pidfds[:1], "the scheduler")
        one.wait()


def _asked(caller: Caller, url: str, deadline: Deadline, **more: str) -> Answer:
    """Ask until there is an answer: a call that comes before the target listens is lost, as the protocol has it."""
    while not (answer := caller.call(url, within_s=ASK_S, **more)).came:
        deadline.left_s(f"an answer; the last was {answer}")
    return answer


@on_both_backends
def test_a_scheduler_that_serves_answers(
    scheduler: object, caller: Caller, vhost: Vhost, deadline: Deadline, backend: str
) -> None:
    scheduler(vhost.url, backend)       # type: ignore[operator]
    answer = _asked(caller, vhost.url, deadline)
    assert isinstance(answer.value, list) and len(answer.value) == 1
    assert caller.call(vhost.url, within_s=WITHIN_S).came


def test_a_scheduler_answers_through_the_proxy_and_not_through_a_black_hole(
    scheduler: object, caller: Caller, vhost: Vhost, wire: Wire, deadline: Deadline
) -> None:
    with wire.proxy("way", to=("127.0.0.1", vhost.broker.port)) as port:
        scheduler(vhost.broker.url(vhost.name, port=port.number))       # type: ignore[operator]
        _asked(caller, vhost.url, deadline)
        port.arm("hole", "blackhole")
        assert not caller.call(vhost.url, within_s=ASK_S).came
        port.lift("hole")
        _asked(caller, vhost.url, deadline)


def test_a_scheduler_answers_over_tls(
    scheduler: object, caller: Caller, vhost: Vhost, wire: Wire, deadline: Deadline, tmp_path: Path
) -> None:
    made = make_certificates(tmp_path / "tls")
    with wire.proxy("way", to=("127.0.0.1", vhost.broker.port), certificate=str(made.served[Trust.GOOD])) as port:
        url = vhost.broker.url(vhost.name, port=port.number) + "?ssl=1"
        scheduler(url, "threading", "[oslo_messaging_rabbit]", f"ssl_ca_file = {made.authority}")  # type: ignore[operator]
        assert _asked(caller, url, deadline, authority=str(made.authority)).came
        assert _asked(caller, vhost.url, deadline).came, "the same target, by the broker's own port"


def test_nobody_there_is_no_answer_by_the_deadline_and_says_why(caller: Caller, vhost: Vhost) -> None:
    began = time.monotonic()
    answer = caller.call(vhost.url, within_s=ASK_S)
    assert not answer.came and answer.value is None
    assert "MessagingTimeout" in answer.because or "no answer within 0.5 s" in answer.because, "whichever came first"
    assert time.monotonic() - began < WITHIN_S


def test_a_call_that_is_given_up_leaves_no_process(caller: Caller) -> None:
    assert not caller.call("rabbit://a:b@127.0.0.1:1/", within_s=0.2).came
    (prober,) = (pid for pid in below(os.getpid()) if caller.folder in _command(pid))
    assert not below(prober)


def test_a_prober_is_asked_to_call_and_nothing_else(caller: Caller) -> None:
    with pytest.raises(UsageError, match="the prober does call"):
        caller.line.ask("sing")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
