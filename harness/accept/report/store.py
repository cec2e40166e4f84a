# SPDX-License-Identifier: GPL-2.0-only
"""accept.json: the report for programs, checked against its schema whenever it is written or read."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from harness.accept.compare import CellComparison
from harness.accept.cost import CostRow
from harness.accept.coverage.report import PatchCoverage
from harness.accept.report.series_report import SeriesReport, StepRecord
from harness.accept.stats import RedRate
from harness.errors import InfraError
from harness.report.store import write_text

NAME = "accept.json"
FORMAT = 2


def to_json(value: object) -> Any:
    """Return JSON data for a report or any part of it; what follows from it is spelt out."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    plain = {item.name: to_json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, RedRate):
        plain |= {"low": round(value.low, 4), "high": round(value.high, 4)}
    if isinstance(value, CellComparison):
        plain["p"] = None if value.p is None else round(value.p, 6)
    if isinstance(value, StepRecord):
        plain["bad"] = value.bad
    if isinstance(value, CostRow):
        plain["change"] = round(value.change, 4)
    if isinstance(value, PatchCoverage):
        plain |= {
            "covered": value.covered,
            "executable": value.executable,
            "share": None if value.share is None else round(value.share, 4),
            "removed_covered": value.removed_covered,
            "removed_executable": value.removed_executable,
        }
    if isinstance(value, SeriesReport):
        plain = {
            "format": FORMAT,
            **plain,
            "decision": value.decision.value,
            "reasons": list(value.reasons),
            "fixes": list(value.fixes),
            "remarks": list(value.remarks),
            "counts": {outcome.value: count for outcome, count in value.count.items()},
            "exit_status": value.exit_status,
        }
    return plain


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12)."""
    found: dict[str, Any] = json.loads(
        Path(__file__).with_name("accept.schema.json").read_text(encoding="utf-8")
    )
    return found


def check(data: object) -> None:
    """Raise ``ValueError`` naming the first place where ``data`` breaks the schema."""
    validator = jsonschema.Draft202012Validator(schema())
    error = min(
        validator.iter_errors(data), key=lambda each: list(map(str, each.absolute_path)), default=None
    )
    if error is not None:
        raise ValueError(f"{'/'.join(map(str, error.absolute_path)) or 'top'}: {error.message[:300]}")


def write(report: SeriesReport, directory: Path) -> Path:
    """Write ``directory/accept.json`` in one step and return its path."""
    data = to_json(report)
    check(data)
    write_text(directory / NAME, json.dumps(data, indent=1) + "\n")
    return directory / NAME


def read(path: Path) -> dict[str, Any]:
    """Return what ``write`` wrote; ``InfraError`` when it is not that."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check(data)
    except (OSError, ValueError) as error:
        raise InfraError(f"{path}: {error}") from error
    return data
