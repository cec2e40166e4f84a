# SPDX-License-Identifier: GPL-2.0-only
"""Run a cell again from its directory alone, and compare the bytes.

examples:
  ./nvh replay three-levels                        a cell of the latest run
  ./nvh replay runs/20260102T030405Z/cells/tlbi-el2

It uses the same model, kernels, seed and snapshot, and says which consoles, traces and outputs are identical.
Under icount all of them are. The exit status is the verdict's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.report.progress import Progress
from harness.report.terminal import print_cell
from harness.reproduce.replay import find_cell, replay
from harness.verdict import Verdict


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("cell", metavar="CELL", help="a cell's directory, or its name in the latest run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory (default: runs/…)")


def main(arguments: argparse.Namespace) -> int:
    """Replay and compare; returns the exit status of the new verdict."""
    console = Console(highlight=False)
    cell = find_cell(arguments.cell)
    with Progress(console) as progress:
        done = replay(cell, progress, arguments.out)
    if done.after.verdict is not Verdict.PASS:
        print_cell(done.after, console, done.directory.parents[1])
    same = "the same verdict" if done.before.verdict is done.after.verdict else "another verdict"
    console.print(
        f"{same}: {done.before.verdict.value}, then {done.after.verdict.value}", markup=False, soft_wrap=True
    )
    console.print(f"the same bytes: {', '.join(done.same) or 'no file'}", markup=False, soft_wrap=True)
    if done.different:
        console.print(f"different: {', '.join(done.different)}", markup=False, soft_wrap=True)
    console.print(f"in {done.directory}", markup=False, soft_wrap=True)
    return done.after.verdict.exit_status
