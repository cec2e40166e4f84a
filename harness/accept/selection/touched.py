# SPDX-License-Identifier: GPL-2.0-only
"""What a series touches: the functions of its hunks, by the text before it and the text after it.

A hunk's own header names the function above the hunk, which need not be the one that changes; the lines do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.accept.apply import Tree
from harness.accept.coverage.join import functions
from harness.accept.diff_lines import HUNK, NEW_FILE, OLD_FILE

_NOWHERE = "/dev/null"
_CODE = frozenset({".c", ".h", ".S"})
"""Suffixes of files with functions: a document may quote one, and changes none."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines [``old``, ``old`` + ``removed``) of a file become [``new``, ``new`` + ``added``); from 1."""

    path: str
    old: int
    removed: int
    new: int
    added: int


@dataclass(frozen=True, slots=True)
class TouchedFunction:
    """A function (or macro) that some patch changes; ``name`` is empty for lines outside any."""

    path: str
    name: str
    patches: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}()" if self.name else self.path


def hunks(diff: str) -> Iterator[Hunk]:
    """Yield the hunks of a unified diff without context (``-U0``)."""
    old = path = ""
    left_old = left_new = 0
    for line in diff.splitlines():
        if left_old > 0 or left_new > 0:  # within a hunk: a removed line may look like a header
            left_old -= line.startswith("-")
            left_new -= line.startswith("+")
        elif match := OLD_FILE.match(line):
            old = match[1]
        elif match := NEW_FILE.match(line):
            path = old if match[1] == _NOWHERE else match[1]
        elif match := HUNK.match(line):
            left_old, left_new = (int(match[n]) if match[n] is not None else 1 for n in (2, 4))
            yield Hunk(path, int(match[1]), left_old, int(match[3]), left_new)


def names(hunk: Hunk, before: Mapping[int, str], after: Mapping[int, str]) -> set[str]:
    """Return the functions that a hunk changes, by the function of each line before and after.

    Where it only adds, the text after tells; where it only removes, the text before.
    """
    found = {before.get(line, "") for line in range(hunk.old, hunk.old + hunk.removed)}
    found |= {after.get(line, "") for line in range(hunk.new, hunk.new + hunk.added)}
    return found if found == {""} else found - {""}


def by_patch(patches: Iterable[tuple[int, str]], text: Callable[[int, str], str]) -> list[TouchedFunction]:
    """Return what ``patches`` (number, diff without context) touch, in the order of first mention.

    ``text(number, path)`` is a file after that patch; number 0 is the base.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for number, diff in patches:
        sides: dict[str, tuple[dict[int, str], dict[int, str]]] = {}
        for hunk in hunks(diff):
            if hunk.path not in sides:
                code = PurePosixPath(hunk.path).suffix in _CODE
                sides[hunk.path] = (
                    functions(text(number - 1, hunk.path)) if code else {},
                    functions(text(number, hunk.path)) if code else {},
                )
            for name in sorted(names(hunk, *sides[hunk.path])):
                numbers = found.setdefault((hunk.path, name), [])
                if number not in numbers:
                    numbers.append(number)
    return [TouchedFunction(path, name, tuple(numbers)) for (path, name), numbers in found.items()]


def of_tree(tree: Tree) -> list[TouchedFunction]:
    """Return what the series in ``tree`` touches."""
    commits = [tree.first, *(patch.commit for patch in tree.patches)]
    diffs = (
        (number, tree.diff(commits[number - 1], commits[number], 0)) for number in range(1, len(commits))
    )
    return by_patch(diffs, lambda number, path: tree.text_at(commits[number], path))
