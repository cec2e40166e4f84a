# SPDX-License-Identifier: GPL-2.0-only
"""Data classes as JSON and back, for every file and message that nvh writes for itself.

A class is read as strictly as it is declared: a key too many or too few, or a value of another type is a
``ValueError`` that names the place. What JSON has no word for is declared once: ``leaf`` for a class that is
written as one word, ``family`` for classes of which a field may hold any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any, TypeVar

import cattrs
from cattrs.preconf.json import make_converter

from harness.level import Level

T = TypeVar("T")
TAG = "is"
"""The key that names the class of a member of a family."""

# The first is made faster, with which a cell's process begins; the second says what is wrong, and where.
_READER, _TELLER = (
    make_converter(
        forbid_extra_keys=True, detailed_validation=telling, unstruct_collection_overrides={Set: sorted}
    )
    for telling in (False, True)
)


def leaf(cls: type[T], write: Callable[[T], Any], read: Callable[[Any], T]) -> None:
    """Have each ``cls`` written as what ``write`` returns and made by ``read``, which may raise."""
    for converter in (_READER, _TELLER):
        converter.register_unstructure_hook(cls, write)
        converter.register_structure_hook(cls, lambda value, _: read(value))


def family(base: type) -> None:
    """Have each field declared as ``base`` hold any of its subclasses that there are now."""
    members = {each.__name__: each for each in _below(base)}
    for converter in (_READER, _TELLER):
        _family(base, members, converter)


def _family(base: type, members: dict[str, type], converter: cattrs.Converter) -> None:
    def write(value: object) -> Any:
        return {TAG: type(value).__name__, **converter.unstructure(value, type(value))}

    def read(value: Any, _: type) -> object:
        rest = dict(value)
        name = rest.pop(TAG, None)
        if name not in members:
            raise ValueError(f"{name!r} is no {base.__name__}")
        return converter.structure(rest, members[name])

    converter.register_unstructure_hook_func(lambda cls: cls is base, write)
    converter.register_structure_hook_func(lambda cls: cls is base, read)


def _below(base: type) -> Iterator[type]:
    each: type
    for each in base.__subclasses__():
        yield each
        yield from _below(each)


def to_data(value: object) -> Any:
    """Return ``value`` as what JSON knows: tuples as lists, sets sorted, enumerations as values."""
    return _READER.unstructure(value)


def from_data(cls: type[T], data: object) -> T:
    """Return the ``cls`` that ``to_data`` made ``data`` of; ``ValueError`` says where it is none."""
    try:
        return _READER.structure(data, cls)
    except Exception:
        try:
            return _TELLER.structure(data, cls)
        except cattrs.BaseValidationError as error:
            raise ValueError(
                "; ".join(cattrs.transform_error(error, path=cls.__name__, format_exception=_told))
            ) from error


def _told(error: BaseException, _: type | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown {', '.join(sorted(map(repr, error.extra_fields)))}"
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error) or repr(error)


def read_json(cls: type[T], text: str | bytes) -> T:
    """Return the ``cls`` that JSON text holds; ``ValueError`` says where it is none."""
    return from_data(cls, json.loads(text))


leaf(Path, str, Path)
leaf(Level, str, Level.parse)
