# SPDX-License-Identifier: GPL-2.0-only
"""Gathers what the plan of an acceptance is decided by: scenarios, the store, the base's kernel."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept.apply import Tree
from harness.accept.coverage import reached as record
from harness.accept.selection import choose, touched, where
from harness.accept.selection.choose import CellCandidate, Choice, Claim, Plan, TouchedCode
from harness.accept.selection.touched import TouchedFunction
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.report.history import History
from harness.runner import default
from harness.runner.project import find_cells
from harness.runner.run import history
from harness.scenario import mutants
from harness.scenario.defaults import KERNEL
from harness.scenario.language import Cell
from harness.scenario.scenario import Overrides

WATCHED = 1.6
"""How much longer a cell takes under the model's trace of what L0 executes, over the default cells."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is made from: all cells, what the series touches, the cells worth running in their order.

    ``unreached``: touched functions that none of those is known to reach.
    """

    candidates: tuple[CellCandidate, ...]
    changes: tuple[TouchedCode, ...]
    choices: tuple[Choice, ...]
    unreached: tuple[str, ...]


def candidates(overrides: Overrides, history: History) -> list[CellCandidate]:
    """Return every shipped cell whose L0 may have any kernel, with its place among the default ones."""
    last = len(default.shipped().first)
    usual = find_cells((), (), overrides)
    names = {cell.id for cell in usual}
    ranks = {cell.id: default.shipped().rank(cell) for cell in usual}
    shipped = find_cells((), ("*",), overrides)
    found = [cell for cell in shipped if cell.id in names or _any_kernel(cell, overrides)]
    return [
        CellCandidate(
            cell.id,
            ranks.get(cell.id),
            history.usual(f"cell {cell.id}"),
            ranks.get(cell.id, last) < last,
        )
        for cell in found
    ]


def _any_kernel(cell: Cell, overrides: Overrides) -> bool:
    return not cell.mutant and cell.stack.levels[Level.L0].kernel in (KERNEL, overrides.kernel)


def noticed() -> dict[str, list[str]]:
    """Return function of KVM to the cells that notice injected faults there, by images/mutants.yaml."""
    return choose.noticed_by((each.at, each.killers) for each in mutants.load() if not each.survives)


def basis(tree: Tree, base: Artefact | None, store: Store, overrides: Overrides, history: History) -> Basis:
    """Return what the series touches and all cells that are worth running, the most telling first.

    ``base``: the base's kernel; None: by the names of functions alone.
    """
    known, faults = record.load(store), noticed()
    these = touched.of_tree(tree)
    changes = _changes(these, tree, base, known, faults)
    cells = candidates(overrides, history)
    choices = choose.ordered(cells, changes, known, faults)
    return Basis(tuple(cells), tuple(changes), tuple(choices), choose.unreached(changes, choices, known))


def _changes(
    these: Sequence[TouchedFunction],
    tree: Tree,
    base: Artefact | None,
    known: record.Reached,
    faults: dict[str, list[str]],
) -> list[TouchedCode]:
    if base is None:
        return [TouchedCode(each.name, frozenset(), each.patches) for each in these]
    return where.changes(these, lambda path: tree.text_at(tree.first, path), Path(base.path), known, faults)


def for_function(
    function: str, store: Store, overrides: Overrides, budget_s: float, jobs: int | None
) -> Plan:
    """Return the plan for a series of one patch that touches ``function`` alone, by its name."""
    usual = history(store)
    change = TouchedCode(function, frozenset(), (1,))
    choices = choose.ordered(candidates(overrides, usual), [change], record.load(store), noticed())
    return choose.plan(choices, (1,), budget_s, cpus(jobs), WATCHED)


def named(cells: Sequence[str], steps: Sequence[int], how: tuple[int | None, bool], history: History) -> Plan:
    """Return the plan of cells that were named: all of them, on every step. ``how``: jobs, and coverage."""
    jobs, watched = how
    patches = tuple(steps)
    choices = [
        Choice(cell, Claim.UNKNOWN, (), patches, history.usual(f"cell {cell}") or choose.UNKNOWN_S)
        for cell in cells
    ]
    slower = WATCHED if watched else 1.0
    return choose.plan(choices, steps, math.inf, cpus(jobs), slower)


def cpus(jobs: int | None) -> int:
    """Return how many cells run at once."""
    return jobs or len(os.sched_getaffinity(0))


def make(found: Basis, steps: Sequence[int], budget_s: float, jobs: int | None, watched: bool) -> Plan:
    """Return the plan: ``found`` cut to the budget."""
    slower = WATCHED if watched else 1.0
    return choose.plan(found.choices, steps, budget_s, cpus(jobs), slower, found.unreached)
