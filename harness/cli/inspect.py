# SPDX-License-Identifier: GPL-2.0-only
"""Show KVM's state in a stopped machine: VMs, vCPUs, nested MMUs, shadow tables.

examples:
  ./nvh inspect tlbi-el2                          what L0's KVM has: L1, its vCPUs and nested contexts
  ./nvh inspect tlbi-el2 --at l1                  what L1's KVM has, read through L0's stage 2
  ./nvh inspect tlbi-el2 --compose                shadow tables against L1's tables and L0's
  ./nvh inspect tlbi-el2 --mmu 0 --ipa 0x48000000+0x200000 --json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from harness.cli.common import natural
from harness.errors import UserError
from harness.level import Level
from harness.machine.ram.inspection import inspect
from harness.machine.ram.level_report import OWN, Filter, parse_range
from harness.reproduce.inspect.terminal import render
from harness.reproduce.stopped import cell_directory, kernels_of, ram_of


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    add_machine(parser, "the level whose KVM to show")
    parser.add_argument("--vm", type=natural, metavar="N", help="this VM only")
    parser.add_argument("--mmu", metavar="N", help="this nested context only, or own: the VM's own stage 2")
    parser.add_argument("--ipa", metavar="RANGE", help="mappings of START-END, START+SIZE or one address")
    parser.add_argument("--mappings", action="store_true", help="list the mappings (--ipa does, too)")
    parser.add_argument(
        "--compose", action="store_true", help="compare shadow tables with L1's tables composed with L0's"
    )
    parser.add_argument(
        "--through", type=natural, metavar="N", help="which VM of L0 is L1, when several could be"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_machine(parser: argparse.ArgumentParser, at: str) -> None:
    """Add what names a kept machine: its cell, one of its levels (``at`` says what for), their kernels."""
    parser.add_argument("cell", metavar="CELL", help="a cell's directory, or a cell of the latest run")
    parser.add_argument(
        "--at", choices=[str(level) for level in Level], default="l0", help=f"{at} (default l0)"
    )
    parser.add_argument(
        "--vmlinux",
        action="append",
        default=[],
        metavar="LEVEL=FILE",
        help="the kernel with DWARF that a level runs, when its artefact has none",
    )


def main(arguments: argparse.Namespace) -> int:
    """Print the report; returns the exit status."""
    start, end = parse_range(arguments.ipa) if arguments.ipa else (0, None)
    chosen = Filter(
        vm=arguments.vm,
        mmu=context(arguments.mmu),
        start=start,
        end=end,
        mappings=arguments.mappings or arguments.ipa is not None,
        compose=arguments.compose,
    )
    named = vmlinux_of(arguments)
    directory = cell_directory(arguments.cell)
    kernels = kernels_of(directory, named)
    at = Level.parse(arguments.at)
    report = inspect(ram_of(directory), kernels, at, chosen, through=arguments.through)
    if arguments.json:
        json.dump(report.to_json(), sys.stdout, indent=1)
        print()
    else:
        print(render(report), end="")
    return 0


def context(text: str | None) -> int | None:
    """Return the number of a context; ``own`` is the VM's own."""
    if text is None:
        return None
    if text == "own":
        return OWN
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"--mmu {text}: a context is a number or own")
    return int(text)


def vmlinux_of(arguments: argparse.Namespace) -> dict[Level, Path]:
    """Return the files of ``--vmlinux`` by level; ``UserError`` names every word that is wrong."""
    found: dict[Level, Path] = {}
    wrong = []
    for word in arguments.vmlinux:
        name, separator, path = word.partition("=")
        if not separator or name not in {str(level) for level in Level}:
            wrong.append(f"--vmlinux {word}: write LEVEL=FILE, such as l0=/path/to/vmlinux")
        else:
            found[Level.parse(name)] = Path(path).absolute()
    if wrong:
        raise UserError("\n".join(wrong))
    return found
