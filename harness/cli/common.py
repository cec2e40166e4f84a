# SPDX-License-Identifier: GPL-2.0-only
"""Options that several verbs share."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.errors import UserError
from harness.level import Level
from harness.scenario.scenario import Overrides


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose cells and what they run on."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="SCENARIO",
        help="a scenario file, a directory, or a cell by id, glob or part of its id; "
        "default: the folders of scenarios/ without a file ON-REQUEST",
    )
    add_overrides(parser)
    parser.add_argument("--mutant", help="switch this injected fault on in L0's kernel (docs/mutants.md)")
    parser.add_argument(
        "--l1-mutant",
        metavar="MUTANT",
        help="switch this injected fault on in L1's kernel; it may be a guest hypervisor's or a host's "
        "(docs/mutants.md)",
    )


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the options that replace what scenarios say."""
    parser.add_argument("--model", help="run on this model (name or path) instead of the scenario's")
    parser.add_argument("--kernel", help="run this kernel (name or path) at every level")
    for level in Level:
        parser.add_argument(
            f"--{level}-kernel",
            metavar="KERNEL",
            help=f"run this kernel (name or path) at L{int(level)}, whatever the others run",
        )
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    add_locked(parser)
    parser.add_argument(
        "--sanitize",
        choices=["tlb", "model"],
        help="watch the machine with the TLB sanitizer; model: judge the model, too (docs/sanitizer.md)",
    )


def add_locked(parser: argparse.ArgumentParser) -> None:
    """Add the option that pins what artefacts are made of; main puts it into the environment."""
    parser.add_argument(
        "--locked",
        type=Path,
        metavar="FILE",
        help="use exactly the versions in this file of `nvh images lock` (default: $NVH_LOCK)",
    )


def overrides(arguments: argparse.Namespace) -> Overrides:
    """Return what the command line replaces in every scenario."""
    return Overrides(
        kernel=arguments.kernel,
        l0_kernel=arguments.l0_kernel,
        l1_kernel=arguments.l1_kernel,
        l2_kernel=arguments.l2_kernel,
        model=arguments.model,
        timing=arguments.timing,
        mutant=getattr(arguments, "mutant", None),
        l1_mutant=getattr(arguments, "l1_mutant", None),
        sanitize=arguments.sanitize,
    )


def positive(text: str) -> int:
    """Return the whole number above 0 that ``text`` says; for argparse."""
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def natural(text: str) -> int:
    """Return the whole number from 0 on that ``text`` says; for argparse."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def file_to_write(text: str) -> Path:
    """Return the path of a file to write, whose directory has to be there; for argparse."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a directory; name a file")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no directory {path.parent}")
    return path


def split(words: list[str]) -> tuple[list[Path], list[str]]:
    """Return the paths and the cell patterns among ``words``."""
    paths, patterns = [], []
    for word in words:
        if not word:
            raise UserError("'' names no scenario; leave it out for the default ones")
        path = Path(word)
        if path.exists() or word.endswith((".yaml", ".yml", ".nvl")):
            paths.append(path)
        else:
            patterns.append(word)
    return paths, patterns
