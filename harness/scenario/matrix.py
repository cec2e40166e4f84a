# SPDX-License-Identifier: GPL-2.0-only
"""From a matrix to its points, and from a point to the tree with ``${name}`` replaced.

The points are the product of the lists in file order, less those that an ``exclude`` entry agrees with,
plus those of ``include``. A partial point stands for every point that agrees with it; an ``include``
entry may bring values that the lists do not have.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from harness.document.nodes import REFUSED, Node, describe, listing, shown
from harness.errors import Problem, closest
from harness.scenario.language import Scalar

RESERVED = ("exclude", "include")
MAX_POINTS = 1024

Point = Mapping[str, Scalar]

_REFERENCE = re.compile(r"(?P<escape>\$\$\{)|\$\{(?P<name>[a-z][a-z0-9_-]*)\}|(?P<bad>\$\{[^}\s]*\}?)")


def points(matrix: Node | None, problems: list[Problem]) -> list[Point]:
    """The points of a matrix; one without parameters when there is no matrix, none when it is broken.

    Expects a matrix that the schema accepts and adds what the schema cannot see to ``problems``.
    """
    if matrix is None:
        return [{}]
    axes = {
        key: [_scalar(item) for item in node.items] for key, node in matrix.map.items() if key not in RESERVED
    }
    if not axes:
        problems.append(matrix.problem("an empty matrix", "names with lists of values, or no matrix"))
        return []
    if any(not values for values in axes.values()):
        return []  # the schema has said so
    before = len(problems)
    problems += _repeated(matrix, axes)
    problems += _unprintable(matrix)
    if (size := math.prod(map(len, axes.values()))) > MAX_POINTS:
        problems.append(matrix.problem(f"a matrix of {size} points", f"at most {MAX_POINTS}"))
    if len(problems) > before:
        return []
    found = _product(axes)
    for entry in _entries(matrix, "exclude"):
        problems += _unknown_names(entry, axes)
        problems += _unknown_values(entry, axes)
        kept = [point for point in found if not _agrees(point, entry)]
        if len(kept) == len(found) and len(problems) == before:
            problems.append(entry.problem("an exclude entry that no point agrees with"))
        found = kept
    for entry in _entries(matrix, "include"):
        problems += _unknown_names(entry, axes)
        found += _included(entry, axes, found, problems)
        if len(found) > MAX_POINTS:
            break
    if len(problems) > before:
        return []
    if not found:
        problems.append(matrix.problem("an empty matrix: every point is excluded", "at least one point"))
    if len(found) > MAX_POINTS:
        problems.append(matrix.problem(f"a matrix of {len(found)} points", f"at most {MAX_POINTS}"))
        return []
    return found


def _scalar(node: Node) -> Scalar:
    assert isinstance(node.value, str | int)
    return node.value


def _product(axes: Mapping[str, Sequence[Scalar]]) -> list[Point]:
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _entries(matrix: Node, key: str) -> Sequence[Node]:
    return matrix.map[key].items if key in matrix.map else []


def _agrees(point: Point, entry: Node) -> bool:
    return all(
        key in point and in_text(point[key]) == in_text(_scalar(node)) for key, node in entry.map.items()
    )


def _repeated(matrix: Node, axes: Mapping[str, Sequence[Scalar]]) -> Iterator[Problem]:
    for key in axes:
        seen = set()
        for node in matrix.map[key].items:
            text = in_text(_scalar(node))
            if text in seen:
                yield node.problem(f"{describe(node.value)} a second time in {key}", "each value once")
            seen.add(text)


def _unprintable(matrix: Node) -> Iterator[Problem]:
    """Values become parts of ids, which stand in tables, logs and on command lines."""
    for scalar in _scalars(matrix):
        if not in_text(_scalar(scalar)).isprintable():
            yield scalar.problem(describe(scalar.value), "a value of printable characters on one line")


def _unknown_names(entry: Node, axes: Mapping[str, Sequence[Scalar]]) -> Iterator[Problem]:
    for key, where in entry.keys.items():
        if key not in axes:
            yield Problem(where, f"unknown matrix name {shown(key)}", listing(axes), closest(key, axes))


def _unknown_values(entry: Node, axes: Mapping[str, Sequence[Scalar]]) -> Iterator[Problem]:
    for key, node in entry.map.items():
        texts = [in_text(value) for value in axes.get(key, ())]
        if key in axes and in_text(_scalar(node)) not in texts:
            near = closest(in_text(_scalar(node)), texts)
            yield node.problem(f"{describe(node.value)} is no value of {key}", listing(texts), near)


def _included(
    entry: Node, axes: Mapping[str, Sequence[Scalar]], present: list[Point], problems: list[Problem]
) -> list[Point]:
    lists = {key: [_scalar(entry.map[key])] if key in entry.map else values for key, values in axes.items()}
    ids = {_words(point) for point in present}
    new = [point for point in _product(lists) if _words(point) not in ids]
    if not new:
        problems.append(entry.problem("an include entry that adds no point"))
    return new


def _words(point: Point) -> tuple[str, ...]:
    return tuple(map(in_text, point.values()))


def in_text(value: Scalar) -> str:
    """A value as it stands in ids and in substituted text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def names_in(node: Node) -> frozenset[str]:
    """The names of all parameters that a tree refers to."""
    found: set[str] = set()
    for scalar in _scalars(node):
        found |= {match["name"] for match in _REFERENCE.finditer(scalar.text or "") if match["name"]}
    return frozenset(found)


