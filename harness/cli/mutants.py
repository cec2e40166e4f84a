# SPDX-License-Identifier: GPL-2.0-only
"""Run scenarios on deliberately wrong L0 kernels, and tell which faults they notice.

examples:
  ./nvh mutants                                 every mutant: killed by which scenario, or survived and why
  ./nvh mutants --list                          the mutants, what is wrong with each, what should kill it
  ./nvh mutants --select ipas2-no-unmap --json  one mutant and its control, for a machine
  ./nvh mutants --with default                  each mutant against ./nvh run: what is red first, and when
  ./nvh mutants --table runs/ID/mutants.json    the table of docs/mutants.md, from such a run
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from harness.cli import common
from harness.errors import EXIT_PASS
from harness.mutants import against, campaign
from harness.mutants.against_text import markdown, print_against, read
from harness.mutants.terminal import print_report
from harness.scenario import mutants as table
from harness.scenario.scenario import Overrides


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--select", action="append", default=[], metavar="MUTANT", help="only this one; may be given again"
    )
    parser.add_argument("--model", help="run on this model (name or path) instead of the killers'")
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells at once")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory for the results")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the table and run nothing")
    parser.add_argument(
        "--with",
        dest="selection",
        action="append",
        default=[],
        metavar="WHAT",
        help="run each mutant against this selection, up to its first red cell: `default` (what ./nvh run "
        "runs), a directory, a file, a cell by id or glob; may be given again",
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="print such a run's mutants.json as Markdown"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run; returns 0 when every mutant met its expected fate and every control is green, else 1."""
    if arguments.table:
        print("\n".join(markdown(read(arguments.table))))
        return EXIT_PASS
    mutants = table.choose(table.load(), arguments.select)
    if arguments.list:
        _list(mutants, arguments.json)
        return 0
    overrides = Overrides(model=arguments.model, timing=arguments.timing)
    # What goes on is shown on the terminal; JSON alone goes to standard output.
    console = Console(file=sys.stderr) if arguments.json else Console()
    if arguments.selection:
        return _against(mutants, overrides, console, arguments)
    report, directory = campaign.run(mutants, overrides, console, out=arguments.out, jobs=arguments.jobs)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print_report(report, console)
        console.print(f"report {directory / campaign.RESULT}", markup=False, highlight=False, soft_wrap=True)
    return report.exit_status


def _against(
    mutants: tuple[table.Mutant, ...], overrides: Overrides, console: Console, arguments: argparse.Namespace
) -> int:
    report, directory = against.run(
        mutants, arguments.selection, overrides, console, out=arguments.out, jobs=arguments.jobs
    )
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print_against(report.to_json(), console)
        console.print(f"report {directory / against.RESULT}", markup=False, highlight=False, soft_wrap=True)
    return report.exit_status


def _list(mutants: tuple[table.Mutant, ...], as_json: bool) -> None:
    if as_json:
        rows = [
            {"mutant": m.name, "fault": m.fault, "at": m.at, "killers": m.killers, "survives": m.survives}
            for m in mutants
        ]
        print(json.dumps(rows, indent=1))
        return
    for m in mutants:
        fate = f"survives: {m.survives}" if m.survives else f"killed by: {', '.join(m.killers)}"
        print(f"{m.name:26} {m.fault} ({m.at})\n{'':26} {fate}")
