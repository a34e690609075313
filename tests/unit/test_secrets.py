"""Claims about canaries: the same for a case, found in every form, told without being shown, masked in what is kept."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from chaos.secrets import MARKS, MASK, UNQUOTED, canary, filled, forms, leaks, masked

CASE = "scheduler/threading/w2/service.start@worker=raise:RuntimeError"
SECRET = canary(CASE, "transport", marks=True)
TEMPLATE = "url = amqp://me:{quoted.transport}@host/\ntoken = {secret.token}\n"


def test_a_case_has_the_same_canaries_everywhere_and_another_case_has_others() -> None:
    assert filled(TEMPLATE, CASE) == filled(TEMPLATE, CASE)
    assert not set(filled(TEMPLATE, CASE)[1]) & set(filled(TEMPLATE, CASE + "x")[1])


def test_a_quoted_canary_stands_quoted_in_the_text_and_plain_in_the_list() -> None:
    text, secrets = filled(TEMPLATE, CASE)
    assert secrets[0] == SECRET and all(mark in SECRET for mark in MARKS)
    assert quote(SECRET, safe="") in text and SECRET not in text
    assert secrets[1].isalnum() and secrets[1] in text


def test_the_mistake_of_not_quoting_leaves_the_same_canary_as_it_is() -> None:
    text, secrets = filled(TEMPLATE.replace(*UNQUOTED), CASE)
    assert SECRET in text and secrets[0] == SECRET


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
def test_a_secret_inside_a_longer_text_in_base64_is_found_wherever_it_begins(before: str) -> None:
    encoded = base64.b64encode(f"{before}{SECRET}@host".encode()).decode()
    assert leaks({"the output": encoded}, [SECRET]) == ("secret 1 (base64) in the output",)
    kept = "".join(masked(encoded, [SECRET]).split(MASK))
    assert len(kept) <= len(encoded) - len(SECRET)      # more than the secret is gone: its base64 is longer than it


@pytest.mark.parametrize(("form", "text"), [
    ("plain", SECRET), ("URL-quoted", quote(SECRET, safe="")), ("URL-quoted", quote(SECRET)),
    ("a piece", f"invalid port '{SECRET.partition('/')[0]}'"),
])
def test_every_form_is_found_told_without_the_secret_and_masked(form: str, text: str) -> None:
    shown = f"first\nERROR: {text}"
    found = leaks({"the output": shown}, ["something else", SECRET])
    assert found == (f"secret 2 ({form}) in the output, line 2",)
    assert leaks({"the output": masked(shown, [SECRET])}, [SECRET]) == ()


def test_a_secret_with_a_line_end_is_found_as_repr_prints_it() -> None:
    secret = "first line\nsecond's line"
    assert leaks({"x": repr(secret)}, [secret]) == ("secret 1 (repr) in x",)


def test_what_is_short_may_stand_anywhere_by_chance() -> None:
    assert leaks({"x": "a b c 1 2 3"}, ["b c"]) == () and list(forms("b c")) == []


def test_a_clean_text_leaks_nothing_and_stays_as_it_is() -> None:
    text = "INFO ready: 2 workers serve"
    assert leaks({"x": text}, [SECRET]) == () and masked(text, [SECRET]) == text
