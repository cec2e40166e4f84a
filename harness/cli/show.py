# SPDX-License-Identifier: GPL-2.0-only
"""Show a run or one of its cells again.

examples:
  ./nvh show                                  the latest run
  ./nvh show l1-userspace-storm --console l1  the end of L1's console in that cell
  ./nvh show runs/ID                          of an acceptance: its mail, and where the page is
"""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from harness.accept.report import shown
from harness.cli import common
from harness.host.paths import RUNS
from harness.report.show import data, show


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "target",
        nargs="?",
        metavar="RUN|CELL",
        help="a run or acceptance directory, or a cell; default: latest",
    )
    parser.add_argument("--console", choices=("l0", "l1", "l2"), help="print the end of that level's console")
    parser.add_argument(
        "--events", type=common.natural, default=5, metavar="N", help="events around a trigger (default 5)"
    )
    parser.add_argument("--json", action="store_true", help="print the run or the cell as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print; returns the exit status."""
    place = shown.place(arguments.target, RUNS)
    if place:
        print(shown.as_json(place) if arguments.json else shown.as_text(place), end="")
        return 0
    if arguments.json:
        print(json.dumps(data(arguments.target, RUNS), indent=1))
        return 0
    show(arguments.target, RUNS, Console(), events=arguments.events, console_level=arguments.console)
    return 0
