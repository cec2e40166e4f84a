# SPDX-License-Identifier: GPL-2.0-only
"""A cell whose L0 or L1 kernel runs with an injected fault: it shows that a scenario can fail
(docs/mutants.md).
"""

from __future__ import annotations

import dataclasses
import itertools

from harness.level import Level
from harness.scenario import assemble, defaults
from harness.scenario.language import Boot, Cell, Mutate, Step

PARAMETERS = {Level.L0: "mutant", Level.L1: "l1-mutant"}
"""The parameter of a cell's id that names the injected fault of a level's kernel."""


def mutated(cell: Cell, mutant: str, kernel: str = defaults.MUTANT_KERNEL, level: Level = Level.L0) -> Cell:
    """Return ``cell`` with ``mutant`` switched on once the boots that it begins with are done.

    ``kernel`` is that of ``level``, which must have the faults. The parameter ``mutant`` (at L1:
    ``l1-mutant``) makes the id another one.
    """
    params = {**cell.params, PARAMETERS[level]: mutant}
    levels = dict(cell.stack.levels)
    if levels[level].kernel not in defaults.WITH_MUTANTS or level is not Level.L0:
        levels[level] = dataclasses.replace(levels[level], kernel=kernel)
    return dataclasses.replace(
        cell,
        id=assemble.cell_id(cell.scenario, params),
        params=params,
        stack=dataclasses.replace(cell.stack, levels=levels),
        steps=_switched(cell, mutant, level),
        mutant=mutant if level is Level.L0 else cell.mutant,
        l1_mutant=mutant if level is Level.L1 else cell.l1_mutant,
    )


def _switched(cell: Cell, mutant: str, level: Level) -> tuple[Step, ...]:
    """Behind what a snapshot may stand for: the setup, or the boots that the cell begins with."""
    boots = itertools.takewhile(lambda step: isinstance(step, Boot), cell.steps)
    first = cell.setup or sum(1 for _ in boots)
    where = cell.steps[max(0, first - 1)].where
    switch = Mutate(where, defaults.STEP_TIMEOUTS["run"], mutant, level)
    return (*cell.steps[:first], switch, *cell.steps[first:])
