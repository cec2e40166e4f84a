"""Cells whose verdict does not count for now: a file apart from the scenarios, with a reason and a date.

Quarantined cells still run and are reported. After the review date the quarantine has no effect, so that
nothing is forgotten in it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.build.document import load_document
from harness.build.paths import QUARANTINE
from harness.errors import InputError, Location, Problem
from harness.scenario.model import Cell

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["quarantine"],
    "additionalProperties": False,
    "properties": {
        "quarantine": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["scenario", "reason", "review"],
                "additionalProperties": False,
                "properties": {
                    "scenario": {"type": "string", "minLength": 1},
                    "reason": {"type": "string", "minLength": 1},
                    "review": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                },
            },
        }
    },
}


def quarantined(
    cells: Iterable[Cell], today: datetime.date | None = None, path: Path = QUARANTINE
) -> Mapping[str, str]:
    """Return why each quarantined cell is so, by cell id.

    ``scenario`` in the file is a scenario's name or a glob over them. Raises ``InputError`` for a file that
    is not as it should be, also for a review date that is no date.
    """
    rows = load_document(path, SCHEMA)["quarantine"]
    now = today or datetime.datetime.now(datetime.UTC).date()
    active = [row for row in rows if _review(row["review"], path) >= now]
    return {
        cell.id: f"{row['reason']} (review by {row['review']})"
        for cell in cells
        for row in active
        if fnmatchcase(cell.scenario, row["scenario"])
    }


def _review(text: str, path: Path) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise InputError([Problem(Location(str(path)), f"the review date {text!r}", "a date")]) from None
