# SPDX-License-Identifier: GPL-2.0-only
"""``nvh run --model CONSOLE``: the cells that need only a console on a console model, one after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.attempt.job import SEED
from harness.attempt.sections import sections
from harness.bundle.console_cells import ConsoleBundles, ConsoleCell, fitting
from harness.bundle.console_order import carry_out, planned_on, write_order
from harness.errors import NvhError
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.report import store
from harness.report.progress import Progress
from harness.report.publish import make_run_directory, publish, utc_now
from harness.report.results import ArtefactVersion, CellResult, RunSummary
from harness.runner.quarantine import load_quarantine
from harness.runner.run import history, printed, reproduce, summary_of
from harness.scenario.language import Cell
from harness.scenario.load import slug
from harness.scenario.scenario import Overrides

BUNDLES = "bundles"
"""Folder of a run's directory with what the machine booted: the logs can be judged again."""


@dataclass(frozen=True, slots=True)
class ConsoleRunSpec:
    """What a run is to be. ``overrides`` name the console model; ``out``: None for one below ``runs/``."""

    cells: Sequence[Cell]
    overrides: Overrides
    out: Path | None = None
    seed: int = SEED


def run_and_print(wanted: ConsoleRunSpec, console: Console) -> RunSummary:
    """Run for a person: the results are printed too, and ``runs/latest`` names the run."""
    return printed(*run(wanted, console), console, named=wanted.out is not None)


def run(wanted: ConsoleRunSpec, console: Console) -> tuple[RunSummary, Path]:
    """Build, run and publish; returns the summary and the run's directory.

    Cells that need more than a console are counted as not applicable, with the reason. Raises ``UserError``
    for a file that is no console model, ``InputError`` when the quarantine does not fit the cells.
    """
    named = str(wanted.overrides.model)
    cells, apart = fitting(wanted.cells, named)
    known = load_quarantine()
    known.check(wanted.cells)
    started, begun = utc_now(), time.monotonic()
    artefacts = Store()
    directory = make_run_directory(RUNS, wanted.out)
    results: list[CellResult] = []
    with Progress(console, history=history(artefacts)) as progress:
        bundles = ConsoleBundles(named, directory / BUNDLES, artefacts, progress)
        apart |= bundles.prepare(cells)
        for each in (each for each in cells if each.cell.id not in apart):
            progress.phase(each.cell.id, each.cell.id)
            result = one(each, bundles, directory, wanted.overrides, wanted.seed, artefacts)
            result = known.judged(each.cell, result)
            progress.done(each.cell.id, result.is_fine, result.word)
            results.append(result)
    summary = summary_of(directory, started, begun, results, _artefacts(results), apart)
    publish(summary, directory, sections(directory))
    return summary, directory


def one(
    cell: ConsoleCell,
    bundles: ConsoleBundles,
    directory: Path,
    overrides: Overrides,
    seed: int,
    artefacts: Store,
) -> CellResult:
    """Run one cell in its own directory below ``directory``; what cannot be built makes it ``infra``."""
    own = dataclasses.replace(overrides, mutant=cell.cell.mutant or None)
    name, command = slug(cell.cell.id), reproduce(cell.cell, own, seed)
    place = directory / store.CELLS / name
    place.mkdir(parents=True)
    try:
        order = bundles.order(cell, name, command, seed)
    except NvhError as error:
        result = planned_on(cell.cell, name, command, seed, bundles.model.name).infra(str(error))
        store.write_cell(result, place)
        return result
    write_order(place, order)
    return carry_out(order, place, artefacts)


def _artefacts(results: Sequence[CellResult]) -> dict[str, ArtefactVersion]:
    found: dict[str, ArtefactVersion] = {}
    for each in results:
        for name, version in each.versions.items():
            found[f"{name} {each.model}" if name == "model" else name] = version
    return found
