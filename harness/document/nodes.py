# SPDX-License-Identifier: GPL-2.0-only
"""A YAML tree in which every value knows where it stands in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import Location, Problem

Plain = None | bool | int | float | str
REFUSED = "?"
"""``Node.via`` of a value that was refused already; it counts as absent, with no more said about it."""

Value = Plain | list["Node"] | dict[str, "Node"]

_SHOWN = 60
_LISTED = 12


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value: a scalar, a list of nodes, or a mapping of strings to nodes.

    ``keys``  of a mapping: where each key stands
    ``raw``   of a scalar: its YAML text as written, from ``where`` on
    ``via``   of a substituted scalar: the matrix values that went into it, for messages
    """

    where: Location
    value: Value
    keys: Mapping[str, Location] = field(default_factory=dict)
    raw: str = ""
    via: str = ""

    def plain(self) -> Any:
        """The same data without places, for jsonschema."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value

    @property
    def map(self) -> Mapping[str, Node]:
        """The entries of a mapping; nothing for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> Sequence[Node]:
        """The items of a list; nothing for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str | None:
        """The string, or None for anything else."""
        return self.value if isinstance(self.value, str) else None

    def word(self, key: str) -> str | None:
        """The string under ``key`` of a mapping, or None when it is absent or no string."""
        child = self.map.get(key)
        return None if child is None else child.text

    def at(self, path: Iterable[str | int]) -> Node:
        """The node at a path of keys and indices."""
        node = self
        for part in path:
            node = node.items[part] if isinstance(part, int) else node.map[part]
        return node

    def place_of(self, fragment: str, nth: int, of: int) -> Location:
        """Where the ``nth`` of ``of`` occurrences of ``fragment`` stands in the file.

        Quoting and folding may hide occurrences from the raw text; then this node's own place is
        the answer.
        """
        if self.raw.count(fragment) != of:
            return self.where
        index = -1
        for _ in range(nth + 1):
            index = self.raw.index(fragment, index + 1)
        before = self.raw[:index]
        lines = before.count("\n")
        col = index - before.rfind("\n") if lines else self.where.col + index
        return Location(self.where.path, self.where.line + lines, col)

    def problem(self, found: str, expected: str = "", closest: str = "") -> Problem:
        """A defect of this value; names the matrix values that led to it."""
        if self.via:
            found += f" (with {self.via})"
        return Problem(self.where, found, expected, closest)


def shown(text: str) -> str:
    """``text`` quoted for a message, cut to a readable length."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def describe(value: object) -> str:
    """What a value is, in words: ``a list``, ``the integer 5``, ``the string 'x'``."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the integer {value}"
        case float():
            return f"the number {value}"
        case str():
            return f"the string {shown(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def listing(words: Iterable[str]) -> str:
    """``one of a, b, c``, or the word itself when there is only one."""
    known = [word if word.isprintable() else shown(word) for word in words]
    if not known:
        return "nothing here"
    if len(known) > _LISTED:
        return f"one of {', '.join(known[:_LISTED])}, … ({len(known)} in all)"
    return known[0] if len(known) == 1 else "one of " + ", ".join(known)
