# SPDX-License-Identifier: GPL-2.0-only
"""Show a run or one of its cells again.

examples:
  ./nvh show                                  the latest run
  ./nvh show l1-userspace-storm --console l1  the end of L1's console in that cell
"""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from harness.host.paths import RUNS
from harness.report.show import data, show


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "target", nargs="?", metavar="RUN|CELL", help="a run directory or a cell; default: latest"
    )
    parser.add_argument("--console", choices=("l0", "l1", "l2"), help="print the end of that level's console")
    parser.add_argument(
        "--events", type=int, default=5, metavar="N", help="events around a trigger (default 5)"
    )
    parser.add_argument("--json", action="store_true", help="print the run or the cell as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print; returns the exit status."""
    if arguments.json:
        print(json.dumps(data(arguments.target, RUNS), indent=1))
        return 0
    show(arguments.target, RUNS, Console(), events=arguments.events, console_level=arguments.console)
    return 0
