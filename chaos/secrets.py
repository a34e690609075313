"""Canary secrets: made for a case from its id, looked for in everything that a run shows, and masked in what chaos keeps.

A canary is a password that nobody uses and that nothing else looks like, so that finding it anywhere is a leak and
never chance. Pure, but for Faker, which is seeded: the same case has the same canaries everywhere.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from faker import Faker

MARKS = "/#?@:%"
"""What a password may hold and a URL may not: each has broken a parser somewhere, and was then printed as the cause."""

UNQUOTED = ("{quoted.", "{marked.")
"""What turns a template into one with the mistake that people make: the password stands in the URL as it is."""

MARK = re.compile(f"[{re.escape(MARKS)}]")
PLACEHOLDER = re.compile(r"\{(secret|quoted|marked)\.([a-z_]+)\}")
MASK = "***"
SHORTEST = 6
"""A shorter text may stand anywhere by chance; it is not looked for."""


def filled(template: str, case_id: str) -> tuple[str, tuple[str, ...]]:
    """``template`` with its placeholders filled, and the secrets that are now in it, as they are (not as quoted).

    ``{secret.NAME}`` becomes a password of letters and digits, ``{quoted.NAME}`` one with marks in it, URL-quoted as it
    should be: a target that prints it unquoted leaks it all the same. ``{marked.NAME}`` is the same one, not quoted.
    """
    found: dict[str, None] = {}

    def fill(match: re.Match[str]) -> str:
        kind, name = match.groups()
        secret = canary(case_id, name, marks=kind != "secret")
        found[secret] = None
        return quote(secret, safe="") if kind == "quoted" else secret

    return PLACEHOLDER.sub(fill, template), tuple(found)


def canary(case_id: str, name: str, *, marks: bool) -> str:
    """The secret called ``name`` of a case: 20 letters and digits, with the six marks in between if asked for."""
    fake = _faker()
    fake.seed_instance(int.from_bytes(hashlib.sha256(f"{case_id} {name}".encode()).digest()[:8], "big"))
    word: str = fake.password(length=20, special_chars=False)
    if not marks:
        return word
    return "".join(letters + mark for letters, mark in zip(_pieces(word), (*MARKS, ""), strict=True))


@functools.cache
def _faker() -> Faker:
    """One for all, seeded anew for each secret: to make one takes milliseconds."""
    from faker import Faker  # 0.2 s of import that only a target with secrets needs

    return Faker()


def _pieces(word: str) -> list[str]:
    """Seven pieces of a word of 20 letters; the first is long enough to be looked for on its own."""
    return [word[:8], *(word[start:start + 2] for start in range(8, 20, 2))]


@cache
def forms(secret: str) -> tuple[tuple[str, str], ...]:
    """The ways in which a secret may be printed: (name of the form, text), each text once, longest first."""
    found: dict[str, str] = {}
    for name, text in _forms(secret):
        if len(text) >= SHORTEST:
            found.setdefault(text, name)
    return tuple((found[text], text) for text in sorted(found, key=len, reverse=True))


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    yield "plain", secret
    yield "URL-quoted", quote(secret, safe="")
    yield "URL-quoted", quote_plus(secret)
    yield "URL-quoted", quote(secret)
    yield "repr", repr(secret)[1:-1]
    yield "repr", json.dumps(secret)[1:-1]
    for offset in range(3):
        yield "base64", _in_base64(secret, offset)
    yield "base64", base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")[:-1]
    for piece in MARK.split(secret):
        if piece != secret and len(piece) >= SHORTEST:
            yield "a piece", piece


def _in_base64(secret: str, offset: int) -> str:
    """The characters that ``secret`` alone decides when it stands ``offset`` bytes (modulo 3) into what is encoded."""
    encoded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
    first = (offset * 8 + 5) // 6
    whole = (offset + len(secret.encode())) * 8 // 6
    return encoded[first:whole]


def leaks(texts: Mapping[str, str], secrets: Iterable[str]) -> tuple[str, ...]:
    """Where which secret stands, without saying it: ``secret 1 (base64) in the output, line 12``."""
    found = []
    for number, secret in enumerate(secrets, 1):
        for where, text in texts.items():
            form = next(((name, spot) for name, form in forms(secret) if (spot := text.find(form)) >= 0), None)
            if form is not None:
                line = text.count("\n", 0, form[1]) + 1
                found.append(f"secret {number} ({form[0]}) in {where}" + (f", line {line}" if "\n" in text else ""))
    return tuple(found)


def masked(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every form of every secret replaced: what chaos writes must not leak what it looks for."""
    for secret in secrets:
        for _, form in forms(secret):
            text = text.replace(form, MASK)
    return text
