"""What a person does with ``report.html``, in a real headless Chromium. ``tox run -e browser`` has what it needs, and fails
where a part is missing (CHAOS_REQUIRE_BROWSER=1); a plain pytest says by a skip what it lacks."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pages import a_page

IS_REQUIRED = os.environ.get("CHAOS_REQUIRE_BROWSER") == "1"
playwright = (importlib.import_module("playwright.sync_api") if IS_REQUIRED
              else pytest.importorskip("playwright.sync_api", reason="tox run -e browser has playwright"))
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None and not IS_REQUIRED, reason="there is no chromium on PATH")

OPENS_WITHIN_S = 2.0
HANG = "scheduler/eventlet/w2/process.fork#1=stall"


@pytest.fixture(scope="module")
def browser():  # type: ignore[no-untyped-def]
    assert CHROMIUM is not None, "there is no chromium on PATH, and CHAOS_REQUIRE_BROWSER=1"
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    return a_page(tmp_path_factory.mktemp("report")).as_uri()


class Watched:
    """A page, and everything that it did and should not have done."""

    def __init__(self, page) -> None:  # type: ignore[no-untyped-def]
        self.page = page
        self.asked: list[str] = []
        self.wrong: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self.wrong.append(message.text))
        page.on("dialog", lambda dialog: self.wrong.append(dialog.message))

    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))

    def rows(self) -> list[str]:
        return [str(row) for row in self.page.eval_on_selector_all(
            "#all-cases tbody tr", "rows => rows.filter(row => !row.hidden).map(row => row.dataset.verdict)")]


@pytest.fixture
def seen(browser, report: str) -> Iterator[Watched]:  # type: ignore[no-untyped-def]
    """The report, opened; whatever is done with it, no script fails and nothing is asked of anybody."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    watched = Watched(context.new_page())
    watched.page.goto(report)
    yield watched
    context.close()
    assert watched.wrong == []
    assert {url.partition("#")[0] for url in watched.asked} == {report}


def test_a_cell_leads_to_its_case_and_the_address_says_so(seen: Watched) -> None:
    seen.page.click(f'a.mark[title^="{HANG}:"]')
    case = seen.page.locator("section.case.here")
    assert case.locator("h3").inner_text() == HANG
    assert case.is_visible()
    top = case.evaluate("there => there.getBoundingClientRect().top")
    assert -5 < top < 400, "it was scrolled to"
    assert seen.hash().startswith("#at=case-")
    assert case.locator("details").evaluate("part => part.open")


def test_a_filter_leaves_what_fits_and_stays_in_the_address(seen: Watched) -> None:
    every = len(seen.rows())
    seen.page.select_option("select[name=verdict]", "fail")
    failing = seen.rows()
    assert 0 < len(failing) < every
    assert set(failing) == {"fail"}
    seen.page.select_option("select[name=backend]", "threading")
    assert 0 < len(seen.rows()) < len(failing)
    assert seen.hash() == "#verdict=fail&backend=threading"
    assert seen.page.inner_text("#shown") == f"{len(seen.rows())} of {every} cases"
    seen.page.reload()
    assert set(seen.rows()) == {"fail"}
    assert seen.page.input_value("select[name=backend]") == "threading"
    seen.page.click("button[type=reset]")
    playwright.expect(seen.page.locator("#all-cases tr[hidden]")).to_have_count(0)
    assert len(seen.rows()) == every


@pytest.mark.parametrize(("name", "value"), [("area", "rpc-transport"), ("site", "process.fork"), ("promise", "status")])
def test_each_filter_leaves_only_what_has_its_value(seen: Watched, name: str, value: str) -> None:
    seen.page.select_option(f"select[name={name}]", value)
    left = seen.page.eval_on_selector_all(
        "[data-verdict]:not(.mark)", f"all => all.filter(one => !one.hidden).map(one => one.dataset.{name})")
    assert left and all(value in words.split() for words in left)


def test_a_case_that_is_looked_at_keeps_the_filter_in_the_address(seen: Watched) -> None:
    seen.page.select_option("select[name=verdict]", "fail")
    seen.page.click(f'a.mark[title^="{HANG}:"]')
    address = seen.hash()
    assert address.startswith("#verdict=fail&at=case-")
    seen.page.reload()
    assert seen.page.locator("section.case.here h3").inner_text() == HANG
    assert set(seen.rows()) == {"fail"}


def test_an_address_with_a_word_that_is_no_value_shows_all(browser, report: str) -> None:  # type: ignore[no-untyped-def]
    page = browser.new_page()
    page.goto(f"{report}#verdict=%3Cscript%3E&coffee=1")
    assert page.locator("#all-cases tbody tr[hidden]").count() == 0
    page.close()


def test_the_copy_button_copies_the_command(seen: Watched) -> None:
    finding = seen.page.locator("li.finding").first
    finding.locator("button.copy").click()
    playwright.expect(finding.locator("button.copy")).to_have_text("copied")
    copied = seen.page.evaluate("navigator.clipboard.readText()")
    assert copied == finding.locator(".command").inner_text()
    assert copied.startswith("chaos repro scheduler/")


def test_a_hostile_log_is_text_and_nothing_of_it_runs(seen: Watched) -> None:
    assert seen.page.locator("section.case pre", has_text="<img src=x onerror=alert(2)>").count() > 0
    assert seen.page.locator("img, iframe, object, link").count() == 0
    assert seen.page.locator("script").count() == 1


def test_a_script_that_got_into_the_page_all_the_same_would_not_run(browser, report: str) -> None:  # type: ignore[no-untyped-def]
    context = browser.new_context()
    page = context.new_page()
    path = Path(report.removeprefix("file://")).with_name("broken.html")
    text = Path(report.removeprefix("file://")).read_text(encoding="utf-8")
    planted = "<script>window.planted = 1</script><img src=x onerror='window.planted = 2'>"
    path.write_text(text.replace("<main>", f"<main>{planted}", 1), encoding="utf-8")
    page.goto(path.as_uri())
    assert page.evaluate("window.planted") is None
    assert page.evaluate("document.querySelector('#filter').hidden") is False, "our own script does run"
    context.close()


def test_without_scripts_everything_is_there(browser, report: str) -> None:  # type: ignore[no-untyped-def]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report)
    assert not page.locator("#filter").is_visible()
    assert not page.locator("button.copy").first.is_visible()
    assert page.locator("section.case").count() > 5
    assert page.locator("section.case").last.is_visible()
    page.click(f'a.mark[title^="{HANG}:"]')
    assert page.locator("section.case:target h3").inner_text() == HANG
    context.close()


@pytest.mark.parametrize("width", [420, 1280])
def test_the_page_is_never_wider_than_the_window(browser, report: str, width: int) -> None:  # type: ignore[no-untyped-def]
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_five_thousand_cases_open_in_two_seconds(browser, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The best of three, to the moment at which the page is laid out and its script has run: the machine may be busy."""
    url = a_page(tmp_path, workers=60).as_uri()
    times = []
    for _ in range(3):
        page = browser.new_page()
        page.goto(url)
        page.evaluate("document.body.getBoundingClientRect().height")
        times.append(page.evaluate("performance.now()") / 1000)
        assert page.locator("#all-cases tbody tr").count() == 5040
        page.close()
    print(f"5,040 cases: {min(times):.2f} s")
    assert min(times) < OPENS_WITHIN_S
