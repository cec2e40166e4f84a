# SPDX-License-Identifier: GPL-2.0-only
"""The JSON form of results: reading, writing, and refusing what is not ours.

Writers replace a file in one step, so a reader sees the old file or the new one, never half of one.
Readers raise ``InfraError`` naming the file and what is wrong with it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import referencing

from harness.document.as_json import from_data, to_data
from harness.errors import InfraError
from harness.report.results import CellResult, RunSummary
from harness.verdict import Verdict

FORMAT = 3
RESULT = "result.json"
SUMMARY = "summary.json"
CELLS = "cells"
PLANNED = "planned.jsonl"
"""A line for each cell that a long run means to run, so that one that died shows what it did not come to."""
READ_LIMIT = 256 * 2**20
"""Largest result file read, in bytes; texts are bounded, so nothing nvh wrote comes near it."""


def to_json(value: CellResult | RunSummary) -> Any:
    """Return JSON data for a result, with ``format`` and, of a run, what follows from its cells."""
    plain = {"format": FORMAT, **to_data(value)}
    if isinstance(value, RunSummary):
        plain |= {
            "cells": [to_json(cell) for cell in value.cells],
            "counts": {v.value: n for v, n in value.counts.items()},
            "worst": value.worst.value,
            "exit_status": value.exit_status,
            "idle_seconds": value.idle_seconds,
        }
    return plain


def run_from_json(found: Mapping[str, Any]) -> RunSummary:
    """Build a run from data that satisfies summary.schema.json; ``ValueError`` if it contradicts itself."""
    derived = ("counts", "worst", "exit_status", "idle_seconds")
    cells = [_without(cell, "format") for cell in found["cells"]]
    run = from_data(RunSummary, {**_without(found, "format", *derived), "cells": cells})
    again = to_json(run)
    for key in derived:
        if again[key] != found[key]:
            raise ValueError(f"{key} is {found[key]!r} but the cells say {again[key]!r}")
    return run


def cell_from_json(found: Mapping[str, Any]) -> CellResult:
    """Build a cell from data that satisfies result.schema.json; ``ValueError`` if it contradicts itself."""
    return from_data(CellResult, _without(found, "format"))


def _without(found: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in keys}


def schema(name: str) -> Mapping[str, Any]:
    """Return ``result`` or ``summary``'s JSON schema (draft 2020-12)."""
    data: Mapping[str, Any] = json.loads(
        Path(__file__).with_name(f"{name}.schema.json").read_text(encoding="utf-8")
    )
    return data


@functools.cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    resources = [referencing.Resource.from_contents(schema(n)) for n in ("result", "summary")]
    registry: referencing.Registry[Any] = referencing.Registry().with_resources(
        (resource.id() or "", resource) for resource in resources
    )
    return jsonschema.Draft202012Validator(schema(name), registry=registry)


def check(data: object, name: str) -> None:
    """Raise ``ValueError`` naming the first place where ``data`` breaks schema ``name``."""
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, found {type(data).__name__}")
    if data.get("format") != FORMAT or isinstance(data["format"], bool):
        raise ValueError(f"format {data.get('format')!r:.40}; this nvh reads format {FORMAT}")
    error = min(
        _validator(name).iter_errors(data), key=lambda e: list(map(str, e.absolute_path)), default=None
    )
    if error is not None:
        raise ValueError(f"{error.json_path}: {error.message[:300]}")


def write_text(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` (UTF-8) in one step.

    Data reaches the disk before the name does: a crash of the machine leaves the old file or the new one.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _write(path: Path, value: CellResult | RunSummary, name: str) -> None:
    data = to_json(value)
    check(data, name)
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_cell(cell: CellResult, directory: Path) -> Path:
    """Write ``directory/result.json``; ``ValueError`` if the cell breaks the schema. Returns the path."""
    _write(directory / RESULT, cell, "result")
    return directory / RESULT


def write_run(run: RunSummary, directory: Path) -> Path:
    """Write ``directory/summary.json``; ``ValueError`` if the run breaks the schema. Returns the path."""
    _write(directory / SUMMARY, run, "summary")
    return directory / SUMMARY


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(k for k in keys if keys.count(k) > 1)!r:.60}")
    return data


def _load(path: Path, name: str) -> Mapping[str, Any]:
    try:
        size = path.stat().st_size
        if size > READ_LIMIT:
            raise InfraError(f"{path}: {size} bytes; a {name} has at most {READ_LIMIT}")
        raw = path.read_bytes()
    except OSError as error:
        raise InfraError(f"{path}: {error.strerror or error}") from error
    try:
        data = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
        check(data, name)
    except UnicodeDecodeError as error:
        raise InfraError(f"{path}: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InfraError(f"{path}: truncated or not JSON at {where}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise InfraError(f"{path}: {error}") from error
    return data  # type: ignore[no-any-return]


def read_cell(path: Path) -> CellResult:
    """Read a result.json; ``InfraError`` if it is missing, truncated, foreign or contradicts itself."""
    data = _load(path, "result")
    try:
        return cell_from_json(data)
    except ValueError as error:
        raise InfraError(f"{path}: {error}") from error


def read_run(path: Path) -> RunSummary:
    """Read a summary.json; ``InfraError`` if it is missing, truncated, foreign or contradicts itself."""
    data = _load(path, "summary")
    try:
        return run_from_json(data)
    except ValueError as error:
        raise InfraError(f"{path}: {error}") from error


def collect(directory: Path, planned: CellResult) -> CellResult:
    """Read the result of the cell that was to write into ``directory``; never raises ``InfraError``.

    A missing or unusable file, or another cell's, counts as ``infra`` with the planned cell's data.
    """
    path = directory / RESULT
    try:
        cell = read_cell(path)
    except InfraError as error:
        return planned.infra(str(error))
    if (cell.id, cell.slug) != (planned.id, planned.slug):
        return planned.infra(f"{path}: holds the result of {cell.id} ({cell.slug})")
    return cell


def write_planned(cells: Iterable[CellResult], directory: Path) -> None:
    """Write what a run in ``directory`` is going to run: of each cell what says which it is."""
    write_text(
        directory / PLANNED,
        "".join(
            json.dumps(
                [each.slug, each.id, each.scenario, each.model, each.timing, each.kernels, each.command]
            )
            + "\n"
            for each in cells
        ),
    )


def read_planned(directory: Path, reason: str) -> list[CellResult]:
    """Return the cells of ``write_planned``, each as ``infra`` for ``reason``; none where there is no file.

    Raises ``InfraError`` for a file that nvh did not write.
    """
    path = directory / PLANNED
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        return [
            CellResult(
                id=cell,
                slug=slug,
                scenario=scenario,
                summary="",
                model=model,
                timing=timing,
                kernels=kernels,
                verdict=Verdict.INFRA,
                started="1970-01-01T00:00:00Z",
                seconds=0.0,
                command=command,
                reason=reason,
            )
            for slug, cell, scenario, model, timing, kernels, command in found
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise InfraError(f"{path}: {error}") from error
