# SPDX-License-Identifier: GPL-2.0-only
"""Find the first bad build of a model, or the first bad commit of a kernel, by chosen cells.

examples:
  ./nvh bisect tlbi-el2 --model 2026-11-20..2026-11-24 --builds ~/model/nightly
  ./nvh bisect 'litmus-trap*' --model good..bad --builds builds.txt --repeats 10
  ./nvh bisect --bare --model good..bad --builds builds.txt      by the bare steps, without a kernel
  ./nvh bisect tlbi-e1-all --kernel ./mine.yaml --range v7.2..HEAD
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.bundle.console_model import refuse_console
from harness.cli import common
from harness.errors import NvhError, UserError
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.nightly.farm import bare_steps, bisect
from harness.report.publish import make_run_directory
from harness.runner.choice import Start
from harness.runner.project import find_cells
from harness.runner.quarantine import NO_QUARANTINE
from harness.runner.run import RunSpec, run_cells
from harness.scenario.scenario import Overrides


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "cells", nargs="*", metavar="CELL", help="the cells that tell good from bad: ids, globs or files"
    )
    parser.add_argument(
        "--bare",
        action="store_true",
        help="tell good from bad by the bare steps of nvh model check: no cells, no kernel",
    )
    parser.add_argument(
        "--model", metavar="NAME|GOOD..BAD", help="a range of the builds, or the model to run on"
    )
    parser.add_argument(
        "--builds", type=Path, metavar="FILE|DIR", help="model files or QEMUs, the oldest first"
    )
    parser.add_argument(
        "--like",
        default="qemu",
        metavar="MODEL",
        help="run a QEMU with the options of this model (default: qemu)",
    )
    parser.add_argument(
        "--kernel", metavar="NAME|FILE", help="the kernel; with --range, a file with a git source"
    )
    parser.add_argument("--range", metavar="GOOD..BAD", help="commits of the kernel's repository")
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    parser.add_argument(
        "--repeats",
        type=common.positive,
        default=3,
        metavar="N",
        help="runs of the bad end, each with another seed, to measure how flaky it is (default 3)",
    )
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells in parallel")
    parser.add_argument("--fresh", action="store_true", help="boot every cell, make no snapshots of builds")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new directory for the runs (default: runs/…)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Search; returns 0 when the first bad build was found, whatever is bad about it."""
    over_models = bool(arguments.builds)
    if over_models == bool(arguments.range):
        raise UserError("give --model GOOD..BAD with --builds, or --kernel FILE with --range GOOD..BAD")
    if over_models and not arguments.model:
        raise UserError("--builds needs --model GOOD..BAD, two names of the list")
    if arguments.range and not arguments.kernel:
        raise UserError("--range needs --kernel FILE, whose source is the git repository")
    if arguments.bare == bool(arguments.cells):
        raise UserError("name the cells that tell good from bad, or give --bare")
    if arguments.bare and not over_models:
        raise UserError("--bare is about models: give --model GOOD..BAD with --builds")
    if not over_models:
        refuse_console(arguments.model, "nvh bisect", "has cells run from snapshots")
    paths, patterns = common.split(arguments.cells)
    if not arguments.bare:
        find_cells(paths, patterns, Overrides())  # report a wrong name before anything is built
    console = Console(highlight=False)
    directory = make_run_directory(RUNS, arguments.out)
    if over_models:
        listed = bisect.model_builds(arguments.builds, arguments.like, directory)
        builds = bisect.between(listed, arguments.model)
    else:
        builds = bisect.kernel_builds(arguments.kernel, arguments.range, directory)

    def run(build: bisect.BisectedBuild, number: int) -> bisect.BuildRun:
        model = build.file if over_models else arguments.model
        kernel = arguments.kernel if over_models else build.file
        overrides = Overrides(kernel=kernel, model=model, timing=arguments.timing)
        place = directory / f"{builds.index(build):03d}-{number}"
        try:
            cells = find_cells(paths, patterns, overrides)
            wanted = RunSpec(
                cells,
                overrides,
                out=place,
                jobs=arguments.jobs,
                start=Start(arguments.fresh),
                seed=number,
                quarantine=NO_QUARANTINE,  # a build is good or bad whatever is known of the newest kernel
            )
            summary, _ = run_cells(wanted, console)
        except NvhError as error:
            return bisect.BuildRun(frozenset(), f"could not be run: {error}", judged=False)
        return bisect.seen_of(summary.cells, str(place))

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    def bare(build: bisect.BisectedBuild, number: int) -> bisect.BuildRun:
        return bare_steps.seen(build, directory / f"{builds.index(build):03d}-{number}", Store())

    how = bare if arguments.bare else run
    outcome = bisect.Bisection(builds, how, say, arguments.repeats).search()
    for line in bisect.lines_of(outcome):
        say(line)
    return 0
