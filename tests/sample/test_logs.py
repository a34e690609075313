"""The sample's log where `log_config_append` says how to log. Each runs in a process of its own: loggers are global."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PASSWORD = "Hq7-s3cr3t"

HANDLERS_OF_A_LOGGER = """\
[loggers]
keys = root, service
[handlers]
keys = stderr, null
[formatters]
keys = plain
[logger_root]
handlers = null
[logger_service]
qualname = service
level = INFO
handlers = stderr
[handler_stderr]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[handler_null]
class = logging.NullHandler
args = ()
[formatter_plain]
format = %(levelname)s %(message)s
"""

PREPARED = """
import logging, sys
from chaos.sample.concurrency import Backend, prepare
prepare(Backend(sys.argv[1]))
from chaos.sample import config, logs
logs.set_up(config.load(sys.argv[2:]))
"""

AN_ERROR = """
try:
    raise ValueError("no user with Hq7-s3cr3t")
except ValueError:
    logging.getLogger("service.part").exception("Hq7-s3cr3t is refused")
"""

LOCKS = """
(handler,) = logging.getLogger("service").handlers
inherited = handler.lock
logs.renew_locks()
print(handler.lock is not inherited)
"""


def test_lines_of_a_logger_that_has_handlers_of_its_own_are_redacted(tmp_path: Path) -> None:
    said = _run("-c", PREPARED + AN_ERROR, "threading", *_arguments(tmp_path, HANDLERS_OF_A_LOGGER)).stderr
    assert "ERROR *** is refused" in said
    assert "ValueError: no user with ***" in said
    assert PASSWORD not in said


def test_a_forked_worker_has_locks_of_its_own_for_those_handlers_too(tmp_path: Path) -> None:
    ended = _run("-c", PREPARED + LOCKS, "eventlet", *_arguments(tmp_path, HANDLERS_OF_A_LOGGER))
    assert ended.stdout == "True\n", ended.stderr


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "No such file"), ("[loggers]\nkeys = root\n", "formatters"), ("x\n", "no section headers")]
)
def test_a_configuration_of_the_log_that_cannot_be_used_is_a_configuration_error(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    ended = _run("-m", "chaos.sample.launcher", *_arguments(tmp_path, text))
    assert ended.returncode == os.EX_CONFIG, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert str(tmp_path / "logging.conf") in line
    assert reason in line


@pytest.mark.parametrize("before", ["", "[loggers]\n"])
def test_a_line_that_is_no_option_of_the_logs_configuration_is_not_shown(tmp_path: Path, before: str) -> None:
    said = _run("-m", "chaos.sample.launcher", *_arguments(tmp_path, f"{before}token hunter2\n")).stderr
    assert "line" in said
    assert "hunter2" not in said


def test_a_bad_value_of_an_option_of_the_log_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "service.conf").write_text("[DEFAULT]\nuse_stderr = perhaps\n", encoding="utf-8")
    ended = _run("-m", "chaos.sample.launcher", "--config-file", str(tmp_path / "service.conf"))
    assert ended.returncode == os.EX_CONFIG, ended.stderr
    assert "use_stderr" in ended.stderr
    assert "perhaps" in ended.stderr


def _arguments(folder: Path, log_config: str | None) -> tuple[str, ...]:
    """What has the log set up by a file of this text, or by one that is missing."""
    if log_config is not None:
        (folder / "logging.conf").write_text(log_config, encoding="utf-8")
    url = f"fake://service:{PASSWORD}@broker/"
    return "--log-config-append", str(folder / "logging.conf"), "--transport-url", url


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60)
