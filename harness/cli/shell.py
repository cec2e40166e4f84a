# SPDX-License-Identifier: GPL-2.0-only
"""Open a shell at a level of a new stack, or of the machine that a red cell kept.

examples:
  ./nvh shell                        L0, L1 and L2 of the default stack, a shell at L2
  ./nvh shell --at l1 --kernel debian
  ./nvh shell --at l0 -- dmesg       one command instead of a shell
  ./nvh shell storm --at l1          the machine of a cell that ran with --keep-on-failure
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from harness.attempt.execute import KEPT
from harness.attempt.job import read_job
from harness.attempt.prefix import Prefix
from harness.bundle.console_model import refuse_console
from harness.cli import common
from harness.errors import UserError
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.report.progress import Progress
from harness.reproduce.replay import find_cell
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.runner.run import history
from harness.runner.snapshots import Snapshots
from harness.stack import saved
from harness.stack.images import StackImages
from harness.stack.ssh import Session
from harness.stack.stack import Stack

COMMAND_DEADLINE_S = 3600.0


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--at", choices=[str(level) for level in Level], default="l2", help="the level (default l2)"
    )
    parser.add_argument(
        "cell", nargs="?", metavar="CELL", help="a cell's directory, or its name in the latest run"
    )
    parser.add_argument("--fresh", action="store_true", help="boot the stack, restore none from a snapshot")
    common.add_overrides(parser)
    parser.set_defaults(rest=[])


def main(arguments: argparse.Namespace) -> int:
    """Boot, connect, and end the machine afterwards; returns the shell's or the command's status."""
    if not arguments.rest and not sys.stdin.isatty():
        raise UserError("nvh shell needs a terminal; give a command after --")
    level = Level.parse(arguments.at)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="nvh-shell-") as name:
        store = Store()
        with Progress(console, history=history(store)) as progress:
            source: Path | None
            if arguments.cell:
                cell = find_cell(arguments.cell)
                job = read_job(cell)
                spec, images, source = job.cell.stack, job.images, kept(cell)
            else:
                refuse_console(arguments.model, "nvh shell", "talks to the agents of the levels")
                spec = default_stack(common.overrides(arguments))
                images = Builder(store, progress).images(spec)
                made = None if arguments.fresh else _snapshot(store, progress, images, Prefix(spec, level))
                source = made.path if made else None
            progress.phase("shell", f"stack up to {level}")
            stack = Stack(images, spec, Path(name), lambda stage: progress.update("shell", stage))
            try:
                if source:
                    saved.restore(stack, source, os.urandom(32))
                stack.boot(level)
            except BaseException:
                stack.close()
                raise
            progress.done("shell", True)
        with stack, stack.agent.running_freely():
            if arguments.rest:
                done = stack.run(level, " ".join(arguments.rest), COMMAND_DEADLINE_S)
                sys.stdout.buffer.write(done.stdout)
                sys.stderr.buffer.write(done.stderr)
                return done.status
            with Session(stack, level) as session:
                console.print(f"shell at {level}; leave with exit", highlight=False)
                return session.interact()


def kept(cell: Path) -> Path:
    """Return where the machine of ``cell`` was saved; ``UserError`` when it was not."""
    place = cell / KEPT
    if not (place / saved.RECORD).is_file():
        raise UserError(f"{cell} has no saved machine; run it again with --keep-on-failure")
    return place


def _snapshot(store: Store, progress: Progress, images: StackImages, prefix: Prefix) -> Artefact | None:
    return Snapshots(store, progress.note).get(images, prefix)
