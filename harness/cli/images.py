"""Build, list or delete the artefacts: models, kernels, root file systems.

examples:
  ./nvh images build                build everything that the shipped scenarios need
  ./nvh images build kernel:debian  build one artefact
  ./nvh images list                 what is in the cache, how large, when last used
  ./nvh images gc --days 14 --budget 20G
"""

from __future__ import annotations

import argparse
import re
import time

from rich.console import Console
from rich.table import Table

from harness.build.cache import Store, tree_bytes
from harness.build.kernel.tree import prune
from harness.build.paths import data_names
from harness.cell.prepare import Builder, build_all
from harness.cell.project import find_cells
from harness.cell.run import history
from harness.errors import UserError, closest
from harness.report.progress import Progress
from harness.scenario.scenario import NO_OVERRIDES

UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
DAY_S = 86400.0


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser(
        "build", help="build artefacts", epilog="example: ./nvh images build kernel:nv"
    )
    build.add_argument(
        "names", nargs="*", metavar="KIND:NAME", help="model:…, kernel:… or rootfs:…; default: all"
    )
    actions.add_parser("list", help="list the cache", epilog="example: ./nvh images list")
    gc = actions.add_parser("gc", help="delete old artefacts", epilog="example: ./nvh images gc --days 14")
    gc.add_argument(
        "--days", type=float, default=30.0, help="delete what was not used for so long (default 30)"
    )
    gc.add_argument(
        "--budget", metavar="SIZE", help="then delete the oldest until the cache is no larger, e.g. 20G"
    )
    gc.add_argument("--all", action="store_true", help="delete every artefact")


def main(arguments: argparse.Namespace) -> int:
    """Carry out the action; returns the exit status."""
    return {"build": _build, "list": _list, "gc": _gc}[arguments.action](arguments)


def _build(arguments: argparse.Namespace) -> int:
    store = Store()
    with Progress(Console(), history=history(store)) as progress:
        builder = Builder(store, progress)
        makers = {"model": builder.model, "kernel": builder.kernel, "rootfs": builder.rootfs}
        for word in arguments.names:
            kind, _, name = word.partition(":")
            if kind not in makers:
                near = closest(kind, makers)
                hint = f"; did you mean {near!r}?" if near else ""
                raise UserError(f"{word!r} is not KIND:NAME with KIND model, kernel or rootfs{hint}")
            makers[kind](name)
        if not arguments.names:
            build_all(find_cells([], [], NO_OVERRIDES), builder)
            for name in data_names("models"):
                builder.model(name)
    return 0


def _list(_: argparse.Namespace) -> int:
    store = Store()
    table = Table("kind", "digest", "what", "MiB", "unused for", box=None)
    total = 0
    for artefact in store.artefacts():
        size = tree_bytes(artefact.path)
        total += size
        idle = (time.time() - artefact.path.stat().st_mtime) / DAY_S
        what = str(artefact.manifest.get("name") or artefact.manifest.get("release") or "")
        table.add_row(artefact.kind, artefact.digest, what, f"{size / 2**20:.0f}", f"{idle:.1f} days")
    console = Console()
    console.print(table)
    console.print(f"{total / 2**30:.1f} GiB in {store.root}", highlight=False)
    return 0


def _gc(arguments: argparse.Namespace) -> int:
    budget = None
    if arguments.budget:
        match = re.fullmatch(r"(\d+)([KMGT]?)", arguments.budget)
        if not match:
            raise UserError(f"--budget {arguments.budget!r} is no size; write for example 20G")
        budget = int(match[1]) * UNITS.get(match[2], 1)
    age = 0.0 if arguments.all else arguments.days * DAY_S
    store = Store()
    sizes = [size for _, size in store.collect(age, budget)]
    trees = [size for _, size in prune(store, age)]
    print(f"deleted {len(sizes)} artefacts, {sum(sizes) / 2**20:.0f} MiB")
    print(f"deleted {len(trees)} kernel build trees, {sum(trees) / 2**20:.0f} MiB")
    return 0
