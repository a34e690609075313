"""Claims about hostile text."""

from __future__ import annotations

import unicodedata

import pytest
from rich.cells import cell_len
from test_report_literals import HOSTILE_LOG, LONG_LINE

from chaos.report.safetext import clean_lines, cleaned, clipped, for_xml, one_line, tail, wrapped

CASE_ID = "scheduler/threading/w2/process.fork@parent#1=raise:BlockingIOError:EAGAIN"


def test_no_control_character_but_the_line_end_is_left() -> None:
    left = {char for char in cleaned(HOSTILE_LOG) if unicodedata.category(char) in ("Cc", "Cf", "Cs")}
    assert left == {"\n"}


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\text", "text"),
        ("\x1b(Btext", "text"),
        ("\x1bctext", "text"),
        ("\x9b2Jtext", "text"),
        ("a\x00b", "a\\x00b"),
        ("old\rnew", "old\nnew"),
        ("a\r\nb", "a\nb"),
        ("a\tb", "a    b"),
        ("\u202eabc", "\\u202eabc"),
        ("byte \udc80", "byte \\udc80"),
        ("größe 日本", "größe 日本"),
    ],
)
def test_escape_sequences_go_and_other_controls_are_spelled_out(hostile: str, shown: str) -> None:
    assert cleaned(hostile) == shown


def test_an_unfinished_sequence_does_not_swallow_the_rest_of_the_log() -> None:
    assert cleaned("\x1b]0;never ended\nCRITICAL the cause").endswith("CRITICAL the cause")
    assert cleaned("\x1b[31;\nCRITICAL the cause").endswith("CRITICAL the cause")


def test_a_text_of_nothing_but_unfinished_sequences_is_cleaned_in_linear_time() -> None:
    assert "\x1b" not in cleaned("\x1b]" * 200_000)


def test_xml_text_holds_no_character_that_xml_forbids() -> None:
    text = for_xml(HOSTILE_LOG + "\ufffe\uffff")
    assert all(char in "\t\n\r" or 0x20 <= ord(char) < 0xD800 or 0xE000 <= ord(char) < 0xFFFE for char in text)


def test_a_clipped_line_says_how_long_it_was() -> None:
    assert clipped(LONG_LINE, limit=10) == "xxxxxxxxxx … (1000000 characters)"
    assert clipped("short") == "short"


def test_a_sentence_is_one_line() -> None:
    assert one_line("two\nlines\x1b[0m  and\ttabs") == "two lines and tabs"


def test_the_tail_is_the_last_lines_within_its_room() -> None:
    log = "\n".join(f"line {number}" for number in range(100)) + "\n\n"
    assert tail(log, lines=2, characters=1000) == "line 98\nline 99"
    assert tail(log, lines=50, characters=20) == "line 98\nline 99"


def test_the_tail_of_one_endless_line_is_its_beginning_and_not_nothing() -> None:
    shown = tail(LONG_LINE, lines=40, characters=500)
    assert shown.startswith("xxx")
    assert shown.endswith("(1000000 characters)")


def test_the_tail_of_nothing_is_nothing() -> None:
    assert tail(" \n\n", lines=5, characters=100) == ""
    assert clean_lines("") == []


@pytest.mark.parametrize("width", [1, 7, 40, 80, 200])
def test_no_wrapped_line_is_wider_than_asked(width: int) -> None:
    text = "a few words, then 日本語の長い言葉 and " + "y" * 300 + " and so on"
    first, rest = ("> ", "    ") if width > 6 else ("", "")
    lines = wrapped(text, width, first=first, rest=rest)
    assert all(cell_len(line) <= max(width, 2) for line in lines)
    assert "".join(lines).replace(" ", "").lstrip(">") == text.replace(" ", "")


def test_wrapping_keeps_the_indentation_of_a_stack() -> None:
    assert wrapped("    File x, line 3", 80, first="  ") == ["      File x, line 3"]


def test_an_endless_word_leaves_no_empty_line_before_it() -> None:
    assert wrapped("  " + "z" * 12, 10, rest="  ") == ["  zzzzzzzz", "  zzzz"]


def test_an_id_in_a_sentence_is_never_folded() -> None:
    assert CASE_ID in wrapped(f"differs from {CASE_ID} under eventlet", 40, rest="  ")[1]
