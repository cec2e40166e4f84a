# SPDX-License-Identifier: GPL-2.0-only
"""Build, list, lock or delete the artefacts: models, kernels, root file systems.

examples:
  ./nvh images build                build everything that the shipped scenarios need
  ./nvh images build kernel:debian  build one artefact
  ./nvh images list                 what is in the cache, how large, when last used
  ./nvh images lock --out june.yaml  the versions of everything that the shipped scenarios run on
  ./nvh run --locked june.yaml      on exactly these, while the cache or the archive has them
  ./nvh images gc --days 14 --budget 20G
"""

from __future__ import annotations

import argparse
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.artefacts import lock
from harness.artefacts.kernel.tree import prune
from harness.artefacts.model import Model
from harness.artefacts.uefi import PACKAGE, build_uefi
from harness.cli import common
from harness.document.nodes import listing
from harness.errors import UserError, closest
from harness.host.cache import Store, tree_bytes
from harness.host.paths import data_names, find_data_file
from harness.report.progress import Progress
from harness.runner.prepare import Builder, build_all
from harness.runner.project import find_cells
from harness.runner.run import history
from harness.scenario.language import Cell
from harness.scenario.scenario import NO_OVERRIDES

UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
DAY_S = 86400.0
KINDS = {"model": "models", "kernel": "kernels", "rootfs": "rootfs", "uefi": ""}
"""What KIND may be, and its folder of images; UEFI is Debian's."""


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser(
        "build", help="build artefacts", epilog="example: ./nvh images build kernel:nv"
    )
    build.add_argument(
        "names",
        nargs="*",
        metavar="KIND:NAME",
        help="model:…, kernel:…, rootfs:… or uefi:…; default: all but the last",
    )
    common.add_locked(build)
    locks = actions.add_parser(
        "lock",
        help="write the versions of artefacts to a file for --locked",
        epilog="example: ./nvh images lock kernel:nv model:qemu rootfs:hypervisor rootfs:guest",
    )
    locks.add_argument("names", nargs="*", metavar="KIND:NAME", help="default: all, as for build")
    locks.add_argument(
        "--out",
        type=common.file_to_write,
        default=Path("nvh-lock.yaml"),
        metavar="FILE",
        help="default nvh-lock.yaml",
    )
    actions.add_parser("list", help="list the cache", epilog="example: ./nvh images list")
    gc = actions.add_parser("gc", help="delete old artefacts", epilog="example: ./nvh images gc --days 14")
    gc.add_argument(
        "--days",
        type=_days,
        default=30.0,
        metavar="N",
        help="delete artefacts unused for this many days (default 30)",
    )
    gc.add_argument(
        "--budget",
        metavar="SIZE",
        help="then delete the least recently used until the cache has this size, e.g. 20G",
    )
    gc.add_argument("--all", action="store_true", help="delete every artefact")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 <= days < math.inf:  # below 0 all would be deleted
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 0 on")
    return days


def main(arguments: argparse.Namespace) -> int:
    """Carry out the action; returns the exit status."""
    return {"build": _build, "lock": _lock, "list": _list, "gc": _gc}[arguments.action](arguments)


def _build(arguments: argparse.Namespace) -> int:
    _built(arguments.names)
    return 0


def _lock(arguments: argparse.Namespace) -> int:
    built = _built(arguments.names)
    rows = {subject: lock.row(manifest) for subject, manifest in built.items()}
    lock.write(arguments.out, rows)
    print(f"{len(rows)} artefacts in {arguments.out}; use it with ./nvh run --locked {arguments.out}")
    return 0


def _built(names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Build artefacts, by default all; returns what is recorded of each, by KIND:NAME."""
    _check(names)
    store = Store()
    with Progress(Console(), history=history(store)) as progress:
        builder = Builder(store, progress)
        makers: dict[str, Callable[[str], Mapping[str, Any]]] = {
            "model": lambda name: _model_record(builder.model(name)),
            "kernel": lambda name: builder.kernel(name).manifest,
            "rootfs": lambda name: builder.rootfs(name).manifest,
            "uefi": lambda _: build_uefi(store, progress.note).manifest,
        }
        if not names:
            cells = find_cells([], [], NO_OVERRIDES)
            build_all(cells, builder)
            names = _subjects(cells)
        return {word: makers[kind](name) for word in names for kind, _, name in (word.partition(":"),)}


def _check(names: Sequence[str]) -> None:
    """``UserError`` with everything that is wrong with ``names``, before anything is built."""
    wrong = []
    for word in dict.fromkeys(names):
        kind, _, name = word.partition(":")
        if kind not in KINDS:
            near = closest(kind, KINDS)
            hint = f"; did you mean {f'{near}:{name}'!r}?" if near else ""
            wrong.append(f"{word!r} is not KIND:NAME with KIND {listing(KINDS)}{hint}")
            continue
        try:
            if folder := KINDS[kind]:
                find_data_file(folder, name)
            elif name != PACKAGE:
                wrong.append(f"no UEFI named {name!r}; there is {PACKAGE}")
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        raise UserError("\n".join(wrong))


def _subjects(cells: Sequence[Cell]) -> list[str]:
    """Return every artefact that cells run on, and every shipped model."""
    found = {f"model:{name}" for name in data_names("models")}
    for cell in cells:
        found.add(f"model:{cell.stack.model}")
        for level in cell.stack.levels.values():
            found |= {f"kernel:{level.kernel}", f"rootfs:{level.rootfs}"}
    return sorted(found)


def _model_record(model: Model) -> Mapping[str, Any]:
    return model.artefact.manifest if model.artefact else {"sha256": model.sha256}


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
            raise UserError(f"--budget {arguments.budget!r} is not a size; write for example 20G")
        budget = int(match[1]) * UNITS.get(match[2], 1)
    age = 0.0 if arguments.all else arguments.days * DAY_S
    store = Store()
    sizes = [size for _, size in store.collect(age, budget)]
    trees = [size for _, size in prune(store, age)]
    print(f"deleted {len(sizes)} artefacts, {sum(sizes) / 2**20:.0f} MiB")
    print(f"deleted {len(trees)} kernel build trees, {sum(trees) / 2**20:.0f} MiB")
    return 0
