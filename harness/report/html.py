# SPDX-License-Identifier: GPL-2.0-only
"""index.html: the run as one self-contained page, without scripts or anything loaded from elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2

from harness.report.page import environment
from harness.report.results import CellResult, FileRef, RunSummary, StageTime
from harness.report.section import Section
from harness.report.store import CELLS, write_text
from harness.verdict import Verdict

NAME = "index.html"
TEMPLATE = "report.html.j2"
SYMBOLS = {
    Verdict.PASS: "✓",
    Verdict.VACUOUS: "∅",
    Verdict.UNDECIDED: "?",
    Verdict.FAIL: "✗",
    Verdict.INFRA: "!",
}
"""Beside the verdict's word, so that colour never carries it alone."""


def href(cell: CellResult, ref: FileRef) -> str:
    """Return the relative link from index.html to a file of a cell."""
    return quote(f"{CELLS}/{cell.slug}/{ref.path}", safe="/=+,")


def bars(stages: tuple[StageTime, ...]) -> list[dict[str, object]]:
    """Return the stages as bars: ``x`` and ``width`` in thousandths of the time they span together."""
    if not stages:
        return []
    first = min(stage.start_s for stage in stages)
    span = max(stage.start_s + stage.seconds for stage in stages) - first
    return [
        {
            "name": stage.name,
            "seconds": stage.seconds,
            "x": round(1000 * (stage.start_s - first) / span, 1) if span else 0,
            "width": max(1.0, round(1000 * stage.seconds / span, 1)) if span else 1000,
            "colour": index % 6,
        }
        for index, stage in enumerate(stages)
    ]


@functools.cache
def _template() -> jinja2.Template:
    found = environment(Path(__file__).parent)
    found.globals.update(href=href, bars=bars, symbols=SYMBOLS, Verdict=Verdict)
    return found.get_template(TEMPLATE)


def render(run: RunSummary, sections: Sequence[Section] = ()) -> str:
    """Return the page for ``run`` with other packages' sections; links are relative to the run's
    directory."""
    red = [cell for cell in run.cells if cell.verdict is not Verdict.PASS]
    return _template().render(run=run, red=red, sections=sections)


def write(run: RunSummary, directory: Path, sections: Sequence[Section] = ()) -> Path:
    """Write ``directory/index.html`` in one step and return its path."""
    write_text(directory / NAME, render(run, sections))
    return directory / NAME
