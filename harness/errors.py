# SPDX-License-Identifier: GPL-2.0-only
"""The three roots of every error nvh raises on purpose.

``UserError``   the input is wrong or something on the machine is missing; the message says what to do.
``InfraError``  nvh or its host failed before the question was asked.
``Broken``      what is under test broke, a kernel or the model: that is an answer, and a bad one.

Anything else that escapes is a bug in nvh and is shown with its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
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
    """Every problem found in the input at once, in file order, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.where))
        super().__init__("\n".join(map(str, self.problems)))


def closest(word: str, choices: Iterable[str]) -> str:
    """Return the choice most like ``word``, or an empty string when none is near."""
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return near[0] if near else ""
