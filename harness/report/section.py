# SPDX-License-Identifier: GPL-2.0-only
"""Parts of the report that other packages give: tables about a run as a whole, as plain data.

A package gives one by a function of the run's directory (``harness.attempt.sections`` has the list); the
report knows how to show it and not what it is about.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.verdict import Verdict


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One place of a table. ``verdict`` colours it; ``why`` is shown when one points at it."""

    text: str
    verdict: Verdict | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """One table. The first entry of each row is its heading; each row is as long as ``head``."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[TableEntry, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"{self.caption}: a row of {len(row)} under a head of {len(self.head)}")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with paragraphs and tables under it. ``anchor`` is its id in the page."""

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
