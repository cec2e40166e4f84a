# SPDX-License-Identifier: GPL-2.0-only
"""The shape of a document: a JSON schema over the node tree, its errors in nvh's words with their place.

A schema may say more than JSON Schema knows: ``x-expected`` is what a wrong value should have been, in
words; ``title`` is what the mapping is called; ``x-elsewhere`` maps a key that does not belong here to where
it does.
``x-one-of`` and ``x-verbs`` are those of harness/scenario/schema.json.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from harness.document.nodes import Node, describe, listing, shown
from harness.errors import Problem, closest

_GLUED = re.compile(r"([A-Za-z][\w-]*):(\S.*)")
"""A key and its value without a space between them."""
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}


def validator(schema: Mapping[str, Any]) -> Validator:
    """A validator of ``schema`` that is stricter than jsonschema's: 2.0 is no integer, ``$`` is the end."""
    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: Validator = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _pattern}, type_checker=checker
    )(schema)
    return strict


def _pattern(_: Validator, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    """Anchored as in ECMA 262: Python's ``$`` would let a newline at the end through."""
    anchored = pattern if pattern.startswith("^") and pattern.endswith("$") else f".*{pattern}.*"
    if isinstance(instance, str) and re.fullmatch(anchored, instance) is None:
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


def problems(strict: Validator, node: Node) -> list[Problem]:
    """All that is wrong with the shape of ``node`` by a ``validator``."""
    return [problem for _, problem in placed(strict, node)]


def placed(strict: Validator, node: Node) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """The same, each with the path of keys and indices of the value that is wrong."""
    errors = [each for error in strict.iter_errors(node.plain()) for each in _branch(error)]
    for defect in _telling([_defect(error) for error in errors]):
        for problem in _TRANSLATE.get(defect.keyword, _as_expected)(defect, node.at(defect.path)):
            yield defect.path, problem


def _branch(error: ValidationError) -> Iterator[ValidationError]:
    """Of alternatives the errors of the one that has the value's type; the error itself when none has."""
    words = error.schema if isinstance(error.schema, dict) else {}
    if error.validator != "anyOf" or "x-expected" in words or not error.context:
        yield error
        return
    branches: dict[int, list[ValidationError]] = {}
    for each in error.context:
        branches.setdefault(int(each.relative_schema_path[0]), []).append(each)
    here = len(error.absolute_path)
    for found in branches.values():
        if not any(each.validator == "type" and len(each.absolute_path) == here for each in found):
            yield from found
            return
    yield error


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
    unknown = {defect.path for defect in defects if defect.keyword == "additionalProperties"}
    for defect in defects:
        follows = defect.path in wrong_type and defect.keyword != "type"
        follows |= defect.path in unknown and defect.keyword == "maxProperties"
        if not follows and (defect.path not in no_verb or defect.keyword == "oneOf"):
            yield defect


def _as_expected(defect: _Defect, node: Node) -> Iterable[Problem]:
    """A value of the right type that is too long, too short, out of range or of the wrong form."""
    expected = defect.expected or _in_words(defect)
    if defect.of_key:
        key = defect.instance
        return [Problem(node.keys[key], f"the name {shown(key)}", expected)]
    found = describe(defect.instance)
    if isinstance(defect.instance, list | dict):
        count, what = len(defect.instance), "key" if isinstance(defect.instance, dict) else "item"
        found = (
            f"{found} of {count} {what}{'' if count == 1 else 's'}"
            if count
            else "an empty " + found.removeprefix("a ")
        )
    return [node.problem(found, expected)]


def _in_words(defect: _Defect) -> str:
    wanted, known = defect.wanted, list(defect.schema.get("properties", ()))
    match defect.keyword:
        case "minLength":
            return "a text that is not empty" if wanted == 1 else f"a text of {wanted} letters or more"
        case "maxLength":
            return f"a text of at most {wanted} letters"
        case "pattern":
            return f"a text of the form {wanted}"
        case "minItems":
            return f"{wanted} item or more" if wanted == 1 else f"{wanted} items or more"
        case "maxProperties":
            return f"only {listing(known)}" if known else f"at most {wanted} keys"
        case "minProperties":
            return listing(known) if known else "a key or more"
        case "minimum":
            return f"{wanted} or more"
        case "maximum":
            return f"{wanted} or less"
        case "exclusiveMinimum":
            return f"more than {wanted}"
        case "anyOf":
            kinds = [_TYPES.get(str(each.get("type")), "") for each in wanted]
            return " or ".join(dict.fromkeys(filter(None, kinds)))
    return f"{defect.keyword} {wanted}"


def _type(defect: _Defect, node: Node) -> Iterable[Problem]:
    names = [defect.wanted] if isinstance(defect.wanted, str) else list(defect.wanted)
    expected = defect.expected or " or ".join(_TYPES[name] for name in names)
    if "enum" in defect.schema:
        expected = listing(defect.schema["enum"])
    near = ""
    known = (*defect.schema.get("x-one-of", ()), *defect.schema.get("properties", ()))
    glued = _GLUED.match(defect.instance) if "object" in names and isinstance(defect.instance, str) else None
    if glued and glued[1] in known:
        near = f"{glued[1]}: {glued[2]}"
    return [node.problem(describe(defect.instance), expected, near)]


def _enum(defect: _Defect, node: Node) -> Iterable[Problem]:
    choices = [str(choice) for choice in defect.wanted]
    near = closest(str(defect.instance), choices)
    return [node.problem(describe(defect.instance), listing(choices), near)]


def _missing(defect: _Defect, node: Node) -> Iterable[Problem]:
    """jsonschema reports each missing key by itself but names it only in its message.

    A key that is nearly it is told as an unknown one, where keys can be unknown; else here.
    """
    known = defect.schema.get("properties", {})
    closed = defect.schema.get("additionalProperties") is False
    meant = {closest(key, known): key for key in defect.instance if key not in known}
    for key in defect.wanted:
        if key in defect.instance or not defect.message.startswith(repr(key)):
            continue
        if key not in meant:
            yield node.problem(f"missing key {key!r}{defect.inside}")
        elif not closed:
            wrong = meant[key]
            found = f"{shown(wrong)}{defect.inside} without {key!r}"
            yield Problem(node.keys[wrong], found, "", key)


def _dependent(defect: _Defect, node: Node) -> Iterable[Problem]:
    for key, needed in defect.wanted.items():
        for other in needed:
            if key in defect.instance and other not in defect.instance:
                yield Problem(node.keys[key], f"{key!r} without {other!r}{defect.inside}")


def _unknown(defect: _Defect, node: Node) -> Iterable[Problem]:
    known = list(defect.schema.get("properties", ()))
    elsewhere = defect.schema.get("x-elsewhere", {})
    for key in defect.instance:
        if key in known:
            continue
        found = f"unknown key {shown(key)}{defect.inside}"
        if key in elsewhere:
            yield Problem(node.keys[key], found, elsewhere[key])
        else:
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
