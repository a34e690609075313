"""The scheduler part of the sample: inventory, placement, bounds, statuses, redaction. Starts no process."""

import base64
import dataclasses
import errno
import logging
import os
import re
import sys
import types
from pathlib import Path
from urllib.parse import quote

import pytest
from oslo_config import cfg

from chaos.sample import inventory, launcher, placement
from chaos.sample.concurrency import Backend, ConfigError, chosen, prepare
from chaos.sample.redaction import MASK, RedactingFormatter, Redactor

prepare(Backend.THREADING)  # before config and exits import oslo_messaging, which would bind oslo.service to eventlet

from chaos.sample import config, exits, reports, service  # noqa: E402  (see the line above)

SMALL = inventory.Host(name="small", zone="north", enabled=True, free_vcpus=2, free_ram_mb=2048, free_disk_gb=20)
LARGE = dataclasses.replace(SMALL, name="large", free_vcpus=16, free_ram_mb=65536, free_disk_gb=500)
SOUTH = dataclasses.replace(LARGE, name="south", zone="south", free_ram_mb=32768)
DISABLED = dataclasses.replace(LARGE, name="disabled", enabled=False, free_ram_mb=262144)
HOSTS = (SMALL, LARGE, SOUTH, DISABLED)


def test_the_same_seed_gives_the_same_hosts() -> None:
    assert inventory.generate(7, 20) == inventory.generate(7, 20)


def test_another_seed_gives_other_hosts() -> None:
    assert inventory.generate(7, 20) != inventory.generate(8, 20)


def test_no_two_hosts_have_one_name() -> None:
    assert len({host.name for host in inventory.generate(1, 200)}) == 200


def test_the_host_with_the_most_free_memory_is_best() -> None:
    assert placement.select(HOSTS, placement.Request(), 1) == ("large",)


def test_a_disabled_host_is_never_chosen() -> None:
    with pytest.raises(placement.NoValidHost):
        placement.select((DISABLED,), placement.Request(), 1)


def test_a_zone_that_is_asked_for_is_kept() -> None:
    assert placement.select(HOSTS, placement.Request(zone="south"), 1) == ("south",)


def test_periodic_tasks_that_fail_are_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def run_periodic_tasks(self, context: object) -> float:
            raise RuntimeError("no hosts")

    idle_s = service.SchedulerService._run_periodic_tasks(types.SimpleNamespace(manager=Failing()))
    assert idle_s == service.PERIODIC_S
    assert "no hosts" in caplog.text


@pytest.mark.parametrize("words", [{"vcpus": 17}, {"ram_mb": 65537}, {"disk_gb": 501}, {"zone": "nowhere"}])
def test_a_request_that_fits_nowhere_has_no_valid_host(words: dict[str, object]) -> None:
    with pytest.raises(placement.NoValidHost):
        placement.select((SMALL, LARGE, SOUTH), placement.Request.parse(words), 1)


def test_instances_of_one_request_share_what_is_free() -> None:
    assert placement.select((SMALL, SOUTH), placement.Request(ram_mb=30000), 1) == ("south",)
    with pytest.raises(placement.NoValidHost, match="1 of 2 instances fit"):
        placement.select((SMALL, SOUTH), placement.Request(ram_mb=30000), 2)


def test_equal_hosts_are_chosen_by_name_whatever_their_order() -> None:
    twins = (dataclasses.replace(LARGE, name="b"), dataclasses.replace(LARGE, name="a"))
    assert placement.select(twins, placement.Request(), 1) == placement.select(twins[::-1], placement.Request(), 1)


def test_a_bad_request_is_told_all_its_problems() -> None:
    with pytest.raises(placement.BadRequest, match=r"unknown field 'colour'; vcpus is 0.*; ram_mb is 'much'"):
        placement.Request.parse({"vcpus": 0, "ram_mb": "much", "colour": "red"})