def has_reference(node: Node) -> bool:
    """Whether a scalar's text is not yet what it will be."""
    return node.text is not None and _REFERENCE.search(node.text) is not None


def _scalars(node: Node) -> Iterator[Node]:
    if isinstance(node.value, list | dict):
        for child in node.items or node.map.values():
            yield from _scalars(child)
    else:
        yield node


def wrong_references(node: Node, known: Collection[str] | None) -> Iterator[Problem]:
    """References to unknown names at their own place; ``known`` None where none may stand at all."""
    for scalar in _scalars(node):
        matches = list(_REFERENCE.finditer(scalar.text or ""))
        for match in matches:
            if match["escape"] or (known is not None and match["name"] in known):
                continue
            same = [other.start() for other in matches if other[0] == match[0]]
            where = scalar.place_of(match[0], same.index(match.start()), len(same))
            if known is None:
                yield Problem(
                    where, f"the reference {shown(match[0])}", "a value that is no part of the matrix"
                )
            elif match["name"]:
                found = f"unknown parameter {shown(match['name'])}"
                expected = listing(known) if known else "a name from the matrix, but there is none"
                yield Problem(where, found, expected, closest(match["name"], known))
            else:
                found = f"the reference {shown(match[0])}"
                yield Problem(where, found, "${name}, or $${ for a ${ that the shell shall see")


def substitute(node: Node, point: Point) -> Node:
    """The tree at one point of the matrix; a value that is one whole reference takes the point's type."""
    if isinstance(node.value, list):
        return Node(node.where, [substitute(item, point) for item in node.value])
    if isinstance(node.value, dict):
        entries = {key: substitute(item, point) for key, item in node.value.items()}
        return Node(node.where, entries, node.keys)
    if not has_reference(node):
        return node
    text = node.text or ""
    names = {match["name"]: None for match in _REFERENCE.finditer(text) if match["name"]}
    if any(match["bad"] for match in _REFERENCE.finditer(text)) or not point.keys() >= names.keys():
        return Node(node.where, None, raw=node.raw, via=REFUSED)
    via = ", ".join(f"{name}={in_text(point[name])}" for name in names)
    whole = _REFERENCE.fullmatch(text)
    if whole is not None and whole["name"]:
        return Node(node.where, point[whole["name"]], raw=node.raw, via=via)

    def one(match: re.Match[str]) -> str:
        return "${" if match["escape"] else in_text(point[match["name"]])

    return Node(node.where, _REFERENCE.sub(one, text), raw=node.raw, via=via)
