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
from harness.document.data_files import Document
from harness.document.nodes import Node, shown
from harness.errors import Problem, closest
from harness.host.paths import data_names, find_data_file

SOURCES: tuple[type[KernelSource], ...] = (DebianSource, Tarball, GitTree, Directory)
SEE = "docs/kernels.md"
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
        "kernel": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9.-]*$",
            "x-expected": "a name of lower-case letters, digits, dots and dashes",
        },
        "summary": {"type": "string"},
        "source": _one_of(
            {**{row.KIND: row.SCHEMA for row in SOURCES}, DebianImage.KIND: DebianImage.SCHEMA}
        ),
        "series": _one_of(
            {**{kind: {"type": "string"} for kind in patches.KINDS}, **dict.fromkeys(patches.LISTS, PATHS)}
        ),
        "config": PATHS,
        "files": {"type": "integer", "minimum": 1},
        "require": {
            "type": "array",
            "items": {
                "type": "string",
                "pattern": "^CONFIG_[A-Z0-9_]+$",
                "x-expected": "an option such as CONFIG_KVM",
            },
        },
    },
}


@dataclass(frozen=True)
class KernelSpec:
    """A kernel file. ``series()`` reads the patches; ``require`` names options that must end up set.

    ``files``: about how many files a build from nothing compiles, 0 if unknown; only progress uses it.
    """

    name: str
    summary: str
    path: Path
    source: KernelSource | DebianImage
    series: Callable[[], patches.Series]
    config: tuple[Path, ...] = ()
    require: tuple[str, ...] = ()
    files: int = 0


def list_kernels() -> list[str]:
    """Return the names of the shipped kernels."""
    return data_names("kernels")


def load_kernel(name: str | Path) -> KernelSpec:
    """Load ``images/kernels/<name>.yaml`` or the file at a path; ``InputError`` names every defect."""
    path = find_data_file("kernels", str(name))
    document = Document(path, SCHEMA, SEE)
    _check(document, path.parent)
    data = document.checked()
    base = path.parent
    ((kind, settings),) = data["source"].items()
    source: KernelSource | DebianImage
    if kind == DebianImage.KIND:
        source = DebianImage.parse(settings, base)
    else:
        source = {row.KIND: row for row in SOURCES}[kind].parse(settings, base)
    return KernelSpec(
        data["kernel"],
        data["summary"],
        path,
        source,
        _reader(data.get("series", {}), base),
        tuple(located(text, base) for text in data.get("config", ())),
        tuple(data.get("require", ())),
        data.get("files", 0),
    )


def _check(document: Document, base: Path) -> None:
    """What the schema cannot say: keys that go together, and files that have to be there."""
    source = document.good("source")
    if source is not None and DebianImage.KIND in source.map:
        for key in ("series", "config", "require"):
            if key in document.root.map:
                found = f"{key!r} beside source.{DebianImage.KIND}, which is not built"
                document.refuse(
                    Problem(document.root.keys[key], found, "a source that is built, or none of it")
                )
        return
    if source is not None and "config" not in document.root.map:
        document.refuse(document.root.problem("no 'config'", "the list of config fragments"))
    for node in document.rows("config"):
        _there(document, node, base, "a config fragment")
    series = document.good("series")
    for kind, node in series.map.items() if series is not None else ():
        for each in node.items or [node]:
            _there(document, each, base, "a directory" if kind == "directory" else "a file of patches")


def _there(document: Document, node: Node, base: Path, what: str) -> None:
    path = located(node.text or "", base)
    if not path.exists():
        names = sorted(each.name for each in path.parent.iterdir()) if path.parent.is_dir() else []
        near = closest(path.name, names)
        hint = str(Path(node.text or "").with_name(near)) if near else ""
        document.refuse(
            node.problem(f"no file {shown(node.text or '')}", f"{what}, relative to {base}", hint)
        )


def _reader(data: Mapping[str, Any], base: Path) -> Callable[[], patches.Series]:
    if not data:
        return lambda: patches.Series("none")
    ((kind, value),) = data.items()
    if kind in patches.LISTS:
        return lambda: patches.LISTS[kind]([located(text, base) for text in value])
    return lambda: patches.KINDS[kind](located(value, base))
