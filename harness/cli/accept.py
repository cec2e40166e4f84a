# SPDX-License-Identifier: GPL-2.0-only
"""Judge a patch series: what it breaks, what it fixes, which of its lines ran, what emulation costs.

examples:
  ./nvh accept series.mbox --base nv                  every patch, on the kernel nv, all default scenarios
  ./nvh accept ~/linux:v7.3..nested --patches last    a branch; a search for the first bad patch if its end is
  ./nvh accept series.mbox --level l1 --select guest-  KVM as guest hypervisor, on the kernel nv at L0
  ./nvh accept patches/ --select 'tlbi-*' --repeat 20 --timing mttcg
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from rich.console import Console

from harness.accept import base, campaign, which_steps
from harness.accept.report import html, junit, reply, store
from harness.accept.report.terminal import print_report
from harness.cli import common
from harness.host.paths import PROGRAM
from harness.level import Level
from harness.scenario.scenario import Overrides


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "series",
        metavar="SERIES",
        help="an mbox or mail, a directory of patches, a quilt series, or a git range REPO:A..B",
    )
    parser.add_argument(
        "--base",
        default=base.CONFIGURATION,
        metavar="KERNEL",
        help="the kernel it applies to: a name, a kernel file, or REPO:REF (default nv)",
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="SCENARIO",
        help="only these cells: a file, a directory, an id, a glob; repeatable (default: as nvh run)",
    )
    parser.add_argument(
        "--patches",
        default=which_steps.ALL,
        metavar="WHICH",
        help="patches to test: all, last (and a search for the first bad one), or numbers such as 1,3",
    )
    parser.add_argument(
        "--version",
        type=common.positive,
        metavar="N",
        help="the version to test, if the mbox has several (default: newest)",
    )
    parser.add_argument(
        "--repeat",
        type=common.positive,
        default=0,
        metavar="N",
        help=f"runs per cell and side (default 1 under icount, {campaign.REPEAT_RACY} otherwise)",
    )
    parser.add_argument(
        "--confirm",
        type=int,
        default=campaign.CONFIRM,
        metavar="N",
        help=f"further runs of cells that differ (default {campaign.CONFIRM})",
    )
    parser.add_argument(
        "--level",
        choices=[str(level) for level in Level],
        default=str(Level.L0),
        help="the level that runs the series (default l0); l1: KVM as a guest hypervisor, without coverage",
    )
    parser.add_argument("--no-coverage", action="store_true", help="record neither patch coverage nor cost")
    parser.add_argument(
        "--suggest",
        action="store_true",
        help="name cells or operations that could reach functions that no cell reached",
    )
    parser.add_argument("--model", help="run on this model (name or path) instead of the scenarios'")
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells in parallel")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory for the report")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Judge; returns 0 to accept, 1 to reject, 3 when the machine failed. Bad input ends with 2."""
    # What goes on is shown on the terminal; JSON alone goes to standard output.
    console = Console(file=sys.stderr) if arguments.json else Console()
    request = campaign.Request(
        source=arguments.series,
        base=arguments.base,
        select=common.split(arguments.select),
        overrides=Overrides(model=arguments.model, timing=arguments.timing),
        patches=arguments.patches,
        version=arguments.version,
        repeat=arguments.repeat,
        confirm=max(0, arguments.confirm),
        coverage=not arguments.no_coverage,
        suggest=arguments.suggest,
        jobs=arguments.jobs,
        out=arguments.out,
        command=shlex.join([PROGRAM, *sys.argv[1:]]),
        level=Level.parse(arguments.level),
    )
    report, directory = campaign.run(request, console)
    for kind in (html, reply, junit):
        kind.write(report, directory)
    path = store.write(report, directory)  # last: where it is, the rest is whole
    if arguments.json:
        print(path.read_text(encoding="utf-8"), end="")
    else:
        print_report(report, directory, console)
    return report.exit_status
