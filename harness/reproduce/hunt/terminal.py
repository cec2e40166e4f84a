# SPDX-License-Identifier: GPL-2.0-only
"""What a hunt brought, on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from harness.arch.table import load
from harness.program.kinds import KINDS
from harness.reproduce.hunt.campaign import Totals


def print_totals(totals: Totals, console: Console) -> None:
    """Programs, coverage, known defects and findings."""
    table = Table("kind", "programs", "operations", "operations x granule x CPUs", box=None)
    for kind in KINDS:
        points = {point for point in totals.points if point[1] == kind}
        if totals.kinds[kind]:
            table.add_row(kind, str(totals.kinds[kind]), str(len({p[0] for p in points})), str(len(points)))
    console.print(table)
    missing = sorted({op.name for op in load()} - {point[0] for point in totals.points})
    rate = totals.programs / totals.seconds if totals.seconds else 0.0
    lines = [
        f"{totals.programs} programs in {totals.seconds:.0f} s ({rate:.1f} a second), verdicts "
        + ", ".join(f"{count} {verdict}" for verdict, count in sorted(totals.verdicts.items())),
        f"{totals.sharp.observations} observations, {totals.sharp.sharp} sharp, {totals.sharp.primed} primed",
        f"{len(totals.points)} points of coverage, the last new one after {totals.last_point:.0f} s; "
        + (f"never executed: {', '.join(missing)}" if missing else "every operation was executed"),
    ]
    if totals.functions:
        lines.append(
            f"{len(totals.reached)} of {totals.functions} functions of L0's KVM reached, the last new one "
            f"after {totals.last_function:.0f} s"
        )
    lines += [f"known: {count} x {name}" for name, count in sorted(totals.known.items())]
    for found in totals.findings:
        note = "" if found["confirmed"] else ", NOT confirmed alone"
        lines.append(f"found: {found['cause']} ({found['actions']} actions{note}) {found['scenario']}")
    lines += [f"broken: {text}" for text in totals.broken]
    lines += [f"error: {text}" for text in totals.errors]
    if not totals.findings:
        lines.append("nothing was found")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
