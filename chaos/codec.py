"""The values of chaos as data that JSON can hold, and back, by their type hints. No files, no text, no judgement.

There is no schema beside the classes: the classes are the schema. That is why reading is lenient about keys only: one
that this chaos does not know is ignored (a newer one wrote it), one that is missing takes the field's default (an older
one did not have it), and everything else is a ValueError that says where.

A case is some hundred values, and a sweep reads and writes each case several times: what a hint or a class asks for is
therefore worked out once, as a function, and the place of an error only when there is one.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from chaos.model import StillRunning

T = TypeVar("T")
Work = Callable[[Any], Any]

_WRITTEN_AS = {StillRunning: {"after_s": "running_after_s"}}
"""Fields whose key is not their name: the three endings share one place, so the key must say which of them it is."""


json_of: Callable[[Any], str] = json.JSONEncoder(check_circular=False).encode
"""Data as JSON. What `to_data` gives is a tree: to look for circles in it would be a third of the work."""

_SHOWN = 80
"""Characters of a wrong value that an error shows: enough to recognise it, not a whole log."""


class _Wrong(Exception):
    """What is wrong with a value; ``where`` grows on the way up, so that a value that is right costs no text."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = ""

    def inside(self, place: str) -> _Wrong:
        self.where = place + self.where
        return self


# --- writing ---------------------------------------------------------------------------------------------------------


def to_data(value: object) -> Any:
    """``value`` as dicts, lists, strings, numbers, booleans and None. TypeError for what no field of chaos can hold."""
    cls: Any = type(value)
    return _writer(cls)(value)


@functools.cache
def _writer(cls: Any) -> Work:
    """What writes the values of exactly ``cls``."""
    if issubclass(cls, enum.Enum):
        return _enum_writer(cls)
    if cls is type(None) or issubclass(cls, str | bool | int | float):
        return _as_it_is
    if issubclass(cls, tuple | list):
        return _write_items
    if dataclasses.is_dataclass(cls):
        return _object_writer(cls)
    return _refuse


def make_writers(cls: Any) -> None:
    """Work out now how the values of a class of ours are written, and those of its fields: what is forked has it then."""
    for kind in {cls, *_classes_in(cls)}:
        _writer(kind)


def _classes_in(hint: Any) -> Iterator[Any]:
    """The classes of ours in a type hint, and in the fields of these."""
    for part in get_args(hint):
        yield from _classes_in(part)
    if dataclasses.is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, enum.Enum)):
        yield hint
        for inner in get_type_hints(hint).values() if dataclasses.is_dataclass(hint) else ():
            yield from _classes_in(inner)


def _as_it_is(value: Any) -> Any:
    return value


def _enum_writer(cls: type[enum.Enum]) -> Work:
    return {member: member.value for member in cls}.__getitem__


def _write_items(values: Any) -> list[Any]:
    found = []
    for item in values:
        cls: Any = type(item)
        found.append(_writer(cls)(item))
    return found


def _object_writer(cls: Any) -> Work:
    places = tuple((_key(cls, field.name), field.name) for field in _fields(cls))

    def write(value: Any) -> dict[str, Any]:
        data = {}
        for key, name in places:
            item = getattr(value, name)
            kind: Any = type(item)
            data[key] = item if kind in _PLAIN else _writer(kind)(item)
        return data

    return write


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _refuse(value: Any) -> Any:
    raise TypeError(f"{value!r} is a {type(value).__name__}, which has no form as data")


# --- reading ---------------------------------------------------------------------------------------------------------


def from_data(cls: type[T], data: object) -> T:
    """The ``cls`` that ``to_data`` wrote as ``data``; ValueError names the class and key that is missing or wrong."""
    try:
        hint: Any = cls
        value: T = _reader(hint)(data)
    except _Wrong as error:
        raise ValueError(f"{cls.__name__}{error.where}: {error.problem}") from None
    return value


