"""Claims about ``report.html``."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_report_literals import (
    HOSTILE_LOG,
    LONG_LINE,
    a_baseline,
    a_hang,
    a_sweep,
    an_observation,
    evidence_of,
    feed_all,
    judged,
    results_of,
)

from chaos.caseid import format_case
from chaos.events import Event
from chaos.model import Grade, Milestone, Outcome, Proof, Variant
from chaos.report.files import Files
from chaos.report.history import Night
from chaos.report.html import MOST_SECTIONS, anchor, html_parts, policy

HANG_ID = "scheduler/eventlet/w1/service.start=stall"
IDS = [
    f"scheduler/{backend}/w{n}/service.create=raise:OSError" for backend in ("eventlet", "threading") for n in (1, 2)
]
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """What a browser would see: every tag with its attributes, whether they balance, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.told = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.told += data


def html_text(events: list[Event], suffix: str = "") -> str:
    return "".join(html_parts(results_of(events), evidence_of(events), suffix))


def a_full_sweep() -> list[Event]:
    unreached = judged("scheduler/eventlet/w1/rpc.connect=refuse", Outcome.UNREACHED, grade=Grade.UNREACHED)
    variants = [a_baseline(f"scheduler/{backend}/w1/none") for backend in ("eventlet", "threading")]
    cases = [*map(judged, IDS), unreached, a_hang(HANG_ID, HOSTILE_LOG + LONG_LINE)]
    return a_sweep(cases, variants=variants)


@pytest.fixture(scope="module")
def text() -> str:
    return html_text(a_full_sweep(), " -- --x '<y>'")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_tag_that_opens_closes(page: Page) -> None:
    assert page.open == []


def test_a_hostile_log_brings_no_element_into_the_page(page: Page) -> None:
    assert not {"img", "iframe", "link"} & {tag for tag, _ in page.tags}
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}], "our own, inline, and no other"
    assert "</script><script>alert(1)</script> <img src=x onerror=alert(2)> &amp; ]]>" in page.told
    assert "{{ 7*7 }} {% raw %}" in page.told


def test_the_page_asks_nobody_for_anything(text: str, page: Page) -> None:
    (content,) = (attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert content == policy()
    assert "default-src 'none'" in policy() and "unsafe" not in policy()
    wanted = [value for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href", "action")]
    assert all(value and value.startswith("#") for value in wanted)
    assert not re.search(r"url\(|@import|https?:", text)


def test_every_link_leads_to_a_place_of_the_page_and_no_place_is_there_twice(page: Page) -> None:
    places = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    links = [(attrs["href"] or "")[1:] for tag, attrs in page.tags if tag == "a"]
    assert set(links) <= set(places)
    assert len(places) == len(set(places))


def test_a_bad_case_has_a_section_with_its_evidence_and_one_that_passed_has_none(text: str) -> None:
    bad = judged(HANG_ID).case
    section = text.split(f'id="{anchor(bad)}"')[1].split("</section>")[0]
    for wanted in ("ready-means-ready", "configured (parent, pid 100)", "nul \\x00 bell", "in start", "chaos repro"):
        assert wanted in section
    assert anchor(judged(IDS[0]).case) not in text


def test_every_case_is_in_the_table_with_its_verdict_as_a_word(page: Page) -> None:
    table = page.told.split("All cases")[1]
    assert all(case_id in table for case_id in (*IDS, HANG_ID))
    assert table.count("pass") >= len(IDS)


def test_the_matrix_has_the_backends_side_by_side_under_each_action(text: str) -> None:
    matrix = text.split('<table class="matrix">')[1].split("</table>")[0]
    assert re.findall(r'<abbr title="(\w+)', matrix) == ["eventlet", "threading"] * 3
    assert re.findall(r'<th scope="row">([\w.]+)', matrix) == ["service.create", "service.start", "rpc.connect"]


def test_commands_carry_the_suffix_and_are_escaped(page: Page) -> None:
    assert f"chaos repro {HANG_ID} -- --x '<y>'" in page.told


def test_light_and_dark_follow_the_reader(text: str) -> None:
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (a_sweep([]), "None: no case was run."),
        (a_sweep([judged(IDS[0])]), "every promise that could be judged was kept"),
        (a_sweep([judged(IDS[0])], planned=IDS, interrupted=True), "Interrupted: 1 of 4 planned cases were finished"),
        (a_sweep([], variants=[Variant(judged("s/-/w1/none", grade=Grade.FAIL))]), "is not healthy"),
    ],
)
def test_a_sweep_without_findings_says_why_there_are_none(events: list[Event], told: str) -> None:
    assert told in html_text(events)


def test_the_file_is_utf_8_whatever_the_log_held(tmp_path: Path) -> None:
    case = judged(HANG_ID, broken=(("cause", "日本 \udc80"),), seen=an_observation(output="\udcff\ufffe"))
    feed_all(Files(tmp_path), a_sweep([case]))
    assert "日本 \\udc80" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_policy_names_the_hashes_of_what_really_stands_between_the_tags(text: str) -> None:
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy()


