"""Run scenarios on L0 kernels with an injected fault, and show which faults they notice.

examples:
  ./nvh mutants                                 every mutant: killed by which scenario, or survived and why
  ./nvh mutants --list                          the mutants, what is wrong with each, what should kill it
  ./nvh mutants --select ipas2-no-unmap --json  one mutant and its control, for a machine
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from harness.cli import common
from harness.mutants import campaign
from harness.mutants.text import print_report
from harness.scenario import mutants as table
from harness.scenario.scenario import Overrides


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--select", action="append", default=[], metavar="MUTANT", help="only this mutant; repeatable"
    )
    parser.add_argument("--model", help="run on this model (name or path) instead of the killers'")
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells in parallel")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory for the results")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the table and run nothing")


def main(arguments: argparse.Namespace) -> int:
    """Run; returns 0 when every mutant met its expected fate and every control is green, else 1."""
    mutants = table.choose(table.load(), arguments.select)
    if arguments.list:
        _list(mutants, arguments.json)
        return 0
    overrides = Overrides(model=arguments.model, timing=arguments.timing)
    # What goes on is shown on the terminal; JSON alone goes to standard output.
    console = Console(file=sys.stderr) if arguments.json else Console()
    report, directory = campaign.run(mutants, overrides, console, out=arguments.out, jobs=arguments.jobs)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print_report(report, console)
        console.print(f"report {directory / campaign.RESULT}", markup=False, highlight=False, soft_wrap=True)
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
