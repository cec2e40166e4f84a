# SPDX-License-Identifier: GPL-2.0-only
"""Data files: YAML checked against a JSON schema, every defect with its place.

What a schema cannot say is checked by who reads the file, on the parts whose shape is right, so that one
round tells everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.document.nodes import REFUSED, Node, listing, shown
from harness.document.shape import placed, validator
from harness.document.yaml_reader import examine
from harness.errors import InputError, Problem, closest


class Document:
    """A file whose shape was looked at: its tree, what is wrong so far, and which keys that is below.

    ``see`` is the page of docs/ that describes such files.
    """

    def __init__(self, path: Path, schema: Mapping[str, Any], see: str = "") -> None:
        self.path = path
        self.see = see
        try:
            self.root, self.problems = examine(path)
        except InputError as error:
            raise InputError(error.problems, see) from None
        self._wrong: set[str] = {key for key, node in self.root.map.items() if _refused(node)}
        for where, problem in placed(validator(schema), self.root):
            if where and str(where[0]) in self._wrong:
                continue
            self.problems.append(problem)
        for where, _ in placed(validator(schema), self.root):
            self._wrong |= {str(where[0])} if where else set()

    def good(self, key: str) -> Node | None:
        """The value of a top-level key if there is one and its shape is right."""
        return None if key in self._wrong else self.root.map.get(key)

    def rows(self, key: str) -> Sequence[Node]:
        """The items of a list below a top-level key, of which the shape is right."""
        node = self.good(key)
        return () if node is None else node.items

    def refuse(self, problem: Problem) -> None:
        """Add what is wrong besides the shape."""
        self.problems.append(problem)

    def unknown(self, node: Node, what: str, known: Sequence[str]) -> None:
        """Refuse a name that is none of ``known``."""
        name = str(node.value)
        self.refuse(node.problem(f"unknown {what} {shown(name)}", listing(known), closest(name, known)))

    def checked(self) -> dict[str, Any]:
        """The data; ``InputError`` with everything that was found wrong."""
        if self.problems:
            raise InputError(list(dict.fromkeys(self.problems)), self.see)
        plain: dict[str, Any] = self.root.plain()
        return plain


def load_document(path: Path, schema: Mapping[str, Any], see: str = "") -> dict[str, Any]:
    """Return the mapping in ``path``; ``InputError`` with file:line:col for everything the schema refuses."""
    return Document(path, schema, see).checked()


def _refused(node: Node) -> bool:
    if node.via == REFUSED:
        return True
    return any(map(_refused, node.items or node.map.values()))
