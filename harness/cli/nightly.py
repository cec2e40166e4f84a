# SPDX-License-Identifier: GPL-2.0-only
"""Run a plan of models, kernels and scenarios, and make a page that says what is new.

examples:
  ./nvh nightly images/plans/nightly.yaml --dry-run         what would run, and how long it would take
  ./nvh nightly images/plans/nightly.yaml                   on this machine
  ./nvh nightly images/plans/nightly.yaml --backend dask --scheduler tls://10.0.0.5:8786 --keys ~/.nvh-farm
  ./nvh nightly images/plans/nightly.yaml --backend slurm --jobs 64
  ./nvh nightly --resume runs/20261124T010000Z              what an interrupted run had not finished
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.cli import common
from harness.errors import UserError
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.nightly.farm import nightly
from harness.nightly.farm.backend import Backend
from harness.nightly.farm.price import price, print_price
from harness.nightly.history.database import Results, default_path
from harness.nightly.history.query import Durations
from harness.runner.processes import available, cells_here
from harness.runner.run import history


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "plan", nargs="?", type=Path, metavar="PLAN.yaml", help="the plan to run (docs/nightly.md)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check the plan and estimate its time; run nothing"
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="continue the run in this directory")
    parser.add_argument("--backend", choices=tuple(BACKENDS), default="local", help="where cells run")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="address of the dask scheduler (nvh farm scheduler)"
    )
    parser.add_argument(
        "--keys", type=Path, metavar="DIR", help="directory of the farm's TLS keys (nvh farm keys)"
    )
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells in parallel (local, slurm)")
    parser.add_argument("--fresh", action="store_true", help="boot every cell, restore none from a snapshot")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory for the run (default: runs/…)")
    parser.add_argument("--url", default="", help="where the directory of runs is published, for kcidb.json")
    parser.add_argument("--results", type=Path, metavar="FILE", help="the results store (default: in runs/)")


def _check_local(_: argparse.Namespace) -> None:
    """This machine is there."""


def _check_dask(arguments: argparse.Namespace) -> None:
    from harness.nightly.farm import dask_cluster

    if not arguments.scheduler:
        raise UserError("--backend dask needs --scheduler ADDRESS; start one with: ./nvh farm scheduler")
    dask_cluster.need_distributed()
    dask_cluster.security(arguments.keys)
    dask_cluster.check_listening(arguments.scheduler, arguments.keys)


def _check_slurm(_: argparse.Namespace) -> None:
    from harness.nightly.farm.slurm import check_slurm

    check_slurm()


def _local(arguments: argparse.Namespace, _: Path) -> Backend:
    from harness.nightly.farm.local import Local

    return Local(arguments.jobs)


def _dask(arguments: argparse.Namespace, directory: Path) -> Backend:
    from harness.nightly.farm import dask_cluster

    return dask_cluster.Dask(arguments.scheduler, directory.name, arguments.keys)


def _slurm(arguments: argparse.Namespace, directory: Path) -> Backend:
    from harness.nightly.farm.slurm import Slurm

    return Slurm(directory.absolute(), arguments.jobs)


BACKENDS = {
    "local": (_check_local, _local),
    "dask": (_check_dask, _dask),
    "slurm": (_check_slurm, _slurm),
}
"""Of each backend what refuses it before anything is made or built, and what makes it."""


def _durations(results: Results) -> Durations:
    """What nights took, and on this machine every other run."""
    return Durations(results, cells_here(history(Store())))


def main(arguments: argparse.Namespace) -> int:
    """Run; returns the exit status of the worst verdict that counts, and 3 when something never ran."""
    console = Console(highlight=False)
    settings = nightly.Settings(arguments.results, arguments.out, RUNS, arguments.fresh, url=arguments.url)
    if (arguments.plan is None) == (arguments.resume is None):
        raise UserError("name a plan, or the run to --resume")
    if arguments.dry_run:
        if arguments.plan is None:
            raise UserError("--dry-run is about a plan")
        plan, _ = nightly.ordered(arguments.plan, settings)
        with Results(arguments.results or default_path(RUNS)) as results:
            slots = arguments.jobs or int(available().cpus)
            print_price(plan, price(plan, _durations(results), slots), console)
        return 0
    check, make = BACKENDS[arguments.backend]
    check(arguments)
    if arguments.resume:
        begun = nightly.resume(arguments.resume.resolve())
    else:
        begun = nightly.begin(arguments.plan, settings)
        with Results(arguments.results or default_path(RUNS)) as results:
            slots = arguments.jobs or int(available().cpus)
            print_price(begun[0], price(begun[0], _durations(results), slots), console)
    return nightly.run(*begun, lambda directory: make(arguments, directory), settings, console)
