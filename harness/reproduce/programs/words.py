# SPDX-License-Identifier: GPL-2.0-only
"""A text cut into words that know where they stand, and the nearest right word for a wrong one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import Location, Problem, edits

ARROW = "=>"
COMMENT = "#"
_WORD = re.compile(r"\S+")
_CLOSE = 0.45


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it begins."""

    text: str
    where: Location

    def value(self) -> Word:
        """What stands behind ``=``, with its own place."""
        key, equals, rest = self.text.partition("=")
        at = dataclasses.replace(self.where, col=self.where.col + len(key) + len(equals))
        return Word(rest, at)

    def problem(self, found: str, expected: str = "", near: str = "") -> Problem:
        """What is wrong with it."""
        return Problem(self.where, found, expected, near)


@dataclass(frozen=True, slots=True)
class ProgramLine:
    """One line: its words before ``=>``, those behind it (None: no arrow), and where it ends."""

    number: int
    words: tuple[Word, ...]
    allowed: tuple[Word, ...] | None
    end: Location


def cut(text: str, path: str) -> list[ProgramLine]:
    """All lines of a text; a word that begins with ``#`` and what follows is a comment."""
    return [_line(path, number, each) for number, each in enumerate(text.splitlines(), 1)]


def _line(path: str, number: int, text: str) -> ProgramLine:
    before: list[Word] = []
    behind: list[Word] | None = None
    col = 1
    for match in _WORD.finditer(text.replace(ARROW, f" {ARROW} ")):
        word = match.group()
        if word.startswith(COMMENT):
            break
        # Where it stands in the text as it was written, arrows without spaces included.
        col = text.index(word, col - 1) + 1
        here = Word(word, Location(path, number, col))
        col += len(word)
        if word == ARROW and behind is None:
            behind = []
        elif behind is None:
            before.append(here)
        else:
            behind.append(here)
    return ProgramLine(
        number, tuple(before), None if behind is None else tuple(behind), Location(path, number, col)
    )


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice with the fewest edits from ``word``, or an empty string when none is near.

    Stricter than ``harness.errors.closest``: most words of a program are short, and all of them known.
    """
    ranked = sorted((edits(word.lower(), each), abs(len(each) - len(word)), each) for each in set(choices))
    if not ranked or ranked[0][0] > max(1, round(len(word) * _CLOSE)):
        return ""
    return ranked[0][2]
