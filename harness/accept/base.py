# SPDX-License-Identifier: GPL-2.0-only
"""The base of a series: a kernel file, or a commit of a repository with the configuration of `nv`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.accept import gitrange
from harness.artefacts.kernel import KernelSpec, load_kernel
from harness.artefacts.kernel.debian_image import DebianImage
from harness.artefacts.kernel.patch import Patch
from harness.artefacts.kernel.repository import Repository, repository
from harness.artefacts.kernel.series import Series
from harness.artefacts.kernel.source_kind import located
from harness.artefacts.kernel.spec import SCHEMA
from harness.artefacts.kernel.trees import GitTree
from harness.document.data_files import load_document
from harness.errors import UserError
from harness.host.cache import Store, write_atomic

CONFIGURATION = "nv"
"""The kernel whose configuration and series a commit gets that is named as a base."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where a series starts. ``source`` is the ``source:`` of a kernel file with absolute paths.

    ``overlay`` are the base's own patches (nvh's trace events, for example), below the series.
    """

    name: str
    spec: KernelSpec
    source: Mapping[str, Any]
    repository: Repository
    overlay: Series

    @property
    def label(self) -> str:
        """The source with its version, and the base's own patches."""
        own = f" with the series {self.overlay.name}" if self.overlay.patches else ""
        return f"{self.repository.label}{own}"

    def without_overlay(self) -> Base:
        """The bare source."""
        return Base(self.name, self.spec, self.source, self.repository, Series("none"))

    def write_kernel(self, directory: Path, name: str, patches: tuple[Patch, ...]) -> Path:
        """Write the kernel file of this base with ``patches`` on top below ``directory``; returns it."""
        place = directory / name
        place.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, patch in enumerate((*self.overlay.patches, *patches), 1):
            file = f"{number:04}.patch"
            (place / file).write_bytes(patch.data)
            lines.append(f"{file} -p{patch.strip}\n")
        write_atomic(place / "series", "".join(lines))
        document: dict[str, Any] = {
            "kernel": name,
            "summary": f"{self.name} with {len(patches)} patches of the series",
            "source": dict(self.source),
            "config": [str(path.absolute()) for path in self.spec.config],
        }
        if lines:
            document["series"] = {"quilt": str((place / "series").absolute())}
        if self.spec.require:
            document["require"] = list(self.spec.require)
        file_name = place / "kernel.yaml"
        write_atomic(file_name, yaml.safe_dump(document, sort_keys=False))
        return file_name


def open_base(name: str, store: Store, progress: Callable[[str], None]) -> Base:
    """Return the base called ``name``: a kernel by name or path, or ``REPO:REF``.

    ``UserError`` when there is none, or when it is not built from source.
    """
    head, colon, ref = name.rpartition(":")
    if colon and Path(head).expanduser().is_dir():
        spec = load_kernel(CONFIGURATION)
        path = Path(head).expanduser().absolute()
        commit = gitrange.commit(gitrange.git_directory(path), ref)
        source = GitTree(path, commit)
        data: Mapping[str, Any] = {GitTree.KIND: {"path": str(path), "ref": commit}}
        return Base(name, spec, data, repository(source, store, progress), spec.series())
    spec = load_kernel(name)
    if isinstance(spec.source, DebianImage):
        raise UserError(
            f"the kernel {spec.name} is a ready image, no patch can be applied to it; name a base that is "
            "built from source, such as nv"
        )
    ((kind, settings),) = load_document(spec.path, SCHEMA)["source"].items()
    if "path" in settings:
        settings = {**settings, "path": str(located(settings["path"], spec.path.parent))}
    return Base(spec.name, spec, {kind: settings}, repository(spec.source, store, progress), spec.series())
