# SPDX-License-Identifier: GPL-2.0-only
"""Judge a patch series: what it breaks, what it fixes, which of its lines ran, what emulation costs.

examples:
  ./nvh accept series.mbox --base nv                  every patch, on the kernel nv, the cells for its lines
  ./nvh accept series.mbox --dry-run                  which cells those are, and what it takes
  ./nvh accept ~/linux:v7.3..nested --patches last    a branch; a search for the first bad patch if its end is
  ./nvh accept series.mbox --level l1 --select 'guest-*'  KVM as guest hypervisor, on the kernel nv at L0
  ./nvh accept patches/ --select 'tlbi-*' --repeat 20 --timing mttcg
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
from pathlib import Path

from rich.console import Console

from harness.accept import base, cost_limit, request, start, which_steps
from harness.accept.lab import selected
from harness.accept.report import html, junit, reply, store
from harness.accept.report.terminal import print_report
from harness.cli import common
from harness.errors import EXIT_PASS, UserError
from harness.host.paths import PROGRAM
from harness.level import Level
from harness.scenario.scenario import Overrides


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "series",
        metavar="SERIES",
        nargs="?",
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
        help="only these cells: a file, a directory, an id, a glob; repeatable (default: chosen from what "
        "the series touches)",
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
        help=f"runs per cell and side (default 1 under icount, {request.REPEAT_RACY} otherwise)",
    )
    parser.add_argument(
        "--confirm",
        type=common.natural,
        default=request.CONFIRM,
        metavar="N",
        help=f"further runs of cells that differ (default {request.CONFIRM})",
    )
    parser.add_argument(
        "--budget",
        type=common.positive,
        default=int(request.BUDGET_S / 60),
        metavar="MINUTES",
        help="without --select: minutes that all cells may take, builds apart (default 10)",
    )
    parser.add_argument(
        "--cost-limit",
        type=_limit,
        default=cost_limit.LIMIT,
        metavar="PERCENT",
        help="rise of L0's instructions for a TLBI that rejects the series, or none (default 10)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would run, at what price")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with an acceptance that was interrupted"
    )
    parser.add_argument(
        "--level",
        choices=[str(level) for level in Level],
        default=str(Level.L0),
        help="the level that runs the series (default l0); l1: KVM as a guest hypervisor, without coverage",
    )
    parser.add_argument(
        "--base-anew",
        action="store_true",
        help="run the base's cells again, although an earlier acceptance on this base has",
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
    if arguments.resume:
        return _resume(arguments, console)
    if not arguments.series:
        raise UserError("name a series: an mbox, a directory of patches, a quilt series, or REPO:A..B")
    wanted = _request(arguments, tuple(sys.argv[1:]))
    if any(wanted.select):
        selected(wanted.select, wanted.overrides, wanted.level)  # wrong names come before anything is fetched
    if arguments.dry_run:
        start.dry_run(wanted, console)
        return EXIT_PASS
    return _judge(wanted, arguments.json, console)


def _request(arguments: argparse.Namespace, argv: tuple[str, ...]) -> request.Request:
    return request.Request(
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
        command=shlex.join([PROGRAM, *argv]),
        level=Level.parse(arguments.level),
        budget_s=60.0 * arguments.budget,
        cost_limit=arguments.cost_limit,
        argv=argv,
        base_anew=arguments.base_anew,
    )


def _resume(arguments: argparse.Namespace, console: Console) -> int:
    """Go on with an acceptance as it was asked for, where it was asked for."""
    if arguments.series:
        raise UserError(f"--resume goes on with the series that it began with; leave {arguments.series} out")
    place = arguments.resume.absolute()
    begun = request.begun(place)
    if (place / store.NAME).exists():
        raise UserError(
            f"the acceptance in {arguments.resume} is done; see it with: nvh show {arguments.resume}"
        )
    os.chdir(begun.cwd)
    parser = argparse.ArgumentParser()
    options(parser)
    # The verb itself stands among the words, behind what belongs to every verb.
    words = begun.argv[begun.argv.index("accept") + 1 :]
    wanted = _request(parser.parse_args(words), begun.argv)
    return _judge(dataclasses.replace(wanted, out=place, resume=True), arguments.json, console)


def _judge(wanted: request.Request, as_json: bool, console: Console) -> int:
    report, directory = start.run(wanted, console)
    for kind in (html, reply, junit):
        kind.write(report, directory)
    path = store.write(report, directory)  # last: where it is, the rest is whole
    if as_json:
        print(path.read_text(encoding="utf-8"), end="")
    else:
        print_report(report, directory, console)
    return report.exit_status


def _limit(word: str) -> float | None:
    """Return a relative limit from a percentage, None from ``none``."""
    if word == "none":
        return None
    try:
        value = float(word.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1000:
        raise argparse.ArgumentTypeError(f"{word!r} is neither a percentage from 0 to 1000 nor none")
    return value / 100
