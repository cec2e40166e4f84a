# SPDX-License-Identifier: GPL-2.0-only
"""L0's initramfs: its whole root, and the disks that it hands to the levels above.

L0 has no disk of its own, because a block device answers when the host gets round to it: with everything in
memory from the start, what L0 executes under icount depends on nothing outside the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.artefacts import bootdisk, cpio, rootfs
from harness.host.cache import Artefact, Store, sha256_file
from harness.level import Level

FORMAT = 2
IMAGE = "initrd"
DISKS = "nvh/disk"
MODULES_ARCHIVE = "initramfs.cpio.gz"
NEW_ROOT = "root/"  # where the /init of a kernel with modular drivers looks for the real root


def build_initrd(store: Store, kernel: Artefact, roots: Mapping[Level, Artefact], boot: Artefact) -> Artefact:
    """Return an artefact with ``initrd``, for L0's ``kernel``.

    A kernel with modular drivers brings an initramfs of its own, whose archive comes first; then L0's
    root is below ``/root`` in the archive.
    """
    key = {
        "format": FORMAT,
        "kernel": kernel.digest,
        "roots": {str(level): root.digest for level, root in sorted(roots.items())},
        "boot": boot.digest,
    }

    def build(work: Path) -> dict[str, Any]:
        first = kernel.path / MODULES_ARCHIVE
        prefix = NEW_ROOT if first.exists() else ""
        with (work / IMAGE).open("wb") as stream:
            if first.exists():
                stream.write(first.read_bytes())
                cpio.pad(stream)
            # Linux makes the root that it unpacks into writable for all, which dropbear refuses.
            members = [
                cpio.directory("."),
                *cpio.tree(roots[Level.L0].path / rootfs.TREE, prefix),
                *_disks(prefix, roots, boot),
            ]
            cpio.write(stream, cpio.with_parents(members))
        return {"sha256": sha256_file(work / IMAGE)}

    return store.get_or_build("initrd", key, build)


def _disks(prefix: str, roots: Mapping[Level, Artefact], boot: Artefact) -> Iterator[cpio.CpioMember]:
    yield cpio.regular(f"{prefix}{DISKS}/boot", boot.path / bootdisk.IMAGE)
    for level, root in sorted(roots.items()):
        if level is not Level.L0:
            yield cpio.regular(f"{prefix}{DISKS}/root-{level}", root.path / rootfs.IMAGE)
