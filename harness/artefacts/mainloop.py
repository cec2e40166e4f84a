# SPDX-License-Identifier: GPL-2.0-only
"""What makes the order of QEMU's threads that of virtual time: built on the host, preloaded under icount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.artefacts.payloads import SOURCES, toolchain
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree
from harness.host.command import HOSTCC

FILE = "nvh-mainloop.so"
BUILD_DEADLINE_S = 120


def build_mainloop(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact with ``FILE``, from images/payloads/mainloop, which says what it does and why."""
    compiler = toolchain(HOSTCC)
    key = {"sources": sha256_tree(SOURCES / "mainloop"), "toolchain": compiler}

    def build(work: Path) -> dict[str, Any]:
        progress("main loop's order")
        command.run(
            ["make", "-C", SOURCES / "mainloop", f"O={work}", f"CC={HOSTCC}"],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        return {"toolchain": compiler, "sha256": sha256_file(work / FILE)}

    return store.get_or_build("mainloop", key, build)
