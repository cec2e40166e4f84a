# SPDX-License-Identifier: GPL-2.0-only
"""Work orders as files: what a process that carries out one cell is given, with the format that it is in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from harness.document import as_json
from harness.errors import InfraError, UserError
from harness.host.cache import write_atomic

T = TypeVar("T")
CONSOLE = "console.json"
"""In the directory of a cell that ran on a console model, in place of a job."""


def refuse_console_cell(directory: Path) -> None:
    """Raise ``UserError`` for the directory of a cell whose machine was a console and no more."""
    if (directory / CONSOLE).is_file():
        raise UserError(
            f"{directory} ran on a console model: what its machine printed is in its console-*.log, and "
            "nothing else is left of it; to run it once more take the command in its report"
        )


def write(path: Path, order: Any, number: int) -> None:
    """Write a data class into ``path``, as one of format ``number``."""
    write_atomic(path, json.dumps({"format": number, **as_json.to_data(order)}, indent=1, sort_keys=True))


def read(path: Path, cls: type[T], number: int) -> T:
    """Read what ``write`` left; ``InfraError`` when it is unreadable, or of another format."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format", None) != number:
            raise InfraError(f"{path}: not of format {number}, which this nvh reads; run the cell again")
        return as_json.from_data(cls, data)
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise InfraError(f"{path}: {error}") from error
