# SPDX-License-Identifier: GPL-2.0-only
"""index.html: the acceptance as one self-contained page, without scripts, loading nothing."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2

from harness.accept.compare import worst_first
from harness.accept.report.series_diff import annotate
from harness.accept.report.series_report import SeriesReport
from harness.report.page import environment
from harness.report.store import write_text

NAME = "index.html"
TEMPLATE = "accept.html.j2"


@functools.cache
def _template() -> jinja2.Template:
    return environment(Path(__file__).parent).get_template(TEMPLATE)


def render(report: SeriesReport) -> str:
    """Return the page; links to runs are relative to the report's directory."""
    diff = list(annotate(report.diff, report.coverage))
    return _template().render(report=report, cells=worst_first(report.whole.cells), diff=diff)


def write(report: SeriesReport, directory: Path) -> Path:
    """Write ``directory/index.html`` in one step and return its path."""
    write_text(directory / NAME, render(report))
    return directory / NAME
