# SPDX-License-Identifier: GPL-2.0-only
"""Our own programs for the levels, cross-built from images/payloads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.arch.header import headers, write_headers
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree
from harness.host.command import HOSTCC
from harness.host.paths import IMAGES

CROSS = "aarch64-linux-gnu-"
SOURCES = IMAGES / "payloads"
MODULE_SOURCES = SOURCES / "module"
LIB = "lib"
"""The folder of what programs of different kinds share, besides the architecture's rules."""
LISTER = "litmus-list"
"""nvh-litmus for the host: it knows the cases and runs none."""
PLUGIN_SOURCES = ("plugin", "sanitizer")
HOST_SOURCES = (*PLUGIN_SOURCES, "mainloop", "bundle")
"""Folders whose programs no level has in its root file system: most run on the host, inside QEMU."""


def payload_names() -> list[str]:
    """Return the programs that a root file system may have, as the Makefile lists them."""
    text = (SOURCES / "Makefile").read_text(encoding="utf-8")
    rows = re.findall(r"^programs \+?:?= (.+)$", text, re.MULTILINE)
    return sorted(name for row in rows for name in row.split())


def toolchain(compiler: str = f"{CROSS}gcc") -> str:
    """Return the compiler's own description of itself; ``UserError`` when it is not installed."""
    return command.run([compiler, "--version"], timeout_s=30).stdout.splitlines()[0]


def build_payloads(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact that holds every user-space payload, and the generated headers."""
    key = {
        "sources": sha256_tree(SOURCES, leave_out=HOST_SOURCES),
        "headers": dict(headers()),
        "toolchain": toolchain(),
        "host": toolchain(HOSTCC),
    }

    def build(work: Path) -> dict[str, Any]:
        progress("payloads")
        write_headers(work)
        command.run(
            [
                "make",
                "-C",
                SOURCES,
                f"O={work}",
                f"GENERATED={work}",
                f"CROSS_COMPILE={CROSS}",
                "all",
                work / LISTER,
            ],
            timeout_s=600,
            log=work / "build.log",
        )
        files = sorted(path for path in work.iterdir() if path.name != "build.log")
        return {"toolchain": toolchain(), "files": {path.name: sha256_file(path) for path in files}}

    return store.get_or_build("payloads", key, build)