def test_milestones_stand_between_the_sites_that_they_come_between() -> None:
    variant = a_baseline("s/eventlet/w1/none")
    seen = replace(variant.baseline.seen, milestones=(Milestone(0.15, "configured", "parent", 1),))
    variant = replace(variant, baseline=replace(variant.baseline, seen=seen))
    cases = [judged(f"s/eventlet/w1/{site}=raise") for site in ("config.parse", "service.create", "service.start")]
    matrix = html_text(a_sweep(cases, variants=[variant])).split('class="matrix"')[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row(?:group)?"[^>]*>([^<]+)', matrix)
    assert rows == ["config.parse", "\u2014 configured \u2014", "service.create", "service.start"]


def test_cells_in_which_the_backends_differ_are_marked_without_colour_and_others_are_not() -> None:
    same = [judged(f"s/{backend}/w1/config.parse=stall") for backend in ("eventlet", "threading")]
    differ = [judged("s/eventlet/w1/service.start=stall"), a_hang("s/threading/w1/service.start=stall")]
    page = html_text(a_sweep([*same, *differ]))
    assert page.count('differs"') == 2
    assert "\\2260" in page, "a sign, and not a colour"


def test_a_bad_case_is_shown_beside_its_twin_and_beside_its_last_nights() -> None:
    cases = [judged("s/eventlet/w1/a=stall"), a_hang("s/threading/w1/a=stall")]
    before = {format_case(cases[1].case): (Outcome.STARTED, Grade.PASS)}
    nights = [Night("2026-11-21", "t", {Grade.PASS: 2}, frozenset(), before),
              Night("2026-11-22", "t", {Grade.PASS: 1, Grade.FAIL: 1}, frozenset({"gone"}))]
    events = a_sweep(cases)
    page = "".join(html_parts(results_of(events), evidence_of(events), past=nights))
    assert "eventlet beside threading" in page
    assert "eventlet: pass clean-exit" in page
    assert "2026-11-21</span> pass started" in page
    assert "2026-11-22</span> not run" in page
    assert "Since 2026-11-22 (2 cases): 1 new failures, 0 that failed do not any more, 1 that failed did not run." in page
    assert "<b>1</b> pass <span class=\"since\">(+0)" in page


def test_a_case_that_chaos_lost_is_no_difference_between_backends() -> None:
    lost = judged("s/threading/w1/a=stall", Outcome.HARNESS_ERROR, grade=Grade.UNKNOWN, note="the worker went")
    assert 'differs"' not in html_text(a_sweep([judged("s/eventlet/w1/a=stall"), lost]))


def test_the_top_of_the_page_leads_to_what_is_new_and_names_what_is_fixed() -> None:
    old, new, fixed = a_hang("s/-/w1/a=stall"), a_hang("s/-/w1/b=stall"), judged("s/-/w1/c=stall")
    failed = frozenset(format_case(one.case) for one in (old, fixed))
    events = a_sweep([old, new, fixed])
    page = "".join(html_parts(results_of(events), evidence_of(events), past=[Night("2026-11-22", "t", {}, failed)]))
    header, rest = page.split("</header>")
    place = anchor(new.case).replace("case-", "finding-")
    assert header.count('class="badge new"') == 1 and f'href="#{place}"' in header and f'id="{place}"' in rest
    assert "1 fixed" in header and "s/-/w1/c=stall" in header and "s/-/w1/a=stall" not in header


def test_warm_and_cold_stand_side_by_side_where_they_disagree_with_how_it_was_started_and_the_proof() -> None:
    seen = an_observation(started_as="cold: it confirms a warm run", proof=Proof("tree", 1.0, "nobody can wake thread 7"))
    case = judged("s/-/w1/a=stall", grade=Grade.UNKNOWN, note="they disagree", seen=seen)
    page = html_text(a_sweep([replace(case, beside=an_observation(output="the warm log"))]))
    for told in ("a cold run beside a warm one", "the warm log", "started cold: it confirms a warm run", "wake thread 7"):
        assert told in page


def test_of_many_bad_cases_the_worst_are_shown_in_full_and_the_rest_with_their_command() -> None:
    mild = [judged(f"s/eventlet/w1/a{n:03}=raise", broken=(("cause", "hidden"),)) for n in range(MOST_SECTIONS + 9)]
    worst = a_hang("s/eventlet/w1/z=stall")
    page = html_text(a_sweep([*mild, worst]))
    assert page.count('<section class="case"') == MOST_SECTIONS
    assert f'id="{anchor(worst.case)}"' in page
    left_out = f"s/eventlet/w1/a{MOST_SECTIONS + 8:03}=raise"
    assert f"{left_out}<br><code>chaos repro {left_out}</code>" in page
    assert "10 more are in the table of all cases" in page


def test_the_cause_is_marked_in_the_log() -> None:
    page = html_text(a_sweep([a_hang(HANG_ID, "INFO fine\nERROR no luck <b>\n")]))
    assert '<b class="cause">&gt; ERROR no luck &lt;b&gt;</b>' in page
