# SPDX-License-Identifier: GPL-2.0-only
"""The end of a run on the terminal: table of cells, what failed and how, totals. Readable at 80 columns."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.check.finding import Finding
from harness.level import Level
from harness.report import html
from harness.report.cause import label_of
from harness.report.results import CellResult, RunSummary
from harness.report.safe_text import broken, one_line, printable, seconds
from harness.report.store import CELLS
from harness.verdict import Verdict

STYLES = {
    Verdict.PASS: "green",
    Verdict.VACUOUS: "magenta",
    Verdict.UNDECIDED: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.INFRA: "bold cyan",
}
LEVELS = frozenset(map(str, Level))
WIDE = 120
"""Columns from which the reason has a column of its own."""
NEIGHBOURS = 4
"""Context lines shown on each side of the trigger."""

ABSENT_MOST = 4
"""Cells that do not apply and are named for each reason."""


def verdict_text(verdict: Verdict) -> Text:
    """Return the verdict's word in its colour."""
    return Text(verdict.value, style=STYLES[verdict])


def cell_text(cell: CellResult) -> Text:
    """Return the verdict's word; one that does not count is no alarm."""
    return Text(cell.word, style="dim") if cell.quarantine else verdict_text(cell.verdict)


def _room(run: RunSummary, columns: int, wide: bool) -> int:
    """Columns for an id beside the other columns of the table, as they will be."""
    most = 24 if wide else 12, 24 if wide else 10
    cells = run.cells
    others = max((len(cell.word) for cell in cells), default=0)
    others += min(
        most[0], max((len(label_of(cell.model)) + wide * (1 + len(cell.timing)) for cell in cells), default=0)
    )
    others += min(most[1], max((len(cell.kernel_text) for cell in cells), default=0))
    others += max((len(seconds(cell.seconds)) for cell in cells), default=0)
    left = columns - max(others, len("verdict model kernel time")) - (6 if wide else 5)
    return max(20, left // 2 if wide else left)


def _table(run: RunSummary, wide: bool, columns: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, expand=wide)
    table.add_column("verdict", no_wrap=True)
    table.add_column("cell", overflow="fold", ratio=3 if wide else None)
    table.add_column("model", overflow="ellipsis", no_wrap=True, max_width=24 if wide else 12)
    table.add_column("kernel", overflow="ellipsis", no_wrap=True, max_width=24 if wide else 10)
    table.add_column("time", justify="right", no_wrap=True)
    if wide:
        table.add_column("why", overflow="fold", ratio=3)
    room = _room(run, columns, wide)
    for cell in run.cells:
        why = one_line(cell.headline, 200 if wide else 120)
        name = Text(broken(one_line(cell.id), room))
        if why and not wide:
            name.append(f"\n{why}", style="dim")
        model = label_of(cell.model)
        shown = f"{model} {cell.timing}" if wide else model
        table.add_row(
            cell_text(cell),
            name,
            Text(one_line(shown)),
            Text(one_line(cell.kernel_text)),
            seconds(cell.seconds),
            *([Text(why)] if wide else []),
        )
    return table


def _pairs(rows: list[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(Text(name), Text(printable(value)))
    return grid


def _indent(what: RenderableType, columns: int) -> Padding:
    return Padding(what, (0, 0, 0, columns), expand=False)


def print_finding(finding: Finding, console: Console, events: int = NEIGHBOURS) -> None:
    """Print one finding: verdict, message, YAML line, bound values, ``events`` neighbours on each side."""
    title = Text.assemble(verdict_text(finding.verdict), "  ", one_line(finding.name))
    title.append(f" ({one_line(finding.kind)})", style="dim")
    console.print(_indent(title, 2))
    rows = [("says", finding.message)] if finding.message else []
    if finding.expected:
        rows.append(("as expected", finding.expected))
    if finding.where:
        rows.append(("at", finding.where))
    if finding.bindings:
        rows.append(("bound", " ".join(f"{k}={v}" for k, v in finding.bindings.items())))
    shown = finding.around(events)
    if finding.trigger and finding.trigger not in shown:
        rows.append(("trigger", finding.trigger.text))
    console.print(_indent(_pairs(rows), 4))
    if not shown:
        return
    console.print(_indent(Text("events", style="dim"), 4))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in shown:
        hit = line == finding.trigger
        level, _, rest = line.text.partition(" ")
        if level not in LEVELS:
            level, rest = "", line.text
        grid.add_row(">" if hit else " ", level, Text(one_line(rest)), style="bold" if hit else "")
    console.print(_indent(grid, 4))


def _evidence(cell: CellResult, base: Path) -> list[tuple[str, str]]:
    """Return the directory and what to open first: the timeline or the traces, else the consoles."""
    rows = [("files", f"{base}/")] if cell.files else []
    for role in ("timeline", "trace", "console"):
        found = [(role, str(base / ref.path)) for ref in cell.files if ref.role == role]
        if found:
            return rows + found
    return rows


def print_cell(
    cell: CellResult, console: Console, directory: Path | None = None, events: int = NEIGHBOURS
) -> None:
    """Print what did not pass in ``cell``, the command that reproduces it and the paths of its traces."""
    console.print()
    console.print(Text.assemble(cell_text(cell), "  ", (one_line(cell.id), "bold")), soft_wrap=True)
    if cell.quarantine:
        console.print(_indent(_pairs([("as expected", cell.quarantine)]), 2))
    if cell.reason:
        console.print(_indent(_pairs([("why", cell.reason)]), 2))
    for finding in cell.findings:
        if finding.verdict is not Verdict.PASS:
            print_finding(finding, console, events)
    rows = [("reproduce", cell.command)] if cell.command else []
    base = Path(CELLS, cell.slug) if directory is None else directory / CELLS / cell.slug
    rows += _evidence(cell, base)
    # These lines are copied and pasted: they are never folded.
    for name, value in rows:
        console.print(Text.assemble((f"  {name:<9} ", "dim"), one_line(value)), soft_wrap=True)


def totals(run: RunSummary) -> str:
    """Return ``14 cells: 12 pass, 1 fail, 1 infra in 4 min 05 s``."""
    counted = ", ".join(f"{n} {verdict.value}" for verdict, n in run.counts.items() if n)
    noun = "cell" if len(run.cells) == 1 else "cells"
    known = "known defect" if run.known == 1 else "known defects"
    apart = f" ({run.known} {known} seen as expected, not counted)" if run.known else ""
    absent = f", {len(run.not_applicable)} not applicable" if run.not_applicable else ""
    return f"{len(run.cells)} {noun}: {counted or 'nothing ran'}{apart}{absent} in {seconds(run.seconds)}"


def absent(run: RunSummary) -> dict[str, list[str]]:
    """Return the cells that the machine cannot run by the reason, the most frequent first."""
    found: dict[str, list[str]] = {}
    for cell, why in run.not_applicable.items():
        found.setdefault(why, []).append(cell)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def overhead(run: RunSummary) -> str:
    """Return ``the harness's own share: 3 % (no machine ran for 5 s; machines waited 2 s)``."""
    share = run.idle_seconds / run.seconds if run.seconds else 0.0
    waited = sum(cell.machine.waited_s for cell in run.cells if cell.machine)
    return (
        f"the harness's own share: {share:.0%} "
        f"(no machine ran for {seconds(run.idle_seconds)}; machines waited {seconds(waited)} for it)"
    )


def print_summary(
    run: RunSummary, console: Console, *, directory: Path | None = None, closing: bool = False
) -> None:
    """Print the table of cells, the details of the red ones and the totals.

    ``directory`` is the run's directory, for the paths and the pointer to the report. ``closing`` adds a last
    line ``N passed, N failed``, where everything that is neither a pass nor a known defect counts as failed.
    """
    if run.cells:
        console.print(_table(run, console.width >= WIDE, console.width))
    for cell in run.cells:
        if cell.verdict is not Verdict.PASS:
            print_cell(cell, console, directory)
    console.print()
    for why, cells in absent(run).items():
        some = ", ".join(cells[:ABSENT_MOST]) + (", …" if len(cells) > ABSENT_MOST else "")
        console.print(Text(one_line(f"not applicable: {why}: {len(cells)} ({some})", 300)), soft_wrap=True)
    console.print(Text.assemble(verdict_text(run.worst), "  ", totals(run)))
    console.print(Text(overhead(run)))
    if directory is not None and (directory / html.NAME).exists():
        console.print(Text(f"report {shlex.quote(str(directory / html.NAME))}"), soft_wrap=True)
    if closing:
        passed = sum(cell.is_fine for cell in run.cells)
        console.print(Text(f"{passed} passed, {len(run.cells) - passed} failed"))
