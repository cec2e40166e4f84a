# SPDX-License-Identifier: GPL-2.0-only
"""The report of the wrong models on the terminal."""

from __future__ import annotations

from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.mutants.models import FaultReport
from harness.mutants.outcome import MutantFate
from harness.mutants.terminal import STYLES
from harness.report.safe_text import one_line, seconds


def print_report(report: FaultReport, console: Console) -> None:
    """Print a row for each fault, the survivors with their explanations, what is not as expected, totals."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("fault", "outcome", "seen by"):
        table.add_column(name, no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("first line", overflow="ellipsis", no_wrap=True)  # the log has each in full
    for each in report.outcomes:
        fate = Text(each.fate.value, style=STYLES[each.fate])
        if not each.as_expected:
            fate.append(" (!)", style="bold red")
        killed = each.fate is MutantFate.KILLED
        table.add_row(
            each.fault.name,
            fate,
            each.check.step if killed else "",
            seconds(each.check.seconds),
            Text(one_line(each.check.line, 200)),
        )
    console.print(table)
    for each in report.outcomes:
        if each.as_expected and each.fate is MutantFate.KILLED:
            continue
        console.print()
        console.print(Text.assemble((each.fault.name, "bold"), f": {each.fault.wrong}"))
        why = each.fault.survives if each.fate is MutantFate.SURVIVED else each.check.line
        console.print(Text(f"  {each.fate.value}: {one_line(why or 'no step noticed it', 400)}"))
        if not each.as_expected:
            by = f" by {each.fault.seen_by}" if each.fault.seen_by else ""
            console.print(Text(f"  expected: {each.expected.value}{by}", style="bold red"))
            console.print(Text(f"  reproduce {each.check.command}"), soft_wrap=True)
    if report.control.verdict != "pass":
        line = f"the right model is {report.control.verdict}, so nothing is proved: {report.control.line}"
        console.print(Text(one_line(line, 400), style="bold red"))
        console.print(Text(f"  reproduce {report.control.command}"), soft_wrap=True)
    console.print()
    console.print(Text(totals(report)))


def totals(report: FaultReport) -> str:
    """Return ``68 wrong models of QEMU 10.0.13: 67 killed, 1 survived; median 4 s; all as expected ...``."""
    counted = (
        ", ".join(f"{report.count(fate)} {fate.value}" for fate in MutantFate if report.count(fate))
        or "none checked"
    )
    killed = [each.check.seconds for each in report.outcomes if each.fate is MutantFate.KILLED]
    middle = f"; median {seconds(median(killed))}" if killed else ""
    odd = sum(not each.as_expected for each in report.outcomes)
    expected = f"{odd} not as expected" if odd or not report.outcomes else "all as expected"
    return (
        f"{len(report.outcomes)} wrong models of QEMU {report.version}: {counted}{middle}; "
        f"{expected} in {seconds(report.seconds)}"
    )
