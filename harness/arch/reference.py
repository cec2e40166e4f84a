# SPDX-License-Identifier: GPL-2.0-only
"""The architecture's rules as a library for Python, compiled from images/payloads/arch."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.arch.header import headers
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_tree
from harness.host.command import HOSTCC
from harness.host.paths import IMAGES

ARCH = "arch"
"""The folder of the architecture's rules, which programs of every kind share."""
SOURCES = IMAGES / "payloads" / ARCH
LIBRARY = "arch.so"
UNITS = ("arch.c", "python.c")
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fPIC", "-shared")
BUILD_DEADLINE_S = 60


def compile_reference(sources: Path, work: Path) -> Path:
    """Compile the reference in ``sources`` into ``work`` and return the library.

    Raises ``UserError`` when there is no compiler or the sources do not compile.
    """
    for name, text in headers().items():
        (work / name).write_text(text, encoding="utf-8")
    units = [sources / unit for unit in UNITS]
    command.run(
        [HOSTCC, *FLAGS, f"-I{work}", "-o", work / LIBRARY, *units],
        timeout_s=BUILD_DEADLINE_S,
        log=work / "build.log",
    )
    return work / LIBRARY


def build_reference(store: Store, progress: Callable[[str], None] = lambda _: None) -> Artefact:
    """Return the artefact that holds the library.

    The key is content: what is compiled, and for which machine. No compiler is needed to find it again.
    """
    key = {"sources": sha256_tree(SOURCES), "headers": dict(headers()), "machine": platform.machine()}

    def build(work: Path) -> dict[str, Any]:
        progress("the architecture's reference")
        compile_reference(SOURCES, work)
        return {"flags": list(FLAGS)}

    return store.get_or_build("reference", key, build)