@functools.cache
def _reader(hint: Any) -> Work:
    """What reads a value of ``hint``."""
    if dataclasses.is_dataclass(hint):
        return _object_reader(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return _union_reader(get_args(hint))
    if get_origin(hint) is tuple:
        return _tuple_reader(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enum_reader(hint)
    return _plain_reader(hint)


def _object_reader(cls: Any) -> Work:
    hints = get_type_hints(cls)
    places = tuple((_key(cls, field.name), field.name, _reader(hints[field.name])) for field in _fields(cls))
    required = _required(cls)

    def read(data: Any) -> Any:
        if type(data) is not dict:
            raise _Wrong(f"a {cls.__name__} is an object with keys, found {_shown(data)}")
        if not data.keys() >= required:
            missing = [key for key, _, _ in places if key in required and key not in data]
            raise _Wrong(f"{cls.__name__} lacks the key {', '.join(map(repr, missing))}")
        found = {}
        key = ""
        try:
            for key, name, reader in places:
                if key in data:
                    found[name] = reader(data[key])
        except _Wrong as error:
            raise error.inside(f".{key}") from None
        return cls(**found)

    return read


def _union_reader(members: tuple[Any, ...]) -> Work:
    """Which class of a union it is, the keys say: there is no tag, so exactly one class may find all it needs."""
    rest = [member for member in members if member is not type(None)]
    if len(rest) == 1:
        only = _reader(rest[0])
        return lambda data: None if data is None else only(data)
    choices = [(_required(member), _reader(member)) for member in rest]

    def read(data: Any) -> Any:
        if data is None and len(rest) < len(members):
            return None
        fitting = [reader for required, reader in choices if isinstance(data, dict) and required <= data.keys()]
        if len(fitting) != 1:
            wanted = ", ".join(f"{member.__name__} ({', '.join(sorted(_required(member)))})" for member in rest)
            raise _Wrong(f"found {_shown(data)}, which is not exactly one of {wanted}")
        return fitting[0](data)

    return read


def _tuple_reader(items: tuple[Any, ...]) -> Work:
    endless = items[-1] is Ellipsis
    readers = tuple(_reader(hint) for hint in items if hint is not Ellipsis)

    def read(data: Any) -> Any:
        if not isinstance(data, list | tuple):
            raise _Wrong(f"a list is needed, found {_shown(data)}")
        if not endless and len(readers) != len(data):
            raise _Wrong(f"a list of {len(readers)} is needed, found {len(data)}")
        found: list[Any] = []
        try:
            for reader, item in zip(readers * len(data) if endless else readers, data, strict=True):
                found.append(reader(item))
        except _Wrong as error:
            raise error.inside(f"[{len(found)}]") from None
        return tuple(found)

    return read


def _enum_reader(cls: type[enum.Enum]) -> Work:
    known = {member.value: member for member in cls}

    def read(data: Any) -> Any:
        found = known.get(data) if isinstance(data, str) else None
        if found is None:
            raise _Wrong(f"{cls.__name__} is one of {list(known)}, found {_shown(data)}")
        return found

    return read


def _plain_reader(hint: Any) -> Work:
    """JSON writes 10.0 and 10 alike, so a whole number is a float where one is asked for; true is never a number."""

    def read(data: Any) -> Any:
        if type(data) is hint:
            return data
        if hint is float and type(data) is int:
            return float(data)
        raise _Wrong(f"{hint.__name__} is needed, found {_shown(data)}")

    return read


def _key(cls: Any, name: str) -> str:
    return _WRITTEN_AS.get(cls, {}).get(name, name)


def _fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


@functools.cache
def _required(cls: Any) -> frozenset[str]:
    """The keys without which a ``cls`` cannot be: those of fields that have no default."""
    nothing = dataclasses.MISSING
    fields = [field for field in _fields(cls) if field.default is nothing and field.default_factory is nothing]
    return frozenset(_key(cls, field.name) for field in fields)


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
