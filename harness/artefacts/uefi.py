# SPDX-License-Identifier: GPL-2.0-only
"""UEFI for QEMU's board virt: EDK2 as Debian builds it (AAVMF), unpacked as models are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.artefacts import debian, lock
from harness.errors import InfraError
from harness.host.cache import Artefact, Store, sha256_file

KIND = "uefi"
PACKAGE = "qemu-efi-aarch64"
SUITES = ("stable",)
FIRMWARE = "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
"""What QEMU's ``-bios`` takes; other names in the package are the same in flash of 64 MiB."""


def build_uefi(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact that holds ``FIRMWARE``; its manifest has the package's version and SHA-256.

    ``UserError`` when the machine's Debian mirror has no such package.
    """
    with lock.pinned(KIND, PACKAGE):
        return _built(store, progress)


def _built(store: Store, progress: Callable[[str], None]) -> Artefact:
    archive = debian.Archive(store, SUITES, "arm64")  # of all architectures: in the index of each
    package = archive.candidate(PACKAGE)
    key = {"package": PACKAGE, "version": package.version, "suites": archive.suites}

    def build(work: Path) -> dict[str, Any]:
        progress(f"UEFI: {PACKAGE} {package.version}")
        files = archive.download([package])
        debian.unpack(files, work)
        if not (work / FIRMWARE).is_file():
            raise InfraError(f"{PACKAGE} {package.version} has no {FIRMWARE}")
        return {"packages": [file.record() for file in files], "sha256": sha256_file(work / FIRMWARE)}

    return lock.get_or_build(store, KIND, key, build)
