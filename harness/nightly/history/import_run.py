# SPDX-License-Identifier: GPL-2.0-only
"""Brings the results of an ordinary run (``nvh run``) into the store, so that it can be compared too."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.nightly.history import query
from harness.nightly.history.database import UID, Begun, RecordedCell, Results
from harness.nightly.history.query import StoredRun, find_run
from harness.report import show, store
from harness.report.results import CellResult, RunSummary


def label(name: str) -> str:
    """Return the name under which a model or kernel is compared: that of its file for a path."""
    return Path(name).stem if "/" in name else name


def kernel_label(cell: CellResult) -> str:
    """Return the kernel's name, or those of all levels where they differ."""
    return "/".join(dict.fromkeys(label(cell.kernels[level]) for level in sorted(cell.kernels))) or "none"


def entry_of(cell: CellResult) -> RecordedCell:
    """Return what is recorded of a cell that ``nvh run`` ran."""
    return RecordedCell(cell, label(cell.model), kernel_label(cell), cell.verdict)


def load_run(results: Results, directory: Path) -> StoredRun:
    """Record the run in ``directory`` and return it; one that is there already is not recorded twice.

    Raises what ``show.load_run`` raises for a directory without a run.
    """
    run = show.load_run(directory)
    whole = (directory / store.SUMMARY).exists()
    uid = identity(run)
    begun = Begun(run.id, "", directory, run.started, run.host, run.nvh_version, run.nvh_commit, uid)
    number = results.begin(begun)
    results.record(number, map(entry_of, run.cells))
    results.end(number, run.seconds, "done" if whole else "interrupted")
    return next(each for each in query.runs(results) if each.id == number)


def identity(run: RunSummary) -> str:
    """Return what tells a run of ``nvh run`` from all others, wherever it lies: its start and its cells."""
    told = [run.started, *(f"{c.slug} {c.started} {c.seconds} {c.verdict.value}" for c in run.cells)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:UID]


def named_run(results: Results, runs: Path, name: str) -> StoredRun:
    """Return the run of that id or name in the store, or that in the directory ``name`` (or ``runs/name``).

    A directory is that of the run that the store has with it; only where it has none it is recorded now.
    Raises ``UserError`` with the closest name where there is neither, and for a name of several runs.
    """
    for place in (Path(name), runs / name):
        here = [each for each in query.runs(results) if Path(each.directory) == place.resolve()]
        if here:
            return here[-1]
        if (place / store.SUMMARY).is_file() or (place / store.CELLS).is_dir():
            return load_run(results, place.resolve())
    return find_run(results, name)
