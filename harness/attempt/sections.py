# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the report that are about a run as a whole. A new one is one entry of ``GIVERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.errors import UserError
from harness.litmus.coverage_section import coverage_section
from harness.report.section import Section

Giver = Callable[[Path], Section | None]
GIVERS: Mapping[str, Giver] = {"coverage": coverage_section}
"""Anchor of the section → what makes it from the run's directory, or None when the run has nothing for it."""


def sections(directory: Path, givers: Mapping[str, Giver] = GIVERS) -> tuple[Section, ...]:
    """Return the sections of a run. One that cannot be made says why; the rest of the report is there."""
    found = []
    for anchor, give in givers.items():
        try:
            section = give(directory)
        except UserError as error:
            section = Section(anchor, f"{anchor}: not available", (str(error),))
        if section is not None:
            found.append(section)
    return tuple(found)
