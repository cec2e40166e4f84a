# SPDX-License-Identifier: GPL-2.0-only
"""Check programs, compute what each line may observe, run them nested or bare, shrink and keep them.

examples:
  ./nvh program mine.nvl                              check it, and print what is allowed of each line
  ./nvh program scenarios/programs/wide-vmid.nvl --on both
  ./nvh program mine.nvl --on nested --shrink --keep short.nvl

The language, the memory map and how to write one: docs/programs.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from harness.bundle.console_model import refuse_console
from harness.cli import common
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, InputError, Problem, UserError
from harness.host.cache import write_atomic
from harness.level import Level
from harness.program.allowed import allowed_of
from harness.program.render import plain
from harness.reproduce.hunt.keep import claims_of
from harness.reproduce.hunt.program_findings import NOT_APPLICABLE
from harness.reproduce.programs import corpus
from harness.reproduce.programs.checker import SEE, Checked, check, check_file
from harness.reproduce.programs.seen import BARE, NESTED, ObservedProgram
from harness.reproduce.programs.terminal import show, to_json

ON = (NESTED, BARE)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="programs (docs/programs.md)")
    parser.add_argument(
        "--on", choices=[*ON, "both"], help="run them: under L0's kernel, at true EL2, or both"
    )
    common.add_overrides(parser)
    parser.add_argument("--mutant", help="switch this injected fault on in L0's kernel (docs/mutants.md)")
    parser.add_argument("--shrink", action="store_true", help="make a program that fails as short as can be")
    parser.add_argument(
        "--keep",
        type=common.file_to_write,
        metavar="FILE",
        help="write the one program, shrunk or not: *.nvl, or *.yaml",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory for the nested run's results")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Check, run, shrink, keep; 0: all is allowed, 1: something is not, 2: a wrong program, 3: no verdict."""
    refuse_console(arguments.model, "nvh program", "sends a program to L0 while it runs")
    _asked(arguments)
    console = Console(stderr=arguments.json)
    files = _read(arguments.files)
    overrides = common.overrides(arguments)
    seen: dict[tuple[Path, str], list[ObservedProgram]] = {
        (path, each.name): [] for path, programs in files.items() for each in programs
    }
    if arguments.on:
        from harness.reproduce.programs import (
            run_programs,  # a check needs nothing of a machine, and is quick
        )

        if arguments.on in (BARE, "both"):
            for key, one in run_programs.bare(files, overrides, console).items():
                seen[key].append(one)
        if arguments.on in (NESTED, "both"):
            for key, one in run_programs.nested(files, overrides, console, arguments.out).items():
                seen[key].append(one)
    if arguments.json:
        print(json.dumps([to_json(c, seen[p, c.name]) for p, cs in files.items() for c in cs], indent=1))
    else:
        for path, programs in files.items():
            for checked in programs:
                show(checked, seen[path, checked.name], console)
    _shorten(arguments, files, seen, console)
    return exit_status(one.verdict for each in seen.values() for one in each)


def exit_status(verdicts: Iterable[str]) -> int:
    """Of what programs saw: 1 where something is not allowed, 3 where nothing can be said of one, else 0."""
    found = set(verdicts)
    if found & {"fail", "hang", "broken"}:
        return EXIT_RED
    if found == {NOT_APPLICABLE}:  # nothing was run
        return EXIT_INFRA
    return EXIT_INFRA if found & {"vacuous", "undecided", "infra"} else EXIT_PASS


def _asked(arguments: argparse.Namespace) -> None:
    """``UserError`` for options that do not go together."""
    kernels = [arguments.kernel, *(getattr(arguments, f"{level}_kernel") for level in Level)]
    of_a_run = {
        "--shrink": arguments.shrink,
        "--mutant": arguments.mutant,
        **dict(zip(["--kernel", *(f"--{level}-kernel" for level in Level)], kernels, strict=True)),
        "--model": arguments.model,
        "--timing": arguments.timing,
        "--sanitize": arguments.sanitize,
        "--out": arguments.out,
    }
    without = [option for option, value in of_a_run.items() if value]
    if without and not arguments.on:
        raise UserError(
            f"{', '.join(without)}: nothing runs without --on; add --on nested, --on bare or --on both"
        )
    if arguments.on == BARE and (arguments.mutant or any(kernels)):
        raise UserError("no kernel runs on the bare machine: leave --kernel and --mutant out")
    if arguments.keep and arguments.keep.suffix not in (".nvl", ".yaml"):
        raise UserError(f"--keep {arguments.keep}: a name that ends in .nvl or .yaml")


def _read(paths: Sequence[Path]) -> dict[Path, list[Checked]]:
    """Every file checked; one ``InputError`` with the problems of all."""
    found: dict[Path, list[Checked]] = {}
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        try:
            found[path] = check_file(path)
            corpus.header(path.read_text(encoding="utf-8"), str(path))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems, SEE)
    return found


def _shorten(
    arguments: argparse.Namespace,
    files: dict[Path, list[Checked]],
    seen: dict[tuple[Path, str], list[ObservedProgram]],
    console: Console,
) -> None:
    """What ``--shrink`` and ``--keep`` ask for."""
    if not (arguments.shrink or arguments.keep):
        return
    each = [(path, checked) for path, programs in files.items() for checked in programs]
    red = [(p, c) for p, c in each if any(one.verdict == "fail" for one in seen[p, c.name])]
    chosen = red or each
    if arguments.keep and len(chosen) != 1:
        raise UserError(f"--keep is for one program, not for {len(chosen)}")
    for path, checked in chosen:
        short = checked
        if arguments.shrink and red:
            where = next(one.place for one in seen[path, checked.name] if one.verdict == "fail")
            short = _shrink(path, checked, where, arguments, console)
        if arguments.keep:
            keep(arguments.keep, path, short)
            console.print(f"kept in {arguments.keep}", markup=False, highlight=False, soft_wrap=True)


def _shrink(
    path: Path, checked: Checked, where: str, arguments: argparse.Namespace, console: Console
) -> Checked:
    from harness.reproduce.programs import run_programs

    shorter = run_programs.shrink(path, checked, where, common.overrides(arguments), console)
    if shorter.finding is None:
        console.print(f"{checked.name} did not fail again alone", highlight=False)
        return checked
    head = corpus.CorpusHeader()
    text = plain(shorter.program, checked.name, allowed_of(shorter.program))
    (short,) = check(text, str(path))
    count, before = len(shorter.program.actions), len(checked.program.actions)
    console.print(
        f"{checked.name}: {before} actions, shrunk to {count} in {shorter.runs} runs", highlight=False
    )
    console.print(corpus.corpus_text(short, head), markup=False, highlight=False, soft_wrap=True)
    return short


def keep(target: Path, path: Path, checked: Checked) -> None:
    """Leave a program as a file of the corpus, or as an ordinary scenario."""
    head = corpus.header(path.read_text(encoding="utf-8"), str(path))
    if target.suffix == ".yaml":
        values = {"claims": ", ".join(claims_of(checked.program)), **head.values}
        text = corpus.scenario_text(target.stem, [checked], corpus.CorpusHeader(values, head.where))
    else:
        text = corpus.corpus_text(checked, head)
    write_atomic(target, text)
