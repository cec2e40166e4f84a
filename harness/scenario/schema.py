# SPDX-License-Identifier: GPL-2.0-only
"""The shape of a scenario: schema.json over the node tree, its errors in nvh's words with their place."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from harness.document.nodes import Node, describe, listing, shown
from harness.errors import Problem, closest

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}


@functools.cache
def document() -> dict[str, Any]:
    """The JSON schema as shipped (draft 2020-12)."""
    loaded: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    )
    return loaded


@functools.cache
def _validator() -> Validator:
    # jsonschema takes 2.0 for an integer; nvh does not.
    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: Validator = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _pattern}, type_checker=checker
    )(document())
    return strict


def _pattern(_: Validator, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    """Anchored as in ECMA 262: Python's ``$`` would let a newline at the end through."""
    if isinstance(instance, str) and re.fullmatch(pattern, instance) is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@dataclass(frozen=True, slots=True)
class _Defect:
    """What translation needs of jsonschema's error."""

    keyword: str
    wanted: Any
    instance: Any
    schema: dict[str, Any]
    message: str
    path: tuple[str | int, ...]
    of_key: bool

    @property
    def expected(self) -> str:
        return str(self.schema.get("x-expected", ""))

    @property
    def inside(self) -> str:
        return f" in {self.schema['title']}" if "title" in self.schema else ""


def problems(node: Node, part: str = "") -> list[Problem]:
    """All that is wrong with the shape of ``node``.

    ``part`` is a path into the schema (``$defs/step``) when ``node`` is only a part of a scenario.
    """
    validator = _validator()
    if part:
        validator = validator.evolve(schema={"$ref": f"#/{part}"})
    found: list[Problem] = []
    for defect in _telling([_defect(error) for error in validator.iter_errors(node.plain())]):
        found += _TRANSLATE.get(defect.keyword, _as_expected)(defect, node.at(defect.path))
    return found


def _defect(error: ValidationError) -> _Defect:
    schema = error.schema if isinstance(error.schema, dict) else {}
    of_key = "propertyNames" in error.absolute_schema_path
    path = tuple(error.absolute_path)
    return _Defect(
        str(error.validator), error.validator_value, error.instance, schema, error.message, path, of_key
    )


def _telling(defects: list[_Defect]) -> Iterator[_Defect]:
    """Leave out what only follows from a wrong type or an unclear verb at the same place."""
    wrong_type = {defect.path for defect in defects if defect.keyword == "type"}
    no_verb = {defect.path for defect in defects if defect.keyword == "oneOf" and "x-verbs" in defect.schema}
    no_verb -= wrong_type
    for defect in defects:
        follows = defect.path in wrong_type and defect.keyword != "type"
        if not follows and (defect.path not in no_verb or defect.keyword == "oneOf"):
            yield defect


def _as_expected(defect: _Defect, node: Node) -> Iterable[Problem]:
    """A value of the right type that is too long, too short, out of range or of the wrong form."""
    expected = defect.expected or f"{defect.keyword} {defect.wanted}"
    if defect.of_key:
        key = defect.instance
        return [Problem(node.keys[key], f"the name {shown(key)}", expected)]
    found = describe(defect.instance)
    if isinstance(defect.instance, list | dict):
        count = len(defect.instance)
        found = f"{found} of {count}" if count else "an empty " + found.removeprefix("a ")
    return [node.problem(found, expected)]


def _type(defect: _Defect, node: Node) -> Iterable[Problem]:
    names = [defect.wanted] if isinstance(defect.wanted, str) else list(defect.wanted)
    expected = defect.expected or " or ".join(_TYPES[name] for name in names)
    if "enum" in defect.schema:
        expected = listing(defect.schema["enum"])
    return [node.problem(describe(defect.instance), expected)]


def _enum(defect: _Defect, node: Node) -> Iterable[Problem]:
    choices = [str(choice) for choice in defect.wanted]
    near = closest(str(defect.instance), choices)
    return [node.problem(describe(defect.instance), listing(choices), near)]


def _missing(defect: _Defect, node: Node) -> Iterable[Problem]:
    """jsonschema reports each missing key by itself but names it only in its message."""
    known = defect.schema.get("properties", {})
    misspelt = {closest(key, known) for key in defect.instance if key not in known}
    for key in defect.wanted:
        if key not in defect.instance and key not in misspelt and defect.message.startswith(repr(key)):
            yield node.problem(f"missing key {key!r}{defect.inside}")


def _dependent(defect: _Defect, node: Node) -> Iterable[Problem]:
    for key, needed in defect.wanted.items():
        for other in needed:
            if key in defect.instance and other not in defect.instance:
                yield Problem(node.keys[key], f"{key!r} without {other!r}{defect.inside}")


def _unknown(defect: _Defect, node: Node) -> Iterable[Problem]:
    known = list(defect.schema["properties"])
    for key in defect.instance:
        if key not in known:
            found = f"unknown key {shown(key)}{defect.inside}"
            yield Problem(node.keys[key], found, listing(known), closest(key, known))


def _one_of(defect: _Defect, node: Node) -> Iterable[Problem]:
    schema = defect.schema
    choices = schema["x-one-of"]
    given = [key for key in choices if key in defect.instance]
    expected = "exactly " + listing(choices)
    if len(given) > 1:
        return [Problem(node.keys[given[1]], f"both {given[0]!r} and {given[1]!r}{defect.inside}", expected)]
    for key in defect.instance:
        if near := closest(key, choices):
            if "x-verbs" not in schema:
                return []  # told as an unknown key
            return [Problem(node.keys[key], f"unknown key {shown(key)}{defect.inside}", expected, near)]
    keys = ", ".join(map(shown, list(defect.instance)[:4]))
    found = f"{schema['title']} with only {keys}" if keys else f"{schema['title']} without keys"
    return [node.problem(found, expected)]


def _unique(_: _Defect, node: Node) -> Iterable[Problem]:
    seen: set[str] = set()
    for item in node.items:
        if (word := repr(item.plain())) in seen:
            yield item.problem(f"{describe(item.value)} a second time", "each once")
        seen.add(word)


_TRANSLATE: dict[str, Callable[[_Defect, Node], Iterable[Problem]]] = {
    "type": _type,
    "enum": _enum,
    "required": _missing,
    "dependentRequired": _dependent,
    "additionalProperties": _unknown,
    "oneOf": _one_of,
    "uniqueItems": _unique,
}
