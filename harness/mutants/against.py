# SPDX-License-Identifier: GPL-2.0-only
"""Mutants against a selection as it is: does that run notice, what notices first, and after how long?

The selection runs once on the right kernel (the control), then once for each mutant until its first red cell.
What is not green in the control tells nothing and does not count.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.errors import EXIT_PASS, EXIT_RED, UserError
from harness.host.cache import write_atomic
from harness.host.paths import RUNS
from harness.mutants.outcome import MutantFate
from harness.report.publish import make_run_directory
from harness.report.results import CellResult
from harness.runner import default
from harness.runner.project import find_cells
from harness.runner.run import RunSpec, RunWatcher, run_cells
from harness.scenario.language import Cell
from harness.scenario.mutants import NONE, Mutant
from harness.scenario.mutated import mutated
from harness.scenario.scenario import Overrides
from harness.verdict import Verdict

RESULT = "mutants.json"
DEFAULT = "default"
ACCEPT = "accept"
"""For each mutant what `nvh accept` would choose for a patch of its function."""
Chosen = Callable[[Mutant], Sequence[str]]
"""The ids of the cells for a mutant, the first to begin first."""


@dataclass(frozen=True, slots=True)
class Met:
    """A mutant and the run that met it. ``cell``: the first red cell, or empty; ``seconds`` until its end.

    ``undecided``: cells that came to no verdict before the run's end; ``took_s``: the whole run.
    """

    mutant: Mutant
    cell: str
    why: str
    seconds: float
    undecided: tuple[str, ...]
    took_s: float

    @property
    def fate(self) -> MutantFate:
        """Killed by a red cell; survived when every cell is green."""
        if self.cell:
            return MutantFate.KILLED
        return MutantFate.UNDECIDED if self.undecided else MutantFate.SURVIVED

    @property
    def as_expected(self) -> bool:
        """Whether it is red, or the table says why nothing can be."""
        return (
            (self.fate is MutantFate.SURVIVED) if self.mutant.survives else (self.fate is MutantFate.KILLED)
        )


@dataclass(frozen=True, slots=True)
class Against:
    """All of it. ``selection``: words that chose the cells; ``control_s``: their run on the right kernel."""

    selection: tuple[str, ...]
    control: Mapping[str, CellResult]
    control_s: float
    met: tuple[Met, ...]

    @property
    def red_controls(self) -> tuple[str, ...]:
        """Cells that are not green on the right kernel, and so tell nothing."""
        return tuple(name for name, cell in self.control.items() if cell.verdict is not Verdict.PASS)

    @property
    def killable(self) -> tuple[Met, ...]:
        """Mutants that some scenario can tell from the right kernel."""
        return tuple(met for met in self.met if not met.mutant.survives)

    @property
    def share(self) -> float:
        """Of the killable mutants: how many are red, 0 to 1."""
        killed = sum(met.fate is MutantFate.KILLED for met in self.killable)
        return killed / len(self.killable) if self.killable else 0.0

    @property
    def median_s(self) -> float | None:
        """Median of the times to the first red cell; None when nothing is red."""
        times = [met.seconds for met in self.met if met.cell]
        return statistics.median(times) if times else None

    @property
    def exit_status(self) -> int:
        """0 when every mutant met its fate and the control is green."""
        return EXIT_PASS if not self.red_controls and all(met.as_expected for met in self.met) else EXIT_RED

    def to_json(self) -> dict[str, Any]:
        """JSON-ready (docs/mutants.md)."""
        return {
            "with": list(self.selection),
            "exit_status": self.exit_status,
            "share": round(self.share, 4),
            "median_seconds": None if self.median_s is None else round(self.median_s, 1),
            "control": {
                "seconds": round(self.control_s, 1),
                "cells": {name: cell.verdict.value for name, cell in self.control.items()},
            },
            "mutants": [
                {
                    "mutant": met.mutant.name,
                    "fault": met.mutant.fault,
                    "at": met.mutant.at,
                    "outcome": met.fate.value,
                    "as_expected": met.as_expected,
                    "cell": met.cell,
                    "why": met.why,
                    "seconds": round(met.seconds, 1),
                    "run_seconds": round(met.took_s, 1),
                    "undecided": list(met.undecided),
                    "survives": met.mutant.survives,
                }
                for met in self.met
            ],
        }


class FirstRed(RunWatcher):
    """Ends a run at its first cell that fails, and notes when."""

    def __init__(self, green: frozenset[str]) -> None:
        self._green = green
        self._begun = 0.0
        self.seconds = 0.0
        self.red: CellResult | None = None

    def begin(self) -> None:
        """Start the clock."""
        self._begun = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first cell began."""
        return time.monotonic() - self._begun

    def goes_on(self, result: CellResult) -> bool:
        """Until a cell fails that is green on the right kernel."""
        if self.red is None and result.verdict is Verdict.FAIL and result.id in self._green:
            self.red, self.seconds = result, self.elapsed_s
        return self.red is None


