# SPDX-License-Identifier: GPL-2.0-only
"""The disk that carries the kernels of the deeper levels, and every level's modules."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.artefacts.ext4 import pack
from harness.host.cache import Artefact, Store, sha256_file
from harness.level import Level

IMAGE = "boot.ext4"
FILES = ("Image", "initramfs.cpio.gz")


def build_bootdisk(store: Store, kernels: Mapping[Level, Artefact]) -> Artefact:
    """Return an ext4 image with ``<level>/Image``, ``initramfs.cpio.gz`` where there is one, and modules."""
    key = {str(level): kernel.digest for level, kernel in sorted(kernels.items())}

    def build(work: Path) -> dict[str, Any]:
        tree = work / "tree"
        for level, kernel in kernels.items():
            target = tree / str(level)
            target.mkdir(parents=True)
            for name in FILES if level is not Level.L0 else ():
                if (kernel.path / name).exists():
                    _link(kernel.path / name, target / name)
            for module in (kernel.path / "modules").glob("*.ko"):
                _link(module, target / module.name)
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, str(sorted(key.items()))))
        pack(tree, work / IMAGE, identity, work / "build.log")
        shutil.rmtree(tree)
        return {"sha256": sha256_file(work / IMAGE)}

    return store.get_or_build("bootdisk", key, build)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
