"""index.html: the acceptance as one self-contained page, without scripts, loading nothing."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2

from harness.accept.compare import worst_first
from harness.accept.report.diff import annotate
from harness.accept.report.record import Report
from harness.report.html import breakable
from harness.report.store import write_text
from harness.report.text import printable, seconds

NAME = "index.html"
TEMPLATE = "accept.html.j2"


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(seconds=seconds, breakable=breakable, printable=printable)
    return environment.get_template(TEMPLATE)


def render(report: Report) -> str:
    """Return the page; links to runs are relative to the report's directory."""
    diff = list(annotate(report.diff, report.coverage))
    return _template().render(report=report, cells=worst_first(report.whole.cells), diff=diff)


def write(report: Report, directory: Path) -> Path:
    """Write ``directory/index.html`` in one step and return its path."""
    write_text(directory / NAME, render(report))
    return directory / NAME
