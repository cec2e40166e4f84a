# SPDX-License-Identifier: GPL-2.0-only
"""Run a cell again from its directory alone, and compare what it left with what it leaves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.attempt import begin, booted, work_order
from harness.attempt.execute import ROLES
from harness.attempt.job import JOB, SCENARIO, python_files, read_job
from harness.errors import UserError
from harness.host.paths import RUNS
from harness.report import store
from harness.report.progress import Progress
from harness.report.publish import make_run_directory
from harness.report.results import CellResult
from harness.report.store import CELLS
from harness.runner.processes import LocalRunner

INPUTS = (JOB, SCENARIO, begin.RECORD, booted.FILE)
COMPARED = ("console", "trace", "timeline", "output")


@dataclass(frozen=True, slots=True)
class Replay:
    """Both results, and the files (relative) that are the same in both, differ, or are in one only."""

    before: CellResult
    after: CellResult
    directory: Path
    same: tuple[str, ...]
    different: tuple[str, ...]


def find_cell(name: str) -> Path:
    """Return the directory of a cell: a path, or the name of a cell of the latest run; ``UserError``."""
    for path in (Path(name), RUNS / "latest" / CELLS / name):
        if (path / JOB).is_file():
            return path.absolute()
        work_order.refuse_console_cell(path)
    known = sorted(path.parent.name for path in (RUNS / "latest" / CELLS).glob(f"*/{JOB}"))
    offered = f"; the latest run has {', '.join(known[:8])}{', …' if len(known) > 8 else ''}" if known else ""
    raise UserError(f"{name} is not a cell: there is no {JOB} in it. Give its directory{offered}")


def replay(cell: Path, progress: Progress, out: Path | None = None) -> Replay:
    """Run the cell in ``cell`` again in a new directory below ``out`` and compare.

    Raises ``InfraError`` when the work order cannot be read, or an artefact that it names is gone.
    """
    job = read_job(cell)
    directory = make_run_directory(RUNS, out) / CELLS / cell.name
    directory.mkdir(parents=True)
    for name in (*INPUTS, *python_files(job.cell)):
        if (cell / name).exists():
            shutil.copyfile(cell / name, directory / name)
    after = LocalRunner(progress, 1).run([(job, directory)])[0]
    names = sorted(compared(cell) | compared(directory))
    same = [name for name in names if _equal(cell / name, directory / name)]
    before = store.read_cell(cell / store.RESULT)
    different = tuple(name for name in names if name not in same)
    return Replay(before, after, directory, tuple(same), different)


def compared(cell: Path) -> set[str]:
    """Return the files of a cell that the same machine leaves the same: what its levels said and did."""
    patterns = [pattern for pattern, role in ROLES.items() if role in COMPARED]
    return {str(path.relative_to(cell)) for pattern in patterns for path in cell.glob(pattern)}


def _equal(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
