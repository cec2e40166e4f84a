# SPDX-License-Identifier: GPL-2.0-only
"""Gathers what the plan of an acceptance is decided by: scenarios, the store, the base's kernel."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept.apply import Tree
from harness.accept.base import CONFIGURATION
from harness.accept.coverage import reached as record
from harness.accept.coverage.join import functions
from harness.accept.request import runs
from harness.accept.selection import choose, posed, touched, where
from harness.accept.selection.choose import CellCandidate, Choice, Claim, Plan, TouchedCode
from harness.accept.selection.touched import TouchedFunction
from harness.artefacts.kernel import built_kernel, load_kernel
from harness.artefacts.payloads import MODULE_SOURCES
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.report.history import History
from harness.runner import default
from harness.runner.processes import WATCHED as WATCHED_CELL
from harness.runner.project import find_cells
from harness.runner.run import history
from harness.scenario import mutants
from harness.scenario.defaults import KERNEL
from harness.scenario.language import Cell, Hold
from harness.scenario.scenario import Overrides

WATCHED = 1.6
"""How much longer a cell takes under the model's trace of what L0 executes, where that was not seen yet."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is made from: all cells, what the series touches, the cells worth running in their order.

    ``unreached``: touched functions of the base that none of those is known to reach.
    """

    candidates: tuple[CellCandidate, ...]
    changes: tuple[TouchedCode, ...]
    choices: tuple[Choice, ...]
    unreached: tuple[str, ...]


def candidates(
    overrides: Overrides, history: History, repeat: int = 0, had: Collection[str] = ()
) -> list[CellCandidate]:
    """Return every shipped cell whose L0 may have any kernel, with its place among the default ones.

    ``had``: cells that need not run on the base.
    """
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
            runs(cell.stack.timing, repeat),
            _steers(cell),
            history.usual(f"{WATCHED_CELL}cell {cell.id}"),
            not default.has_its_own(cell, overrides),
            cell.id in had,
        )
        for cell in found
    ]


def _steers(cell: Cell) -> frozenset[str]:
    """Return the functions of L0 that a cell's holds name: where a CPU is held, and until one comes where."""
    holds = [step for step in cell.steps if isinstance(step, Hold)]
    places = [each.place for hold in holds for each in (hold.at, hold.arrival) if each]
    return frozenset(place.function for place in places)


def _any_kernel(cell: Cell, overrides: Overrides) -> bool:
    return not cell.mutant and cell.stack.levels[Level.L0].kernel in (KERNEL, overrides.kernel)


def noticed(without: str = "") -> dict[str, list[str]]:
    """Return function of KVM to the cells that notice injected faults there, by images/mutants.yaml.

    ``without``: a fault whose own row does not count, because it is the one to be noticed.
    """
    return choose.noticed_by(
        (each.at, each.killers) for each in mutants.load() if not each.survives and each.name != without
    )


@dataclass(frozen=True, slots=True)
class PlanningKnowledge:
    """What plans are made from on this machine; ``repeat`` as the command line says it (0: by timing).

    ``had``: cells whose run on the base an earlier acceptance has left.
    """

    store: Store
    overrides: Overrides
    history: History
    repeat: int = 0
    had: frozenset[str] = frozenset()


def basis(tree: Tree, base: Artefact | None, known: PlanningKnowledge) -> Basis:
    """Return what the series touches and all cells that are worth running, the most telling first.

    ``base``: the base's kernel; None: by the names of functions alone.
    """
    found = BasisOf(base, known)
    return found.of(touched.of_tree(tree), lambda path: tree.text_at(tree.first, path), noticed())


class BasisOf:
    """The basis of one or more plans, on one base: the shipped cells and what is known of them."""

    def __init__(self, base: Artefact | None, known: PlanningKnowledge) -> None:
        self._base = where.BaseKernel(Path(base.path)) if base else None
        self._known = record.load(known.store)
        self._cells = candidates(known.overrides, known.history, known.repeat, known.had)

    def of(
        self, these: Sequence[TouchedFunction], text: Callable[[str], str], faults: dict[str, list[str]]
    ) -> Basis:
        """Return the basis for a series that touches ``these``. ``text``: a file of the base's source.

        ``faults``: function to the cells that noticed one there.
        """
        if self._base is None:
            changes = [TouchedCode(each.name, frozenset(), each.patches) for each in these]
        else:
            changes = where.changes(these, text, self._base, self._known, faults)
        choices = choose.ordered(self._cells, changes, self._known, faults)
        base = {each.path: set(functions(text(each.path)).values()) for each in these}
        old = [code for each, code in zip(these, changes, strict=True) if each.name in base[each.path]]
        missed = choose.unreached(old, choices, self._known)
        return Basis(tuple(self._cells), tuple(changes), tuple(choices), missed)


class PosedPlans:
    """What an acceptance runs for each fault of nv-mutants, posed as a series of one patch on ``nv``.

    The row of the fault itself is not looked at: its killers are what is asked for.
    """

    def __init__(self, store: Store, overrides: Overrides, budget_s: float, jobs: int | None) -> None:
        self._faults = posed.load(store, lambda _: None)
        base = built_kernel(load_kernel(CONFIGURATION), store, MODULE_SOURCES)
        self._basis = BasisOf(base, PlanningKnowledge(store, overrides, history(store)))
        self._budget_s = budget_s
        self._jobs = jobs

    def plan(self, mutant: str) -> Plan:
        """Return the plan for one fault; ``UserError`` for one that the series has not."""
        found = self._basis.of(self._faults.touches(mutant), self._faults.before, noticed(mutant))
        return make(found, (1,), self._budget_s, self._jobs, watched=True)


def named(
    cells: Mapping[str, int], steps: Sequence[int], how: tuple[int | None, bool], history: History
) -> Plan:
    """Return the plan of cells that were named (with their runs a side): all of them, on every step.

    ``how``: jobs, and whether coverage is recorded.
    """
    jobs, watched = how
    patches = tuple(steps)
    choices = [
        Choice(
            cell,
            Claim.NAMED,
            (),
            patches,
            history.usual(f"cell {cell}") or choose.UNKNOWN_S,
            runs,
            history.usual(f"{WATCHED_CELL}cell {cell}"),
        )
        for cell, runs in cells.items()
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