def selected(words: Sequence[str], overrides: Overrides) -> list[Cell]:
    """Return the cells of ``--with``: ``default``, paths, patterns; ``UserError`` when they are none."""
    for whole in (DEFAULT, ACCEPT):
        if whole in words and len(words) > 1:
            raise UserError(f"--with {whole} is a selection as it is; leave the other words out")
    if list(words) == [DEFAULT]:
        cells = find_cells([], [], overrides)
    else:
        paths = [Path(word) for word in words if Path(word).exists()]
        patterns = [word for word in words if not Path(word).exists()]
        cells = [
            *(find_cells(paths, [], overrides) if paths else []),
            *(find_cells([], patterns, overrides) if patterns else []),
        ]
    return sorted({cell.id: cell for cell in cells}.values(), key=default.shipped().rank)


def run(
    mutants: Sequence[Mutant],
    words: Sequence[str],
    overrides: Overrides,
    console: Console,
    *,
    out: Path | None = None,
    jobs: int | None = None,
    chosen: Chosen | None = None,
) -> tuple[Against, Path]:
    """Run and judge; returns the report, left as ``mutants.json`` after each mutant, and the directory.

    Below the directory each mutant has a run of its own, and ``none`` is the control. ``chosen`` gives each
    mutant cells of its own instead of ``words``; the control is then all of them.
    """
    plans = {mutant.name: chosen(mutant) for mutant in mutants} if chosen else {}
    cells = every(plans, find_cells([], ["*"], overrides)) if chosen else selected(words, overrides)
    directory = make_run_directory(RUNS, out)
    control, control_s = _control(cells, overrides, console, directory, jobs)
    green = [cell for cell in cells if control[cell.id].verdict is Verdict.PASS]
    report = Against(tuple(words), control, control_s, ())
    met: list[Met] = []
    for mutant in mutants:
        mine = in_order(plans[mutant.name], green) if chosen else green
        met.append(_meet(mutant, mine, overrides, console, directory, jobs, ordered=bool(chosen)))
        report = Against(tuple(words), control, control_s, tuple(met))
        write_atomic(directory / RESULT, json.dumps(report.to_json(), indent=1))
    return report, directory


def every(plans: Mapping[str, Sequence[str]], shipped: Sequence[Cell]) -> list[Cell]:
    """Return each cell that some plan has, in the order of ``shipped``."""
    wanted = {each for plan in plans.values() for each in plan}
    return [cell for cell in shipped if cell.id in wanted]


def in_order(plan: Sequence[str], cells: Sequence[Cell]) -> list[Cell]:
    """Return those of ``cells`` that a plan has, in the plan's order."""
    by_id = {cell.id: cell for cell in cells}
    return [by_id[each] for each in plan if each in by_id]


def _control(
    cells: Sequence[Cell], overrides: Overrides, console: Console, directory: Path, jobs: int | None
) -> tuple[dict[str, CellResult], float]:
    plain = {mutated(cell, NONE).id: cell.id for cell in cells}
    watcher = FirstRed(frozenset())
    controls = [mutated(cell, NONE) for cell in cells]
    summary, _ = run_cells(
        RunSpec(controls, overrides, out=directory / NONE, jobs=jobs, watcher=watcher), console
    )
    return {plain[result.id]: result for result in summary.cells}, watcher.elapsed_s


def _meet(
    mutant: Mutant,
    cells: Sequence[Cell],
    overrides: Overrides,
    console: Console,
    directory: Path,
    jobs: int | None,
    ordered: bool,
) -> Met:
    plain = {mutated(cell, mutant.name).id: cell.id for cell in cells}
    watcher = FirstRed(frozenset(plain))
    faulty = [mutated(cell, mutant.name) for cell in cells]
    turn = {cell.id: number for number, cell in enumerate(faulty)}
    rank = (lambda cell: turn[cell.id]) if ordered else None
    wanted = RunSpec(faulty, overrides, out=directory / mutant.name, jobs=jobs, watcher=watcher, rank=rank)
    summary, _ = run_cells(wanted, console)
    took = watcher.elapsed_s
    if watcher.red:
        return Met(mutant, plain[watcher.red.id], watcher.red.headline, watcher.seconds, (), took)
    odd = tuple(plain[result.id] for result in summary.cells if result.verdict is not Verdict.PASS)
    return Met(mutant, "", "", 0.0, odd, took)