@pytest.mark.parametrize(
    ("cpus", "open_files", "workers"), [(2, 1024, 8), (64, 1024, 64), (2, 48, 3), (1, 1, 1), (2, 10**9, 8)]
)
def test_workers_are_bounded_by_cpus_and_open_files(cpus: int, open_files: int, workers: int) -> None:
    bound = config.worker_bound(cpus, open_files)
    assert bound.workers == workers
    assert bound.reason


@pytest.mark.parametrize("count", ["0", "-1", "many", ""])
def test_a_worker_count_below_one_or_no_number_is_a_configuration_error_of_one_line(count: str) -> None:
    with pytest.raises(ConfigError, match="workers") as caught:
        config.load(["--workers", count], cfg.ConfigOpts())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["token hunter2", "hunter2", " hunter2", "= hunter2", "[hunter2", "token it's hunter2", "it's \"hunter2\""]
)
def test_a_line_that_is_no_option_is_named_by_its_number_and_not_shown(tmp_path: Path, line: str) -> None:
    (tmp_path / "file").write_text(f"[service_user]\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"file:2, .+: {re.escape(MASK)}$") as caught:
        config.load(["--config-file", str(tmp_path / "file")], cfg.ConfigOpts())
    assert "hunter2" not in str(caught.value)


def test_what_is_wrong_with_a_line_that_is_no_option_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("[service_user]\ntoken hunter2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="No ':' or '=' found in assignment"):
        config.load(["--config-file", str(tmp_path / "file")], cfg.ConfigOpts())


@pytest.mark.parametrize("option", [cfg.StrOpt("pass-word", secret=True, regex="^x"), cfg.IntOpt("pass-word", secret=True)])
def test_a_bad_value_of_a_secret_option_is_not_shown_wherever_it_stands(
    option: cfg.Opt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "OPTIONS", (*config.OPTIONS, option))
    (tmp_path / "file").write_text("[DEFAULT]\npass_word = hunter2\n  hunter2\n", encoding="utf-8")
    for arguments in (["--pass-word", "hunter2"], ["--config-file", str(tmp_path / "file")]):
        with pytest.raises(ConfigError, match=re.escape(MASK)) as caught:
            config.load(arguments, cfg.ConfigOpts())
        assert re.search("pass.word", str(caught.value))
        assert "hunter2" not in str(caught.value)


def test_what_else_is_wrong_with_a_secret_option_is_said() -> None:
    with pytest.raises(ConfigError, match="transport-url: expected one argument"):
        config.load(["--transport-url"], cfg.ConfigOpts())


def test_a_bad_value_of_any_other_option_is_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("[DEFAULT]\nworkers = many\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"workers.*many"):
        config.load(["--config-file", str(tmp_path / "file")], cfg.ConfigOpts())


def test_an_unknown_backend_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="asyncio"):
        chosen(["--backend", "asyncio"])


@pytest.mark.parametrize("password", ["s3cret-word", "pa/ss?wo#rd", "with space+plus", "quo'te\\back", "at@sign:colon"])
def test_no_form_of_a_password_survives_redaction(password: str) -> None:
    redact = Redactor.of_url(f"rabbit://scheduler:{quote(password, safe='')}@broker:5672/")
    forms = [password, quote(password), quote(password, safe=""), repr(password)[1:-1]]
    forms.append(base64.b64encode(password.encode()).decode())
    for form in forms:
        assert form not in redact(f"connecting with {form} failed")


@pytest.mark.parametrize("scheme", ["rabbit", "fake"])
@pytest.mark.parametrize("password", ["hun#ter2", "hun/ter2", "a?ter2", "12#ter2"])
def test_a_password_that_nobody_quoted_is_a_configuration_error_that_shows_no_piece_of_it(
    scheme: str, password: str
) -> None:
    message = _complaint(f"{scheme}://scheduler:{password}@broker/")
    assert "must be quoted" in message
    assert not {"hun", "'a'", "12", "ter2"} & set(re.split(r"[ :;]", message))


@pytest.mark.parametrize("scheme", ["rabbit", "kombu", "kombu+amqp"])
def test_a_slash_in_a_rabbit_password_is_a_configuration_error_even_when_it_is_quoted(scheme: str) -> None:
    assert "takes no /" in _complaint(f"{scheme}://scheduler:hun%2Fter2@broker/")


@pytest.mark.parametrize("scheme", ["fake", "kafka", "kombus"])
def test_another_drivers_broker_is_not_taken_for_rabbits(scheme: str) -> None:
    assert not config.is_rabbit(f"{scheme}://scheduler:hunter2@rabbit/")


def test_a_slash_that_is_quoted_passes_for_another_driver() -> None:
    config.check_transport_url(_configuration("fake://scheduler:hun%2Fter2@broker/"))


def _complaint(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.check_transport_url(_configuration(url))
    return str(caught.value)


def _configuration(url: str) -> cfg.ConfigOpts:
    return config.load(["--transport-url", url], cfg.ConfigOpts())


def test_every_host_of_a_url_has_its_password_redacted() -> None:
    redact = Redactor.of_url("rabbit://a:first-one@one:5672,b:second-one@two:5672/")
    assert redact("first-one second-one") == f"{MASK} {MASK}"


def test_a_traceback_is_redacted_like_its_message() -> None:
    assert "s3cret-word" not in _redacting().format(_record_of_an_error())


def test_a_traceback_that_is_kept_for_the_journal_is_redacted_too() -> None:
    record = _record_of_an_error()
    _redacting().format(record)
    assert record.exc_text is not None
    assert f"ValueError: {MASK}" in record.exc_text
    assert "s3cret-word" not in record.exc_text


def _redacting() -> RedactingFormatter:
    return RedactingFormatter(logging.Formatter("%(message)s"), Redactor.of_url("rabbit://u:s3cret-word@h/"))


def _record_of_an_error() -> logging.LogRecord:
    error = ValueError("s3cret-word")
    return logging.LogRecord("x", logging.ERROR, "x", 1, "oops", None, (ValueError, error, None))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("x"), os.EX_CONFIG),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), os.EX_UNAVAILABLE),
        (BlockingIOError(errno.EAGAIN, "x"), os.EX_TEMPFAIL),
        (OSError(errno.EMFILE, "x"), os.EX_TEMPFAIL),
        (OSError(errno.EACCES, "x"), os.EX_OSERR),
        (MemoryError(), os.EX_TEMPFAIL),
        (TimeoutError("of a library"), os.EX_UNAVAILABLE),
        (exits.OutOfTime("of ours"), os.EX_TEMPFAIL),
        (RuntimeError("can't start new thread"), os.EX_TEMPFAIL),
        (RuntimeError("x"), os.EX_SOFTWARE),
        (SystemExit(3), 3),
        (SystemExit(0), os.EX_SOFTWARE),
        (SystemExit("text"), os.EX_SOFTWARE),
        (SystemExit(256), os.EX_SOFTWARE),
    ],
)
def test_an_error_has_a_telling_status_and_none_has_zero(error: BaseException, status: int) -> None:
    assert exits.status_of(error) == status


def test_a_report_is_one_line_that_is_written_whole_however_long_its_reason() -> None:
    report = reports.Report(reports.Word.FAILED, 12, 70, "first\nsecond " + "x" * 10_000)
    line = report.encode()
    assert line.count(b"\n") == 1
    assert len(line) <= reports.MAX_BYTES
    assert reports.Report.decode(line[:-1]).reason.startswith("first second xxx")


def test_a_password_on_the_command_line_is_not_left_in_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """cotyledon makes process titles of them. The title of this process is not touched: there is no setproctitle here."""
    url = "rabbit://a:first-one@one:5672/"
    monkeypatch.setitem(sys.modules, "setproctitle", None)
    monkeypatch.setattr(sys, "argv", ["launcher", "--transport-url", url])
    launcher.hide_secrets_of_arguments(Redactor.of_url(url))
    assert sys.argv == ["launcher", "--transport-url", f"rabbit://{MASK}@one:5672/"]
