# SPDX-License-Identifier: GPL-2.0-only
"""Kernel files: what a kernel consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artefacts.kernel import series as patches
from harness.artefacts.kernel.archives import DebianSource, Tarball
from harness.artefacts.kernel.debian_image import DebianImage
from harness.artefacts.kernel.source_kind import KernelSource, located
from harness.artefacts.kernel.trees import Directory, GitTree
from harness.document.data_files import load_document
from harness.errors import InputError, Location, Problem, UserError
from harness.host.paths import data_names, find_data_file

SOURCES: tuple[type[KernelSource], ...] = (DebianSource, Tarball, GitTree, Directory)
PATHS = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}


def _one_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": dict(properties),
    }


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["kernel", "summary", "source"],
    "additionalProperties": False,
    "properties": {
        "kernel": {"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]*$"},
        "summary": {"type": "string"},
        "source": _one_of(
            {**{row.KIND: row.SCHEMA for row in SOURCES}, DebianImage.KIND: DebianImage.SCHEMA}
        ),
        "series": _one_of(
            {**{kind: {"type": "string"} for kind in patches.KINDS}, **dict.fromkeys(patches.LISTS, PATHS)}
        ),
        "config": PATHS,
        "require": {"type": "array", "items": {"type": "string", "pattern": "^CONFIG_[A-Z0-9_]+$"}},
    },
}


@dataclass(frozen=True)
class KernelSpec:
    """A kernel file. ``series()`` reads the patches; ``require`` names options that must end up set."""

    name: str
    summary: str
    path: Path
    source: KernelSource | DebianImage
    series: Callable[[], patches.Series]
    config: tuple[Path, ...] = ()
    require: tuple[str, ...] = ()


def list_kernels() -> list[str]:
    """Return the names of the shipped kernels."""
    return data_names("kernels")


def load_kernel(name: str | Path) -> KernelSpec:
    """Load ``images/kernels/<name>.yaml`` or the file at a path; ``InputError`` names every defect."""
    path = find_data_file("kernels", str(name))
    data = load_document(path, SCHEMA)
    base = path.parent
    ((kind, settings),) = data["source"].items()
    source: KernelSource | DebianImage
    if kind == DebianImage.KIND:
        extra = [key for key in ("series", "config", "require") if key in data]
        if extra:
            found = f"{', '.join(map(repr, extra))} beside source.{kind}, which is not built"
            raise InputError(
                [Problem(Location(str(path)), found, "a source that is built, or none of these")]
            )
        source = DebianImage.parse(settings, base)
    else:
        source = {row.KIND: row for row in SOURCES}[kind].parse(settings, base)
        if "config" not in data:
            raise InputError([Problem(Location(str(path)), "no 'config'", "the list of config fragments")])
    fragments = tuple(located(text, base) for text in data.get("config", ()))
    for fragment in fragments:
        if not fragment.is_file():
            raise UserError(f"{path}: the config fragment {fragment} does not exist")
    return KernelSpec(
        data["kernel"],
        data["summary"],
        path,
        source,
        _reader(data.get("series", {}), base),
        fragments,
        tuple(data.get("require", ())),
    )


def _reader(data: Mapping[str, Any], base: Path) -> Callable[[], patches.Series]:
    if not data:
        return lambda: patches.Series("none")
    ((kind, value),) = data.items()
    if kind in patches.LISTS:
        return lambda: patches.LISTS[kind]([located(text, base) for text in value])
    return lambda: patches.KINDS[kind](located(value, base))
