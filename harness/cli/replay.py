# SPDX-License-Identifier: GPL-2.0-only
"""Run a cell again from its directory alone, and compare the bytes.

examples:
  ./nvh replay three-levels                        a cell of the latest run
  ./nvh replay runs/20260102T030405Z/cells/tlbi-el2
  ./nvh replay night/findings/race-v-by-sample-after-vae2  what `nvh hunt --races` kept, five times

It uses the same model, kernels, seed and snapshot, and says which consoles, traces and outputs are identical.
Under icount all of them are. The exit status is the verdict's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.cli import common
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED
from harness.report.progress import Progress
from harness.report.terminal import print_cell
from harness.reproduce.races import again
from harness.reproduce.replay import find_cell, replay
from harness.verdict import Verdict


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("cell", metavar="CELL", help="a cell's directory, or its name in the latest run")
    parser.add_argument(
        "--times", type=common.positive, default=5, metavar="N", help="of a kept race: repetitions; default 5"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory (default: runs/…)")


def main(arguments: argparse.Namespace) -> int:
    """Replay and compare; returns the exit status of the new verdict."""
    console = Console(highlight=False)
    if again.is_race(Path(arguments.cell)):
        return _race(Path(arguments.cell), arguments.times, console)
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


def _race(directory: Path, times: int, console: Console) -> int:
    """Repeat a kept race: 1 when each repetition is red with the same bytes, 0 when none is red, else 3."""
    race = again.read_race(directory)
    with Progress(console) as progress:
        images, target = again.prepare(race, progress)
    for words in again.changed_versions(race, images):
        console.print(f"another version: {words}", markup=False, soft_wrap=True)
    done = []
    for number, each in enumerate(again.repeat(race, target, times), 1):
        done.append(each)
        red = "red" if each.red else "green"
        how = "the same trace" if not each.differs else f"the trace differs from line {each.differs} on"
        console.print(f"{number}: {red}, {how}", markup=False, soft_wrap=True)
    if all(each.red and not each.differs for each in done):
        return EXIT_RED
    return EXIT_INFRA if any(each.red for each in done) else EXIT_PASS
