"""Build what is needed, run scenarios on the real machine, print verdicts.

examples:
  ./nvh run                                  every shipped scenario on the default model and kernel
  ./nvh run --kernel debian l1-storm         cells whose id contains l1-storm, on Debian's own kernel
  ./nvh run my.yaml --timing mttcg --out o   a scenario of your own, with races between CPUs
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.cell.project import find_cells
from harness.cell.run import run
from harness.cli import common


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    common.add_selection(parser)
    parser.add_argument(
        "--jobs",
        type=common.positive,
        metavar="N",
        help="cells at once (default: what CPUs and memory admit)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new directory for the results (default: runs/…)"
    )
    parser.add_argument("--list", action="store_true", help="print the cells and run nothing")


def main(arguments: argparse.Namespace) -> int:
    """Run cells; returns the exit status of the worst verdict."""
    console = Console()
    paths, patterns = common.split(arguments.what)
    overrides = common.overrides(arguments)
    cells = find_cells(paths, patterns, overrides)
    if arguments.list:
        for cell in cells:
            console.print(f"{cell.id:60} {cell.summary}", markup=False, highlight=False, soft_wrap=True)
        return 0
    return run(cells, overrides, console, out=arguments.out, jobs=arguments.jobs).exit_status
