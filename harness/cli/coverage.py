# SPDX-License-Identifier: GPL-2.0-only
"""Print which TLBI operations the litmus cells of a run exercised.

examples:
  ./nvh run scenarios/litmus && ./nvh coverage     operation, regime, granule and scope, a table for each QEMU
  ./nvh coverage --model qemu --model 'qemu-48*'     cells on these models only
  ./nvh coverage runs/latest --json                the same for a machine
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness.host.paths import RUNS
from harness.litmus.coverage import coverage
from harness.litmus.coverage_section import to_text


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "runs", nargs="*", type=Path, metavar="DIR", help="run directories; default: runs/latest"
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="GLOB",
        help="only cells on this model (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print; returns the exit status."""
    found = coverage(arguments.runs or [RUNS / "latest"], arguments.model)
    if arguments.json:
        print(json.dumps([table.to_json() for table in found], indent=1))
    else:
        print("\n".join(to_text(table) for table in found), end="")
    return 0
