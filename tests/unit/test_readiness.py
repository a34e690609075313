"""Signs of readiness as texts: what each kind takes, and what is said of one that makes no sense."""

from __future__ import annotations

import pytest

from chaos.readiness import KINDS, ReadinessError, Wanted, wanted, without


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_is_one(kind: str) -> None:
    assert wanted(KINDS[kind].example).kind == kind


@pytest.mark.parametrize(("text", "means"), [
    ("notify", Wanted("notify")),
    ("log:  Listening: at", Wanted("log", "Listening: at")),
    ("file: /var/log/x.log is ready$", Wanted("file", "/var/log/x.log", "is ready$")),
    ("file:/run/x.pid", Wanted("file", "/run/x.pid")),
    ("tcp:[::1]:80", Wanted("tcp", "[::1]:80")),
    ("tcp: 127.0.0.1:{port}", Wanted("tcp", "127.0.0.1:{port}")),
    ("http: http://127.0.0.1:{port}/a?b=c", Wanted("http", "http://127.0.0.1:{port}/a?b=c", "200")),
    ("http: http://h:65535/", Wanted("http", "http://h:65535/", "200")),
    ("http: http://h/ 503", Wanted("http", "http://h/", "503")),
    ("command: sh -c 'a b'", Wanted("command", "sh -c 'a b'")),
])
def test_a_text_means_one_sign(text: str, means: Wanted) -> None:
    assert wanted(text) == means


@pytest.mark.parametrize(("text", "says"), [
    ("htpt: x", "unknown sign of readiness 'htpt'; did you mean http?"),
    ("", "one of notify, log"),
    ("notify: x", "notify takes nothing"),
    ("log: (", "'(' is not a regular expression"),
    ("log:", "a regular expression is missing"),
    ("file:", "a path is missing"),
    ("tcp: 80", "'80' is not HOST:PORT"),
    ("tcp: h:99999", "is not HOST:PORT"),
    ("http: https://h/", "begins with http://"),
    ("http: http://h:80800/", "'http://h:80800/' holds no port from 1 to 65535; 'http: http://127.0.0.1:{port}/ 200'"),
    ("http: http://h:80x/ 200", "'http://h:80x/' holds no port from 1 to 65535"),
    ("http: http://h:0/", "holds no port"),
    ("http: http://h:{port}0/", "holds no port"),
    ("http: http://[h/", "Invalid IPv6 URL"),
    ("http: http://h/ OK", "'OK' is not an HTTP status"),
    ("command:", "a command is missing"),
    ("command: 'x", "No closing quotation"),
])
def test_what_is_no_sign_is_an_error_that_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(ReadinessError) as error:
        wanted(text)
    assert says in str(error.value)
    assert "would be right" in str(error.value) or "did you mean" in str(error.value)


def test_without_its_notify_socket_a_target_is_asked_for_its_other_signs() -> None:
    assert without(("notify", "log: up"), ["notify"]) == ("log: up",)
