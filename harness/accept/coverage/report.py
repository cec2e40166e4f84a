# SPDX-License-Identifier: GPL-2.0-only
"""Patch coverage as data: for every changed line whether it was executed, and in which cell."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass


class LineState(enum.Enum):
    """``no-code``: no instruction was made for the line (comment, declaration, merged with another)."""

    COVERED = "covered"
    UNCOVERED = "uncovered"
    NO_CODE = "no-code"


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A line that the series added or changed. ``cells`` are indices into ``PatchCoverage.cells``."""

    number: int
    text: str
    patch: int
    state: LineState
    function: str = ""
    cells: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """A changed file; ``compiled``: whether any line of it has code in this configuration."""

    path: str
    compiled: bool
    lines: tuple[AddedLine, ...]

    def count(self, state: LineState) -> int:
        """How many changed lines are in ``state``."""
        return sum(line.state is state for line in self.lines)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How a function that nobody reached may be reached: ``what`` to run, and ``why`` that is believed."""

    function: str
    file: str
    what: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class PatchCoverage:
    """Patch coverage of the whole series; ``why_not`` says why there is none, and the rest is empty then.

    ``removed``: the base's lines that the series takes away, with what the cells executed on the base.
    ``lost``: functions of the touched files that a cell reached on the base and none reaches any more.
    """

    cells: tuple[str, ...] = ()
    files: tuple[FileCoverage, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    why_not: str = ""
    removed: tuple[FileCoverage, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def covered(self) -> int:
        """How many executable changed lines were executed."""
        return sum(file.count(LineState.COVERED) for file in self.files)

    @property
    def executable(self) -> int:
        """How many changed lines have code."""
        return self.covered + sum(file.count(LineState.UNCOVERED) for file in self.files)

    @property
    def share(self) -> float | None:
        """``covered`` of ``executable``; None when nothing is executable, which is no coverage at all."""
        return self.covered / self.executable if self.executable else None

    @property
    def removed_covered(self) -> int:
        """How many removed lines with code the base executed."""
        return sum(file.count(LineState.COVERED) for file in self.removed)

    @property
    def removed_executable(self) -> int:
        """How many removed lines had code."""
        return self.removed_covered + sum(file.count(LineState.UNCOVERED) for file in self.removed)

    @property
    def can_run(self) -> bool:
        """Whether any line that the series adds, changes or removes has code in this configuration."""
        return bool(self.executable or self.removed_executable)

    @property
    def ran(self) -> bool:
        """Whether any such line was executed: an added one with the series, a removed one on the base."""
        return bool(self.covered or self.removed_covered)

    @property
    def ran_functions(self) -> frozenset[str]:
        """The functions of which a line that the series adds, changes or removes was executed."""
        lines = (line for file in (*self.files, *self.removed) for line in file.lines)
        return frozenset(line.function for line in lines if line.state is LineState.COVERED)

    def uncovered(self) -> Iterator[tuple[FileCoverage, AddedLine]]:
        """Yield every executable changed line that was not executed."""
        for file in self.files:
            for line in file.lines:
                if line.state is LineState.UNCOVERED:
                    yield file, line

    def by_patch(self, number: int) -> tuple[int, int]:
        """Return how many executable lines of a patch were executed, and how many it has.

        Those that it adds or changes, and those that it removes.
        """
        lines = [line for file in (*self.files, *self.removed) for line in file.lines if line.patch == number]
        covered = sum(line.state is LineState.COVERED for line in lines)
        return covered, covered + sum(line.state is LineState.UNCOVERED for line in lines)
