# SPDX-License-Identifier: GPL-2.0-only
"""Debug a kept machine with gdb, with the symbols of one level.

examples:
  ./nvh gdb tlbi-el2                    L0's kernel
  ./nvh gdb tlbi-el2 --at l1            L1's kernel; nvh-break l1 FUNCTION stops at that level only
  ./nvh gdb tlbi-el2 --print            start the gdbstub and say how to connect
  ./nvh gdb tlbi-el2 --command nvh-where  this in gdb, then end
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import tempfile
from pathlib import Path

from harness.cli.inspect import add_machine, vmlinux_of
from harness.level import Level
from harness.reproduce.debug import gdb, session
from harness.reproduce.debug.attach import attached
from harness.reproduce.stopped import cell_directory, kept, kernels_of, opened, ram_in


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    add_machine(parser, "the level whose symbols gdb loads")
    parser.add_argument(
        "--symbols",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an additional ELF file with symbols",
    )
    parser.add_argument("--print", action="store_true", dest="only_print", help="only print how to connect")
    parser.add_argument(
        "--command",
        action="append",
        default=[],
        metavar="COMMAND",
        help="execute this in gdb, then end; repeatable",
    )


def main(arguments: argparse.Namespace) -> int:
    """Open the machine, start its stub and gdb; returns gdb's exit status."""
    level = Level.parse(arguments.at)
    named = vmlinux_of(arguments)
    directory = cell_directory(arguments.cell)
    kernels = kernels_of(directory, named)
    symbols = [path.absolute() for path in arguments.symbols]
    gdb.available(kernels, level, symbols)
    program = "" if arguments.only_print else gdb.find_gdb()
    with contextlib.ExitStack() as stack:
        if kept(directory):
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nvh-gdb-")))
            qmp: gdb.Qmp = stack.enter_context(opened(directory, place)).machine.qmp
        else:
            place, qmp = directory, stack.enter_context(attached(directory))
            qmp("stop")
        script = session.prepare(session.Debuggee(place, kernels, ram_in(directory), symbols), level)
        gdb.serve(qmp, place)
        if not arguments.only_print:
            return session.run(program, script, arguments.command)
        words = shlex.join(gdb.command("gdb-multiarch", Path(script.name)))
        print(
            f"the machine is stopped and waits for gdb:\ncd {shlex.quote(str(place))} && {words}", flush=True
        )
        if kept(directory):
            print("it ends with Ctrl-C", flush=True)
            signal.pause()
    return 0
