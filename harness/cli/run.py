# SPDX-License-Identifier: GPL-2.0-only
"""Build what is missing, run scenarios on the real machine, print verdicts.

examples:
  ./nvh run                                  the default scenarios on the default model and kernel
  ./nvh run scenarios                        every shipped scenario, those that run on request too
  ./nvh run --kernel debian l1-userspace     cells whose id contains l1-userspace, on Debian's own kernel
  ./nvh run my.yaml --timing mttcg --out o   a scenario of your own, with races between CPUs
  ./nvh run --model qemu-console             on a machine that is a console and no more (docs/anywhere.md)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.attempt.job import SEED
from harness.bundle import console_run
from harness.bundle.console_cells import fitting, without_model
from harness.bundle.console_model import is_console
from harness.cli import common
from harness.errors import UserError
from harness.level import Level
from harness.runner import default
from harness.runner.choice import Start
from harness.runner.project import find_cells, vocabulary
from harness.runner.run import RunSpec, run_and_print
from harness.scenario.language import Cell


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    common.add_selection(parser)
    parser.add_argument(
        "--jobs",
        type=common.positive,
        metavar="N",
        help="cells in parallel (default: as CPUs and memory allow)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new directory for the results (default: runs/…)"
    )
    parser.add_argument(
        "--live", action="store_true", help="print what the cells' runs print, line by line, as they do"
    )
    parser.add_argument("--fresh", action="store_true", help="boot every cell, restore none from a snapshot")
    parser.add_argument(
        "--snapshot-at",
        choices=[str(level) for level in Level],
        help="restore up to this level and boot the deeper ones (default: as deep as possible)",
    )
    parser.add_argument(
        "--keep-on-failure",
        action="store_true",
        help="save the machine of a cell that does not pass, for nvh shell, gdb and inspect",
    )
    parser.add_argument(
        "--seed",
        type=common.positive,
        default=SEED,
        metavar="N",
        help=f"seed of the model's randomness; under icount equal seeds give equal bytes (default {SEED})",
    )
    more = parser.add_mutually_exclusive_group()
    more.add_argument("--every", action="store_true", help="all shipped scenarios, also those on request")
    more.add_argument(
        "--whole", action="store_true", help="all litmus cases instead of the covering selection of them"
    )
    more.add_argument(
        "--slice",
        type=_slice,
        metavar="N/M",
        help="the N-th of M slices of what the default run leaves out, so that M runs have everything",
    )
    parser.add_argument("--list", action="store_true", help="print the cells and run nothing")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")


def _slice(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal() or int(count) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not N/M, as in 7/24")
    return int(number), int(count)


def _listed(cell: Cell) -> dict[str, Any]:
    return {
        "id": cell.id,
        "scenario": cell.scenario,
        "summary": cell.summary,
        "claims": list(cell.claims),
        "params": dict(cell.params),
        "path": cell.path,
        "model": cell.stack.model,
        "timing": cell.stack.timing,
        "sanitize": cell.stack.sanitize,
        "kernels": {str(level): spec.kernel for level, spec in cell.stack.levels.items()},
        "timeout": cell.timeout,
    }


def _refuse(arguments: argparse.Namespace) -> None:
    """Raise ``UserError`` for options about a machine that nvh can stop, save and look into."""
    for option in ("live", "fresh", "snapshot_at", "keep_on_failure", "jobs"):
        if getattr(arguments, option):
            raise UserError(
                f"--{option.replace('_', '-')}: a console model has no snapshots, runs one cell at a time "
                "and shows only its console; leave it out"
            )


def main(arguments: argparse.Namespace) -> int:
    """Run cells; returns the exit status of the worst verdict."""
    console = Console()
    paths, patterns = common.split(arguments.what)
    named = common.overrides(arguments)
    by_console = is_console(named.model or "")
    overrides = without_model(named) if by_console else named
    if arguments.what and (arguments.every or arguments.whole or arguments.slice):
        raise UserError(
            "--every, --whole and --slice choose cells; leave them out, or the names of scenarios"
        )
    if arguments.slice:
        number, count = arguments.slice
        cells = default.slice_of(number, count, vocabulary(), overrides)
    else:
        cells = find_cells(paths, patterns, overrides, arguments.every, arguments.whole)
    if arguments.json and not arguments.list:
        raise UserError("--json goes with --list; the results of a run are in its summary.json")
    if arguments.list and arguments.json:
        print(json.dumps([_listed(cell) for cell in cells], indent=1))
        return 0
    if arguments.list:
        apart = fitting(cells, str(named.model))[1] if by_console else {}
        for cell in cells:
            told = f"not applicable: {apart[cell.id]}" if cell.id in apart else cell.summary
            console.print(f"{cell.id:60} {told}", markup=False, highlight=False, soft_wrap=True)
        return 0
    if by_console:
        _refuse(arguments)
        asked = console_run.ConsoleRunSpec(cells, named, arguments.out, arguments.seed)
        return console_run.run_and_print(asked, console).exit_status
    start = Start(arguments.fresh, Level.parse(arguments.snapshot_at) if arguments.snapshot_at else None)
    wanted = RunSpec(
        cells,
        overrides,
        out=arguments.out,
        jobs=arguments.jobs,
        start=start,
        seed=arguments.seed,
        keep=arguments.keep_on_failure,
        live=arguments.live,
    )
    return run_and_print(wanted, console).exit_status
