# SPDX-License-Identifier: GPL-2.0-only
"""Mutants against a selection, on the terminal and as the table of docs/mutants.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.errors import UserError
from harness.report.safe_text import one_line, seconds


def read(path: Path) -> dict[str, Any]:
    """Return what ``nvh mutants --with`` has left at ``path``; ``UserError`` for anything else."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(report, dict) or "with" not in report or "mutants" not in report:
            raise ValueError("no run of `nvh mutants --with`")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}; name the mutants.json of a run with --with") from error
    return report


def markdown(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table: mutant, what is wrong, where, outcome, first red cell, seconds to it."""
    yield "| mutant | what is wrong | where | outcome | first red | s |"
    yield "|---|---|---|---|---|---|"
    for row in report["mutants"]:
        first = f"`{row['cell']}`" if row["cell"] else ""
        time = f"{row['seconds']:.0f}" if row["cell"] else ""
        yield (
            f"| `{row['mutant']}` | {row['fault']} | `{row['at']}` | {row['outcome']} | {first} | {time} |"
        )


def print_against(report: Mapping[str, Any], console: Console) -> None:
    """Print a row a mutant, what is not as expected, red controls, and the totals."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("mutant", "outcome", "first red", "after"):
        table.add_column(name, overflow="fold", justify="right" if name == "after" else "left")
    for row in report["mutants"]:
        outcome = Text(row["outcome"] + ("" if row["as_expected"] else " (!)"))
        table.add_row(
            row["mutant"], outcome, Text(row["cell"]), seconds(row["seconds"]) if row["cell"] else ""
        )
    console.print(table)
    for row in report["mutants"]:
        if not row["cell"]:
            told = row["survives"] or ", ".join(row["undecided"]) or "every cell is green"
            console.print(Text(f"{row['mutant']}: {row['fault']}\n  {row['outcome']}: {one_line(told, 400)}"))
    for name, verdict in report["control"]["cells"].items():
        if verdict != "pass":
            console.print(
                Text(f"{name} is {verdict} on the right kernel, so it tells nothing", style="bold red")
            )
    console.print(Text(totals(report)))


def totals(report: Mapping[str, Any]) -> str:
    """Return one line: how many killable mutants are red, how soon, how long the right kernel takes."""
    killable = [row for row in report["mutants"] if not row["survives"]]
    red = sum(row["outcome"] == "killed" for row in killable)
    median = report["median_seconds"]
    soon = "" if median is None else f", median {seconds(median)} to the first red cell"
    return (
        f"{red} of {len(killable)} killable mutants red{soon}; "
        f"the whole of it takes {seconds(report['control']['seconds'])} on the right kernel"
    )
