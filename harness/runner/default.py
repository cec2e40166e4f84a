# SPDX-License-Identifier: GPL-2.0-only
"""The cells that run when none is named: ``images/default.yaml`` and the folders of scenarios/."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artefacts.kernel.debian_image import DebianImage
from harness.artefacts.kernel.spec import load_kernel
from harness.document.data_files import load_document
from harness.document.yaml_reader import read
from harness.errors import InputError, closest
from harness.host.paths import IMAGES, SCENARIOS, default_scenarios
from harness.scenario.assemble import cell_id
from harness.scenario.defaults import KERNEL, LEVELS
from harness.scenario.language import Cell, Hold
from harness.scenario.load import load_paths
from harness.scenario.scenario import NO_OVERRIDES, Overrides
from harness.scenario.vocabulary import Vocabulary

FILE = IMAGES / "default.yaml"
COVERING = "covering"
WHOLE = "litmus"
"""Folders: a covering selection of the litmus cases, and all of them."""

_GLOB = {"type": "string", "minLength": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["on-request", "first"],
    "additionalProperties": False,
    "properties": {
        "on-request": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["cells", "why"],
                "additionalProperties": False,
                "properties": {
                    "cells": {"type": "array", "minItems": 1, "items": _GLOB},
                    "why": {"type": "string", "minLength": 1},
                },
            },
        },
        "first": {"type": "array", "items": _GLOB},
    },
}


@dataclass(frozen=True, slots=True)
class Default:
    """The file. ``on_request``: globs of ids that wait to be asked for, and why; ``first``: globs."""

    on_request: tuple[tuple[str, str], ...]
    first: tuple[str, ...]

    def waits(self, cell: Cell) -> str:
        """Return why the cell is no part of a default run; empty for one that is."""
        return next((why for glob, why in self.on_request if matches(glob, cell)), "")

    def rank(self, cell: Cell) -> int:
        """Return the cell's place among those that begin first; all others have one, behind them."""
        return next((n for n, glob in enumerate(self.first) if matches(glob, cell)), len(self.first))


def matches(glob: str, cell: Cell) -> bool:
    """Whether the glob is for the cell's id (less a mutant) or scenario; brackets are literal."""
    plain = cell_id(cell.scenario, {key: value for key, value in cell.params.items() if key != "mutant"})
    return any(
        fnmatch.fnmatchcase(name, glob.replace("[", "[[]")) for name in (cell.id, plain, cell.scenario)
    )


def load(path: Path = FILE) -> Default:
    """Return the file; ``InputError`` with every defect of its shape."""
    data = load_document(path, SCHEMA)
    rows = tuple((glob, row["why"]) for row in data["on-request"] for glob in row["cells"])
    return Default(rows, tuple(data["first"]))


@functools.cache
def shipped() -> Default:
    """Return ``images/default.yaml``."""
    return load()


def check(cells: Sequence[Cell], path: Path = FILE) -> None:
    """Raise ``InputError`` for each glob of the file that is for none of ``cells``."""
    root = read(path)
    rows = [glob for row in root.map["on-request"].items for glob in row.map["cells"].items]
    rows += root.map["first"].items
    known = sorted({cell.id for cell in cells} | {cell.scenario for cell in cells})
    problems = [
        node.problem(
            f"no cell {node.text!r}", "an id or a glob of shipped cells", closest(node.text or "", known)
        )
        for node in rows
        if not any(matches(node.text or "", cell) for cell in cells)
    ]
    if problems:
        raise InputError(problems)


def default_cells(vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES) -> list[Cell]:
    """Return what ``./nvh run`` runs; cells that hold vCPUs only where that is possible."""
    cells = kept(load_paths(default_scenarios(), vocabulary, overrides))
    return cells if can_hold(overrides) else [cell for cell in cells if not holds(cell)]


def holds(cell: Cell) -> bool:
    """Whether the cell holds a vCPU at a place in L0's kernel."""
    return any(isinstance(step, Hold) for step in cell.steps)


def can_hold(overrides: Overrides) -> bool:
    """Whether L0's kernel comes with its symbols, and the model is the scenarios', whose plugins set a PC."""
    kernel = overrides.l0_kernel or overrides.kernel
    as_shipped = overrides.model is None and overrides.timing is None
    return as_shipped and (kernel is None or not isinstance(load_kernel(kernel).source, DebianImage))


def whole_cells(vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES) -> list[Cell]:
    """Return the same with all litmus cases in the place of the covering selection."""
    folders = [folder for folder in default_scenarios() if folder.name != COVERING]
    return kept(load_paths([*folders, SCENARIOS / WHOLE], vocabulary, overrides))


def every_cell(vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES) -> list[Cell]:
    """Return all shipped cells."""
    return load_paths([SCENARIOS], vocabulary, overrides)


def slice_of(
    number: int, count: int, vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES
) -> list[Cell]:
    """Return one of ``count`` slices of what a default run leaves out; numbers beyond ``count`` begin anew.

    Scenarios about kernels or root file systems of their own, which would have to be built, are in none.
    """
    usual = {cell.id for cell in default_cells(vocabulary, overrides)}
    rest = [
        cell
        for cell in every_cell(vocabulary, overrides)
        if cell.id not in usual and not has_its_own(cell, overrides)
    ]
    return rest[number % count :: count]


def has_its_own(cell: Cell, overrides: Overrides) -> bool:
    """Whether some level runs another kernel or root file system than the default or the command line's."""
    levels = cell.stack.levels
    wanted = {level: {KERNEL, overrides.kernel, overrides.kernels[level]} for level in levels}
    return any(
        spec.kernel not in wanted[level] or spec.rootfs != LEVELS[level].rootfs or spec.add
        for level, spec in levels.items()
    )


def kept(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells that do not wait to be asked for."""
    return [cell for cell in cells if not shipped().waits(cell)]
