"""Boot a stack and open a shell at one of its levels.

examples:
  ./nvh shell                        L0, L1 and L2 of the default stack, a shell at L2
  ./nvh shell --at l1 --kernel debian
  ./nvh shell --at l0 -- dmesg       one command instead of a shell
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from harness.build.cache import Store
from harness.cell.prepare import Builder
from harness.cell.project import default_stack
from harness.cell.run import history
from harness.cli import common
from harness.errors import UserError
from harness.level import Level
from harness.report.progress import Progress
from harness.stack.ssh import Session
from harness.stack.stack import Stack

COMMAND_DEADLINE_S = 3600.0


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--at", choices=[str(level) for level in Level], default="l2", help="the level (default l2)"
    )
    common.add_overrides(parser)
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="run this and end")


def main(arguments: argparse.Namespace) -> int:
    """Boot, connect, and end the machine afterwards; returns the shell's or the command's status."""
    if not arguments.command and not sys.stdin.isatty():
        raise UserError("nvh shell needs a terminal; give a command after --")
    level = Level.parse(arguments.at)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="nvh-shell-") as name:
        store = Store()
        with Progress(console, history=history(store)) as progress:
            spec = default_stack(common.overrides(arguments))
            images = Builder(store, progress).images(spec)
            progress.phase("shell", f"stack up to {level}")
            stack = Stack(images, spec, Path(name), lambda stage: progress.update("shell", stage))
            try:
                stack.boot(level)
            except BaseException:
                stack.close()
                raise
            progress.done("shell", True)
        with stack:
            if arguments.command:
                done = stack.run(level, " ".join(arguments.command), COMMAND_DEADLINE_S)
                sys.stdout.buffer.write(done.stdout)
                sys.stderr.buffer.write(done.stderr)
                return done.status
            with Session(stack, level) as session:
                console.print(f"shell at {level}; leave with exit", highlight=False)
                return session.interact()
