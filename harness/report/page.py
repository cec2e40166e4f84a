# SPDX-License-Identifier: GPL-2.0-only
"""What every page is made with: templates that escape all text, and filters for text that others wrote."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from harness.report.safe_text import printable, seconds


def breakable(value: str) -> Markup:
    """Return ``value`` escaped, with places where a long id, path or assignment may wrap."""
    text = str(escape(printable(value)))
    for mark in ("[", ",", "/", "::", "_"):
        text = text.replace(mark, f"{mark}<wbr>")
    return Markup(text)


def environment(directory: Path) -> jinja2.Environment:
    """Return an environment for the templates in ``directory``; an undefined name in one is an error."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(directory),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(seconds=seconds, breakable=breakable, printable=printable)
    return found
