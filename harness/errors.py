# SPDX-License-Identifier: GPL-2.0-only
"""The three roots of every error nvh raises on purpose.

``UserError``   the input is wrong or something on the machine is missing; the message says what to do.
``InfraError``  nvh or its host failed before the question was asked.
``Broken``      what is under test broke, a kernel or the model: that is an answer, and a bad one.

Anything else that escapes is a bug in nvh and is shown with its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

EXIT_PASS = 0
EXIT_RED = 1
EXIT_USER = 2
EXIT_INFRA = 3


class NvhError(Exception):
    """Common base; never raised itself."""

    exit_status = EXIT_INFRA


class UserError(NvhError):
    """Wrong input or a missing prerequisite; the message tells the next step. Exit status 2."""

    exit_status = EXIT_USER


class InfraError(NvhError):
    """The harness or its host failed before a verdict was possible. Exit status 3.

    ``output`` carries the tail of whatever the failing program printed.
    """

    exit_status = EXIT_INFRA

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class Broken(NvhError):
    """What is under test broke: the model crashed, or a level did not come up, died or hangs. Exit status 1.

    ``kind`` and ``name`` are those of the finding that tells it (docs/verdicts.md); the message is one line
    with the cause, and ``output`` the end of what the broken one printed.
    """

    exit_status = EXIT_RED

    def __init__(self, message: str, output: str = "", *, kind: str, name: str) -> None:
        super().__init__(message)
        self.output = output
        self.kind = kind
        self.name = name


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in an input file; ``line`` and ``col`` count from 1."""

    path: str
    line: int = 1
    col: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect of an input file: where, what was found, what was expected, the closest match."""

    where: Location
    found: str
    expected: str = ""
    closest: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.closest:
            text += f"; did you mean {self.closest!r}?"
        return text


class InputError(UserError):
    """Every problem found in the input at once, in file order, one line each.

    ``see`` is the page of docs/ that describes this kind of input; empty where there is none.
    """

    def __init__(self, problems: Sequence[Problem], see: str = "") -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.where))
        self.see = see
        super().__init__("\n".join(map(str, self.problems)))


_CLOSE = 0.45
"""How many edits a word may be away from what was meant, for each of its letters."""
_ALIKE = 0.6
_BEGINNING = 3


def closest(word: str, choices: Iterable[str]) -> str:
    """Return the choice that ``word`` is most likely meant to be, or an empty string when none is near.

    That is the one with the fewest edits; a word that a choice begins with is one edit away from it. Of two
    as near, the one that has more in common with the word.
    """
    known = list(dict.fromkeys(choices))
    best: tuple[float, float, str] | None = None
    given = word.lower()
    limit = max(1, round(len(given) * _CLOSE)) if len(given) > 1 else 0
    for choice in known:
        other = choice.lower()
        if len(given) >= _BEGINNING and other.startswith(given):
            away = min(1, len(other) - len(given))
        else:
            away = edits(given, other, limit if best is None else min(limit, int(best[0])))
        if away > limit or (best is not None and away > best[0]):
            continue
        if best is not None and away == best[0] and len(given) < _BEGINNING:
            best = (away, -1.0, "")  # of so short a word either would be a guess
            continue
        unlike = 1 - difflib.SequenceMatcher(None, given, other).ratio()
        if best is None or (away, unlike, choice) < best:
            best = (away, unlike, choice)
    if best is not None:
        return best[2]
    near = difflib.get_close_matches(word, known, n=1, cutoff=_ALIKE)
    return near[0] if near else ""


def refuse_others(names: Iterable[str], known: Collection[str], say: Callable[[str], str]) -> None:
    """``UserError`` with what ``say`` says of each of ``names`` that is not ``known``, and the closest."""
    wrong = []
    for name in dict.fromkeys(names):
        if name not in known:
            near = closest(name, known)
            wrong.append(say(name) + (f"; did you mean {near!r}?" if near else ""))
    if wrong:
        raise UserError("\n".join(wrong))


def edits(one: str, other: str, limit: int | None = None) -> int:
    """Return how many edits lead from ``one`` to ``other``; any number above ``limit`` where it is more.

    An edit puts in, takes out or replaces a letter, or swaps two neighbours (optimal string alignment).
    """
    if limit is not None and abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        # A swap reaches over one row: only two rows above the limit end it.
        if limit is not None and min(row) > limit and min(last) > limit:
            return limit + 1
        before, last = last, row
    return last[-1]
