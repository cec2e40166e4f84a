# SPDX-License-Identifier: GPL-2.0-only
"""Runs every mutant's killers, and the same cells on the right kernel, as ordinary cells."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from harness.errors import InputError, Location, Problem, closest
from harness.host.cache import write_atomic
from harness.host.paths import SCENARIOS
from harness.level import Level
from harness.mutants.outcome import MutantReport, judge
from harness.report.results import CellResult
from harness.runner.project import vocabulary
from harness.runner.quarantine import NO_QUARANTINE
from harness.runner.run import RunSpec, run_cells
from harness.scenario.defaults import MUTANT_KERNELS
from harness.scenario.language import Cell
from harness.scenario.load import load_paths
from harness.scenario.mutants import FILE, NONE, TABLES, Mutant
from harness.scenario.mutated import mutated
from harness.scenario.scenario import Overrides

RESULT = "mutants.json"


def killers(mutants: Sequence[Mutant], overrides: Overrides, table: Path = FILE) -> Mapping[str, Cell]:
    """Return the cell of each killer by its id, in the order of first mention.

    Raises ``InputError`` for an id that no scenario has, with the closest one.
    """
    cells = {cell.id: cell for cell in load_paths([SCENARIOS], vocabulary(), overrides)}
    wanted = dict.fromkeys(killer for mutant in mutants for killer in mutant.killers)
    unknown = [
        Problem(Location(str(table)), f"no cell {killer!r}", "the id of a cell", closest(killer, cells))
        for killer in wanted
        if killer not in cells
    ]
    if unknown:
        raise InputError(unknown)
    return {killer: cells[killer] for killer in wanted}


def plan(
    mutants: Sequence[Mutant], overrides: Overrides, level: Level = Level.L0
) -> dict[tuple[str, str], Cell]:
    """Return the cells to run by (killer, mutant); the controls, mutant ``none``, come first.

    ``level`` runs the kernel with the faults.
    """
    cells = killers(mutants, overrides, TABLES[level])
    pairs = [(killer, NONE) for killer in cells]
    pairs += [(killer, mutant.name) for mutant in mutants for killer in mutant.killers]
    kernel = MUTANT_KERNELS[level]
    return {(killer, name): mutated(cells[killer], name, kernel, level) for killer, name in pairs}


def run(
    mutants: Sequence[Mutant],
    overrides: Overrides,
    console: Console,
    *,
    out: Path | None = None,
    jobs: int | None = None,
    level: Level = Level.L0,
) -> tuple[MutantReport, Path]:
    """Build, run and judge; returns the report, left as ``mutants.json`` in the run's directory, too.

    The run is an ordinary one but for the pointer ``runs/latest``, which stays where it is.
    """
    begun = time.monotonic()
    cells = plan(mutants, overrides, level)
    wanted = RunSpec(list(cells.values()), overrides, out=out, jobs=jobs, quarantine=NO_QUARANTINE)
    summary, directory = run_cells(wanted, console)
    found: dict[str, CellResult] = {result.id: result for result in summary.cells}
    results = {pair: found[cell.id] for pair, cell in cells.items()}
    report = judge(mutants, results, time.monotonic() - begun)
    write_atomic(directory / RESULT, json.dumps(report.to_json(), indent=1))
    return report, directory
