"""An entry of a project file: which keys it may have, what is right for each, and what they make of a target. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.caseid import BACKENDS
from chaos.readiness import ReadinessError, wanted

NAMED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
"""``package.module:Qualified.name``: a callable of the target's own code."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How one backend is chosen: arguments and environment that are added."""

    backend: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """``is_right`` tells a value that is; ``right`` says in words what would be."""

    is_right: Callable[[Any], bool]
    right: str


def problems_of(entry: Mapping[str, Any]) -> list[str]:
    """All that is wrong with it, each as half a sentence."""
    found = [f"unknown key {key!r}{nearest(key, KEYS)}" for key in sorted(set(entry) - set(KEYS))]
    found += [f"{key} = {entry[key]!r}; {one.right} would be right" for key, one in KEYS.items()
              if key in entry and not one.is_right(entry[key])]
    if "command" not in entry:
        found.append("'command' is missing: a package.module:callable, a console script or a path")
    found += wrong_signs(texts(entry.get("ready")))
    found += wrong_sites(texts(entry.get("extra_sites")))
    return [*found, *_wrong_backends(entry)]


def wrong_signs(signs: Iterable[str]) -> Iterator[str]:
    for text in signs:
        try:
            wanted(text)
        except ReadinessError as error:
            yield f"ready = {error}"


def wrong_sites(sites: Iterable[str]) -> Iterator[str]:
    yield from (f"{site!r} is no site; package.module:Qualified.name would be right" for site in sites
                if not NAMED.fullmatch(site))


def _wrong_backends(entry: Mapping[str, Any]) -> Iterator[str]:
    tables = entry.get("backend", {})
    known = texts(entry.get("backends")) or BACKENDS
    for name in tables if isinstance(tables, dict) else ():
        if name not in known:
            yield f"backend.{name}: there is no such backend{nearest(name, known)}"
        elif isinstance(tables[name], dict):
            yield from (f"backend.{name}: unknown key {key!r}{nearest(key, BY_BACKEND)}"
                        for key in sorted(set(tables[name]) - set(BY_BACKEND)))
            yield from (f"backend.{name}: {key} = {tables[name][key]!r}; {KEYS[key].right} would be right"
                        for key in BY_BACKEND if key in tables[name] and not KEYS[key].is_right(tables[name][key]))
        else:
            yield f"backend.{name}: not a table; args and env would be right"


def fields_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a ``Target`` that an entry without problems sets, by name."""
    choices = tuple(Choice(name, texts(one.get("args")), _pairs(one.get("env", {})))
                    for name, one in entry.get("backend", {}).items())
    backends = texts(entry.get("backends")) or tuple(one.backend for one in choices) or ("-",)
    plain = {key: entry[key] for key in ("command", "python", "deadline_s", "config", "package", "transport_url",
                                         "real_config", "known", "log_file") if key in entry}
    return plain | {"args": texts(entry.get("args")), "env": _pairs(entry.get("env", {})), "backends": backends,
                    "workers": tuple(entry.get("workers", (1,))), "broker_wait_s": float(entry.get("broker_wait_s", 0.0)),
                    "ready": texts(entry.get("ready")), "extra_sites": texts(entry.get("extra_sites")), "choices": choices}


def texts(value: object) -> tuple[str, ...]:
    """A list of texts, or a single one; nothing for what is neither."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _pairs(table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((key, str(value)) for key, value in table.items())


def nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _are_texts(value: object) -> bool:
    return _is_text(value) or _is_list_of_texts(value)


def _are_backends(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(one in BACKENDS for one in value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_count, value))


def _are_seconds(value: object) -> bool:
    return _is_count(value) or (isinstance(value, float) and value > 0)


KEYS: dict[str, Key] = {
    "command": Key(_is_text, "a package.module:callable, a console script or a path"),
    "args": Key(lambda value: value == [] or _is_list_of_texts(value), 'a list such as ["--workers", "{workers}"]'),
    "env": Key(_is_table, "a table of texts"),
    "backends": Key(_are_backends, 'a list such as ["eventlet", "threading"]'),
    "backend": Key(_is_table, 'a table a backend, such as backend.eventlet = {env = {BACKEND = "green"}},'),
    "workers": Key(_are_counts, "a list such as [1, 2]"),
    "ready": Key(_are_texts, 'a list such as ["log: Listening at", "tcp: 127.0.0.1:{port}"]'),
    "extra_sites": Key(_are_texts, 'a list such as ["shop.db:Session.connect"]'),
    "python": Key(_is_text, "the path of a Python interpreter"),
    "deadline_s": Key(_are_seconds, "seconds above 0"),
    "config": Key(_is_text, "the text of a configuration file"),
    "package": Key(_is_text, "the name of the package whose calls into others the exhaustive loop fails"),
    "known": Key(_is_text, "the path of a file of known findings"),
    "log_file": Key(_is_text, 'the path of its log file, such as "{folder}/service.log"'),
    "transport_url": Key(_is_text, 'a transport URL such as "fake://", which {transport_url} stands for by default'),
    "broker_wait_s": Key(_are_seconds, "seconds above 0"),
    "real_config": Key(_is_text, "text that is added to config on a real transport, where waiting takes longer"),
}
"""The keys of an entry."""
BY_BACKEND = ("args", "env")
"""Those of a table below ``backend``."""
