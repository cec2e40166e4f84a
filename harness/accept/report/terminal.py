# SPDX-License-Identifier: GPL-2.0-only
"""The report on the terminal: the reply's text, and where the rest lies."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.accept.report import html, reply
from harness.accept.report.series_report import Decision, SeriesReport

STYLES = {Decision.ACCEPT: "bold green", Decision.REJECT: "bold red", Decision.UNDECIDED: "bold yellow"}


def tag(report: SeriesReport) -> str:
    """Return a tag to copy. nvh writes none for anybody: the name is for who copies it to fill in."""
    return f"Tested-by: NAME <ADDRESS> # nvh {report.nvh}".rstrip()


def print_report(report: SeriesReport, directory: Path, console: Console) -> None:
    """Print the text of the reply, the decision, and the page's path."""
    console.print(Text(reply.render(report)), soft_wrap=True)
    console.print(
        Text.assemble((report.decision.value, STYLES[report.decision]), f" in {reply.duration(report)}")
    )
    if report.decision is Decision.ACCEPT:
        console.print(Text(f"if you stand by it: {tag(report)}", "dim"), soft_wrap=True)
    console.print(f"report {directory / html.NAME}", markup=False, highlight=False, soft_wrap=True)
