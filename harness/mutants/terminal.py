# SPDX-License-Identifier: GPL-2.0-only
"""The report of the mutants on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.mutants.outcome import MutantFate, MutantOutcome, MutantReport
from harness.report.safe_text import one_line, seconds

STYLES = {MutantFate.KILLED: "green", MutantFate.SURVIVED: "yellow", MutantFate.UNDECIDED: "bold red"}


def print_report(report: MutantReport, console: Console) -> None:
    """Print the table of mutants, the survivors with their explanations, what is not as expected, totals."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("mutant", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("killed by", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    for outcome in report.outcomes:
        table.add_row(
            outcome.mutant.name,
            _fate(outcome),
            Text("\n".join(map(one_line, outcome.killed_by))),
            seconds(outcome.seconds),
        )
    console.print(table)
    for outcome in report.outcomes:
        if outcome.fate is not MutantFate.KILLED or not outcome.as_expected:
            console.print()
            console.print(Text.assemble((outcome.mutant.name, "bold"), f": {outcome.mutant.fault}"))
            console.print(Text(f"  {outcome.fate.value}: {one_line(outcome.why, 400)}"))
            if not outcome.as_expected:
                console.print(Text(f"  expected: {outcome.expected.value}", style="bold red"))
    for name in report.red_controls:
        control = report.controls[name]
        console.print()
        line = (
            f"{name} is {control.verdict.value} on the right kernel, so it proves nothing: {control.headline}"
        )
        console.print(Text(one_line(line, 400), style="bold red"))
        console.print(Text(f"  reproduce {control.command}"), soft_wrap=True)
    console.print()
    console.print(Text(totals(report)))


def _fate(outcome: MutantOutcome) -> Text:
    text = Text(outcome.fate.value, style=STYLES[outcome.fate])
    if not outcome.as_expected:
        text.append(" (!)", style="bold red")
    return text


def totals(report: MutantReport) -> str:
    """Return ``36 mutants: 30 killed, 6 survived; 12 of 12 controls green; all as expected in 9 min``."""
    counted = ", ".join(f"{report.count(fate)} {fate.value}" for fate in MutantFate if report.count(fate))
    green = len(report.controls) - len(report.red_controls)
    odd = sum(not outcome.as_expected for outcome in report.outcomes)
    expected = f"{odd} not as expected" if odd else "all as expected"
    return (
        f"{len(report.outcomes)} mutants: {counted}; {green} of {len(report.controls)} controls green; "
        f"{expected} in {seconds(report.seconds)}"
    )
