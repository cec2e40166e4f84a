# SPDX-License-Identifier: GPL-2.0-only
"""What a debugger needs of a cell's directory: the stopped machine's RAM, and the kernels that it ran.

A cell run with ``--keep-on-failure`` leaves its machine as a snapshot in ``failure/``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.attempt import work_order
from harness.attempt.execute import KEPT
from harness.attempt.executing import VMLINUX
from harness.attempt.job import JOB, read_job
from harness.errors import UserError
from harness.host.paths import RUNS
from harness.level import Level
from harness.report.show import find
from harness.stack import saved
from harness.stack.saved import RAM
from harness.stack.stack import Stack


def cell_directory(target: str) -> Path:
    """Return the directory of the cell that the user named: a directory, or a cell of the latest run."""
    path = Path(target)
    if path.is_dir() and ((path / JOB).is_file() or ram_in(path)):
        return path
    run, name = find(target, RUNS)
    if name is None:
        raise UserError(f"{target} is a run; name one of its cells, such as {run}/cells/NAME")
    return run / "cells" / name


def ram_in(directory: Path) -> Path | None:
    """Return the RAM of the machine in ``directory``, ``None`` when there is none."""
    for path in (directory / KEPT / RAM, directory / RAM):
        if path.is_file():
            return path
    return None


def ram_of(directory: Path) -> Path:
    """Return the RAM that the cell left; ``UserError`` says how to get one."""
    if found := ram_in(directory):
        return found
    work_order.refuse_console_cell(directory)
    raise UserError(
        f"{directory} holds no stopped machine ({KEPT}/{RAM}); run the cell again with --keep-on-failure"
    )


def kept(directory: Path) -> bool:
    """Whether the cell left a machine that can be opened."""
    return (directory / KEPT / saved.RECORD).is_file()


@contextlib.contextmanager
def opened(directory: Path, place: Path) -> Iterator[Stack]:
    """Open the machine that the cell left, stopped, with its sockets in ``place``; ends it afterwards.

    Its memory is private: what is done to the machine leaves the cell's directory as it is. L0's agent is
    answered, so that the machine runs on when a debugger lets it.
    """
    job = read_job(directory)
    with Stack(job.images, job.cell.stack, place, seed=job.seed) as stack:
        saved.load(stack, directory / KEPT)
        with stack.agent.running_freely():
            yield stack


def kernels_of(directory: Path, given: Mapping[Level, Path]) -> dict[Level, Path]:
    """Return the vmlinux of each level: ``given``, else beside the Image that the cell's work order names.

    The files need not exist. ``UserError`` when the work order cannot be read.
    """
    order = directory / JOB
    found: dict[Level, Path] = {}
    if order.is_file():
        try:
            named = json.loads(order.read_text(encoding="utf-8"))["images"]["kernels"]
            found = {Level.parse(level): Path(path) / VMLINUX for level, path in named.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{order} is not the work order of a cell: {error}") from error
    return {**found, **given}
