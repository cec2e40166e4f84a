# SPDX-License-Identifier: GPL-2.0-only
"""Judge the console of a machine that ran a bundle: the results are those of an ordinary run.

examples:
  ./nvh judge console.log --bundle nvh-bundle
  ./nvh judge console.log --bundle nvh-bundle.tar.zst --machine graviton --version "Neoverse V2 r0p1"
  ./nvh judge console.log --json --out /tmp/judged
  ./nvh judge --on qemu-console --bundle nvh-bundle --set 'cases=trap-*' --set seconds=60
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from harness.bundle.judged import Asked, judge, run_on
from harness.errors import UserError
from harness.host.paths import RUNS
from harness.report.publish import point_latest
from harness.report.store import to_json
from harness.report.terminal import print_summary


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "log", nargs="?", type=Path, metavar="LOG", help="what the console printed, or run.sh's output"
    )
    parser.add_argument(
        "--on", metavar="CONSOLE", help="first run the bundle on this console model (a name or a path)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with --on: an option of the bundle, such as cases=GLOB,… (may be repeated)",
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("nvh-bundle"),
        metavar="DIR",
        help="the bundle that ran, its directory or archive; default nvh-bundle",
    )
    parser.add_argument(
        "--machine", default="", metavar="NAME", help="what to call the machine in the results"
    )
    parser.add_argument(
        "--version",
        default="",
        metavar="TEXT",
        help="its version, by which `nvh coverage` puts runs together",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new directory for the results (default: runs/…)"
    )
    parser.add_argument("--json", action="store_true", help="print summary.json")


def main(arguments: argparse.Namespace) -> int:
    """Judge; returns the exit status of a run."""
    if (arguments.log is None) == (arguments.on is None):
        raise UserError("give a LOG to judge, or a machine to run the bundle on with --on; not both")
    if arguments.set and arguments.on is None:
        raise UserError(
            "--set is an option of the bundle that --on runs; of a LOG the bundle has run already"
        )
    asked = Asked(
        arguments.log or Path(), arguments.bundle, arguments.out, arguments.machine, arguments.version
    )
    if arguments.on is not None:
        summary, directory = run_on(asked, arguments.on, arguments.set)
    else:
        summary, directory = judge(asked)
    if arguments.out is None:
        point_latest(RUNS, directory)
    if arguments.json:
        print(json.dumps(to_json(summary), indent=1))
    else:
        print_summary(summary, Console(), directory=directory)
    return summary.exit_status
