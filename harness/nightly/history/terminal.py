# SPDX-License-Identifier: GPL-2.0-only
"""A comparison on the terminal: what is new by cause, what was fixed, what is flaky; at 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from harness.nightly.history.compare import NEWS, Change, Row, RunComparison
from harness.nightly.history.html import names
from harness.report.safe_text import one_line, seconds
from harness.report.terminal import STYLES
from harness.verdict import Verdict

LISTED = 10
"""Cells that are named one by one per heading; the page has all."""


def verdict(word: str) -> Text:
    """Return a verdict's word in its colour."""
    known = {v.value: style for v, style in STYLES.items()}
    return Text(word, style=known.get(word, "dim"))


def label(row: Row) -> str:
    """Return ``cell on model/kernel``."""
    return one_line(f"{row.subject.cell} on {row.subject.model}/{row.subject.kernel}", 200)


def _listed(console: Console, title: str, lines: list[Text]) -> None:
    if not lines:
        return
    console.print(Text(f"\n{title}", style="bold"))
    for line in lines[:LISTED]:
        console.print(line, soft_wrap=True)
    if len(lines) > LISTED:
        console.print(Text(f"  and {len(lines) - LISTED} more", style="dim"))


def print_comparison(compared: RunComparison, console: Console) -> None:
    """Print what changed; nothing about what went on passing but its number."""
    against = f"against {compared.baseline.name}" if compared.baseline else "with no earlier run of its plan"
    console.print(Text.assemble((compared.run.name, "bold"), f" {against}"), soft_wrap=True)
    for group in compared.groups:
        if not group.new:
            continue
        on = f"models {names([r.subject.model for r in group.rows])}; "
        on += f"kernels {names([r.subject.kernel for r in group.rows])}"
        title = Text.assemble(
            "\n",
            (f"{group.new} new", STYLES[Verdict.FAIL]),
            f" of {len(group.rows)}  ",
            (group.kind, "dim"),
            " ",
        )
        title.append(one_line(group.title), style="bold")
        console.print(title, soft_wrap=True)
        console.print(Text(f"  {on}", style="dim"), soft_wrap=True)
        for suspect in group.suspects:
            console.print(Text(f"  first bad {one_line(str(suspect))}"), soft_wrap=True)
        new = [row for row in group.rows if row.change in NEWS]
        for row in new[:LISTED]:
            mark = "  known, as expected" if row.quarantine else ""
            console.print(Text.assemble("  ", verdict(row.verdict), f"  {label(row)}{mark}"), soft_wrap=True)
        if len(new) > LISTED:
            console.print(Text(f"  and {len(new) - LISTED} more", style="dim"))
    never = compared.of(Change.NEVER_RAN)
    _listed(console, "never ran", [Text(f"  {label(row)}") for row in never])
    still = compared.of(Change.STILL_RED)
    _listed(
        console,
        "still red",
        [
            Text.assemble("  ", verdict(row.verdict), f"  {label(row)} since {row.since}, {row.streak} runs")
            for row in still
        ],
    )
    _listed(
        console, "fixed", [Text(f"  {label(row)} (was {row.before})") for row in compared.of(Change.FIXED)]
    )
    flaky = [row for row in compared.rows if row.flaky]
    flaky.sort(key=lambda row: -(row.flaky.red / row.flaky.total if row.flaky else 0))
    _listed(
        console,
        "flaky: equal artefacts, different verdicts",
        [
            Text(
                f"  {label(row)}: {row.flaky.red} of {row.flaky.total} red, "
                f"rate {row.flaky.low:.0%} to {row.flaky.high:.0%}"
            )
            for row in flaky
            if row.flaky
        ],
    )
    slower = compared.of(Change.SLOWER)
    _listed(
        console,
        "slower",
        [
            Text(f"  {label(row)}: {seconds(row.seconds)}, usually {seconds(row.usual or 0)}")
            for row in slower
        ],
    )
    told = ", ".join(f"{count} {change.value}" for change, count in compared.tally.items() if count)
    console.print(Text(f"\n{told or 'no cells'}"), soft_wrap=True)
