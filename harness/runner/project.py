# SPDX-License-Identifier: GPL-2.0-only
"""The project's own names, and the cells that a command line selects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.artefacts.kernel import load_kernel
from harness.artefacts.model import load_model
from harness.check.oracle import ORACLES
from harness.errors import InputError, Problem
from harness.host.paths import ROOT, data_names
from harness.level import Level
from harness.runner import default
from harness.scenario import assemble, mutants
from harness.scenario.language import Cell, StackSpec
from harness.scenario.load import load_paths, select
from harness.scenario.mutated import PARAMETERS
from harness.scenario.scenario import Overrides
from harness.scenario.vocabulary import Vocabulary
from harness.trace import vocabulary as trace_names


def vocabulary() -> Vocabulary:
    """Return every name that a scenario may use: events, kernels, models, root file systems."""
    events = trace_names.known_events()
    values = {
        event: {field: known for field in fields if (known := trace_names.known_values(event, field))}
        for event, fields in events.items()
    }
    return Vocabulary(
        events=events,
        kernels=data_names("kernels"),
        models=data_names("models"),
        rootfs=data_names("rootfs"),
        values={event: fields for event, fields in values.items() if fields},
        oracles={name: oracle.options for name, oracle in ORACLES.items()},
        sanitized=[name for name, oracle in ORACLES.items() if oracle.sanitized],
        mutants=mutants.names(),
        guest_mutants=mutants.names(mutants.GUEST_FILE),
        wide=wide,
    )


@functools.cache
def wide(model: str, named: str) -> str | None:
    """Return what runs instead of a model with 52 bits of PA, empty for none; None for a model with fewer.

    Of several the one with the CPU and the PA size of the model ``named`` by the scenario, or with its CPU,
    else the first. Raises ``InputError`` for a model file with mistakes.
    """
    spec = load_model(model)
    if not spec.is_wide:
        return None
    others = [str((Path(model).parent / each).absolute()) if "/" in each else each for each in spec.narrow]
    if not others or not named:
        return others[0] if others else ""
    wanted = load_model(named)
    alike = [each for each in others if load_model(each).cpu == wanted.cpu]
    same = [each for each in alike if load_model(each).pa_bits == wanted.pa_bits]
    return (same or alike or others)[0]


def default_stack(overrides: Overrides) -> StackSpec:
    """Return the stack of a scenario that says nothing about it."""
    overrides.check(vocabulary())
    return overrides.apply(assemble.stack(None, ROOT))


def check_files(overrides: Overrides) -> None:
    """Raise ``InputError`` with every defect of the kernel and model files that the command line names."""
    problems: list[Problem] = []
    see = ""
    named: tuple[tuple[Callable[[str], object], str | None], ...] = (
        (load_kernel, overrides.kernel),
        *((load_kernel, kernel) for kernel in overrides.kernels.values()),
        (load_model, overrides.model),
    )
    for load, name in dict.fromkeys(named):
        if name is None or "/" not in name or not Path(name).is_file():
            continue
        try:
            load(name)
        except InputError as error:
            problems += error.problems
            see = see or error.see
    if problems:
        raise InputError(problems, see)


def find_cells(
    paths: Sequence[Path],
    patterns: Sequence[str],
    overrides: Overrides,
    every: bool = False,
    whole: bool = False,
) -> list[Cell]:
    """Return the cells of ``paths`` that match ``patterns`` (all for none).

    Without ``paths`` the patterns choose among all shipped scenarios; without either, the default ones run,
    with ``every`` all, with ``whole`` all litmus cases instead of the covering selection.

    Raises ``InputError`` with every defect of every file, ``UserError`` for a pattern without a match.
    """
    check_files(overrides)
    if paths:
        cells = load_paths(paths, vocabulary(), overrides)
    elif patterns or every:
        cells = default.every_cell(vocabulary(), overrides)
    elif whole:
        cells = default.whole_cells(vocabulary(), overrides)
    else:
        cells = default.default_cells(vocabulary(), overrides)
    for level, mutant in ((Level.L0, overrides.mutant), (Level.L1, overrides.l1_mutant)):
        if mutant is not None:  # the id without it is as good
            end = f",{PARAMETERS[level]}={mutant}]"
            patterns = [p[:-1] + end if p.endswith("]") and end[:-1] not in p else p for p in patterns]
    return select(cells, patterns) if patterns else cells
