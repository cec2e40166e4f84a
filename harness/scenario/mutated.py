# SPDX-License-Identifier: GPL-2.0-only
"""A cell whose L0 kernel runs with an injected fault: it shows that a scenario can fail (docs/mutants.md)."""

from __future__ import annotations

import dataclasses
import itertools

from harness.level import Level
from harness.scenario import assemble, defaults
from harness.scenario.language import Boot, Cell, Mutate, Step


def mutated(cell: Cell, mutant: str, kernel: str = defaults.MUTANT_KERNEL) -> Cell:
    """Return ``cell`` with ``mutant`` switched on once the boots that it begins with are done.

    ``kernel`` is L0's, which must have the faults. The parameter ``mutant`` makes the id another one.
    """
    params = {**cell.params, "mutant": mutant}
    levels = dict(cell.stack.levels)
    if levels[Level.L0].kernel not in defaults.WITH_MUTANTS:
        levels[Level.L0] = dataclasses.replace(levels[Level.L0], kernel=kernel)
    return dataclasses.replace(
        cell,
        id=assemble.cell_id(cell.scenario, params),
        params=params,
        stack=dataclasses.replace(cell.stack, levels=levels),
        steps=_switched(cell, mutant),
        mutant=mutant,
    )


def _switched(cell: Cell, mutant: str) -> tuple[Step, ...]:
    """Behind what a snapshot may stand for: the setup, or the boots that the cell begins with."""
    boots = itertools.takewhile(lambda step: isinstance(step, Boot), cell.steps)
    first = cell.setup or sum(1 for _ in boots)
    where = cell.steps[max(0, first - 1)].where
    switch = Mutate(where, defaults.STEP_TIMEOUTS["run"], mutant)
    return (*cell.steps[:first], switch, *cell.steps[first:])
