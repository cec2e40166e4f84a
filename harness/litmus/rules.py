# SPDX-License-Identifier: GPL-2.0-only
"""Lint rules that hold a scenario against the table of populations; tests/litmus has cases of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.errors import Location
from harness.host.paths import SCENARIOS
from harness.level import Level
from harness.litmus import populations
from harness.litmus.counted import known_program
from harness.litmus.populations import Key
from harness.scenario.language import Run
from harness.scenario.ruleset import Advice, RuleSet
from harness.scenario.scenario import Scenario

POPULATIONS = RuleSet()
"""The rules of this package."""


@POPULATIONS.rule("NVH030")
def counted(scenario: Scenario) -> Iterator[Advice]:
    """A shipped scenario that runs nvh-litmus or nvh-kvm has rows in scenarios/populations.csv.

    Without one nobody notices when cases are lost. Run it, and `./nvh lint --populations DIR --write` makes
    the rows of its cells; a maintainer looks at the difference. A cell that differs in the matrix's `model`
    alone from one with a row needs none of its own.
    """
    if not Path(scenario.root.where.path).resolve().is_relative_to(SCENARIOS.resolve()):
        return
    table = populations.shipped()
    for cell in scenario.cells:
        kernel = cell.stack.levels[Level.L0].kernel
        for step in cell.steps:
            if isinstance(step, Run) and known_program(step.command):
                key = Key(cell.id, cell.stack.model, kernel, step.name)
                if not (cell.mutant or cell.l1_mutant) and not populations.alike(key, table):
                    yield step.where, f"{cell.id} has no row for {step.name} on {key.model} with {kernel}"


@POPULATIONS.rule("NVH031")
def rows_used(scenario: Scenario) -> Iterator[Advice]:
    """Every row of scenarios/populations.csv is of a cell that there is.

    A row of a cell that is no more, or of a run that has another name now, checks nothing.
    `./nvh lint --populations DIR --write` drops it.
    """
    if not Path(scenario.root.where.path).resolve().is_relative_to(SCENARIOS.resolve()):
        return
    runs = {(cell.id, step.name) for cell in scenario.cells for step in cell.steps if isinstance(step, Run)}
    for key in sorted(populations.shipped()):
        mine = key.cell.partition("[")[0] == scenario.name
        if mine and (key.cell, key.run.partition("#")[0]) not in runs:
            yield Location(str(populations.TABLE)), f"{key.cell} with the run {key.run} is no more"
