"""The values of chaos as data that JSON can hold, and back, by their type hints. No files, no text, no judgement.

There is no schema beside the classes: the classes are the schema. That is why reading is lenient about keys only: one
that this chaos does not know is ignored (a newer one wrote it), one that is missing takes the field's default (an older
one did not have it), and everything else is a ValueError that says where.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from chaos.model import StillRunning

T = TypeVar("T")

_WRITTEN_AS = {StillRunning: {"after_s": "running_after_s"}}
"""Fields whose key is not their name: the three endings share one place, so the key must say which of them it is."""


_SHOWN = 80
"""Characters of a wrong value that an error shows: enough to recognise it, not a whole log."""


def to_data(value: object) -> Any:
    """``value`` as dicts, lists, strings, numbers, booleans and None. TypeError for what no field of chaos can hold."""
    match value:
        case enum.Enum():
            return value.value
        case None | str() | bool() | int() | float():
            return value
        case tuple() | list():
            return [to_data(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            cls = type(value)
            return {_key(cls, field.name): to_data(getattr(value, field.name)) for field in _fields(cls)}
        case _:
            raise TypeError(f"{value!r} is a {type(value).__name__}, which has no form as data")


def from_data(cls: type[T], data: object) -> T:
    """The ``cls`` that ``to_data`` wrote as ``data``; ValueError names the class and key that is missing or wrong."""
    value: T = _decode(cls, data, cls.__name__)
    return value


def _decode(hint: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, where)
    if get_origin(hint) in (Union, types.UnionType):
        return _decode_union(get_args(hint), data, where)
    if get_origin(hint) is tuple:
        return _decode_tuple(get_args(hint), data, where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _decode_enum(hint, data, where)
    return _decode_plain(hint, data, where)


def _decode_dataclass(cls: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"{where}: a {cls.__name__} is an object with keys, found {_shown(data)}")
    missing = [key for key in _required(cls) if key not in data]
    if missing:
        raise ValueError(f"{where}: {cls.__name__} lacks the key {', '.join(map(repr, missing))}")
    hints = _hints(cls)
    present = [(field.name, _key(cls, field.name)) for field in _fields(cls) if _key(cls, field.name) in data]
    return cls(**{name: _decode(hints[name], data[key], f"{where}.{key}") for name, key in present})


def _decode_union(members: tuple[Any, ...], data: Any, where: str) -> Any:
    """Which class of a union it is, the keys say: there is no tag, so exactly one class may find all it needs."""
    if data is None and type(None) in members:
        return None
    rest = [member for member in members if member is not type(None)]
    if len(rest) == 1:
        return _decode(rest[0], data, where)
    fitting = [member for member in rest if isinstance(data, dict) and _required(member) <= data.keys()]
    if len(fitting) != 1:
        wanted = ", ".join(f"{member.__name__} ({', '.join(sorted(_required(member)))})" for member in rest)
        raise ValueError(f"{where}: found {_shown(data)}, which is not exactly one of {wanted}")
    return _decode(fitting[0], data, where)


def _decode_tuple(items: tuple[Any, ...], data: Any, where: str) -> Any:
    if not isinstance(data, list | tuple):
        raise ValueError(f"{where}: a list is needed, found {_shown(data)}")
    if items[-1] is Ellipsis:
        return tuple(_decode(items[0], item, f"{where}[{number}]") for number, item in enumerate(data))
    if len(items) != len(data):
        raise ValueError(f"{where}: a list of {len(items)} is needed, found {len(data)}")
    return tuple(_decode(hint, item, f"{where}[{n}]") for n, (hint, item) in enumerate(zip(items, data, strict=True)))


def _decode_enum(cls: type[enum.Enum], data: Any, where: str) -> enum.Enum:
    known = [member for member in cls if member.value == data]
    if not known:
        raise ValueError(f"{where}: {cls.__name__} is one of {[member.value for member in cls]}, found {_shown(data)}")
    return known[0]


def _decode_plain(hint: Any, data: Any, where: str) -> Any:
    """JSON writes 10.0 and 10 alike, so a whole number is a float where one is asked for; true is never a number."""
    accepted = (int, float) if hint is float else (hint,)
    if not isinstance(data, accepted) or (isinstance(data, bool) and hint is not bool):
        raise ValueError(f"{where}: {hint.__name__} is needed, found {_shown(data)}")
    return float(data) if hint is float else data


def _key(cls: type[Any], name: str) -> str:
    return _WRITTEN_AS.get(cls, {}).get(name, name)


def _fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


@functools.cache
def _required(cls: Any) -> frozenset[str]:
    """The keys without which a ``cls`` cannot be: those of fields that have no default."""
    nothing = dataclasses.MISSING
    fields = [field for field in _fields(cls) if field.default is nothing and field.default_factory is nothing]
    return frozenset(_key(cls, field.name) for field in fields)


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
