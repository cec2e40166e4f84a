# SPDX-License-Identifier: GPL-2.0-only
"""Make a directory that runs the litmus cases without nvh: on any model, on silicon.

examples:
  ./nvh bundle --out bundle            bundle/ and bundle.tar.zst; MANIFEST.json has commands to paste
  ./nvh bundle --out b --kernel debian
  ./nvh bundle --out b --mutant ipas2-no-unmap   with a kernel that must be noticed
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.bundle.build import BundleSpec, make
from harness.bundle.commands import commands
from harness.cli import common
from harness.host.cache import Store
from harness.report.progress import Progress
from harness.runner.run import history
from harness.scenario import mutants
from harness.scenario.defaults import MUTANT_KERNEL

MIB = 2**20


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("nvh-bundle"),
        metavar="DIR",
        help="new directory; default nvh-bundle",
    )
    parser.add_argument("--kernel", default="nv", help="kernel of L0: a name or a path; default nv")
    parser.add_argument(
        "--mutant", default="", help="boot a kernel with this injected fault (docs/mutants.md)"
    )
    parser.add_argument(
        "--board", default="virt", help="what bare/nvh-bare.img runs on: a name or a path; default virt"
    )
    parser.add_argument("--no-archive", action="store_true", help="no DIR.tar.zst beside the directory")
    common.add_locked(parser)


def main(arguments: argparse.Namespace) -> int:
    """Make it; returns the exit status."""
    if arguments.mutant:
        mutants.choose(mutants.load(), [arguments.mutant])
    kernel = MUTANT_KERNEL if arguments.mutant else arguments.kernel
    store = Store()
    console = Console()
    with Progress(console, history=history(store)) as progress:
        archive = not arguments.no_archive
        wanted = BundleSpec(arguments.out, kernel, arguments.mutant, archive, arguments.board)
        made = make(wanted, store, progress)
    print(f"bundle {made.id}: {made.directory}, {made.bytes / MIB:.1f} MiB")
    if made.archive:
        print(f"{made.archive}, {made.archive_bytes / MIB:.1f} MiB")
    print(f"in it, for example:\n  {commands(arguments.mutant)[0]['command']}")
    return 0
