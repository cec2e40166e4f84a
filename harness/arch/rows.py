# SPDX-License-Identifier: GPL-2.0-only
"""Reads the tables of the architecture, images/tlbi*.csv and images/registers.csv: one row an object."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from harness.errors import InputError, Location, Problem

Row = TypeVar("Row")


def read_rows(
    path: Path,
    columns: str,
    parse: Callable[[Mapping[str, str]], Row],
    twice: Callable[[Row, Sequence[Row]], str] = lambda _, __: "",
) -> tuple[Row, ...]:
    """Parse each row below the heading ``columns``. ``InputError`` lists every bad row with its line.

    ``parse`` raises ``ValueError``, ``KeyError``, ``TypeError`` or ``AttributeError`` for cells that make no
    sense.
    ``twice`` says what the row has in common with one of the earlier ones, "" for nothing.
    """
    found: list[Row] = []
    problems: list[Problem] = []
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream, strict=True)
        if ",".join(reader.fieldnames or ()) != columns:
            raise InputError([Problem(Location(str(path)), "wrong heading", columns)])
        for cells in reader:
            try:
                if None in cells or None in cells.values():
                    raise ValueError(f"expected the columns {columns}")
                row = parse(cells)
                if told := twice(row, found):
                    raise ValueError(told)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                problems.append(Problem(Location(str(path), reader.line_num), str(error)))
                continue
            found.append(row)
    if problems:
        raise InputError(problems)
    return tuple(found)
