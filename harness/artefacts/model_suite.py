# SPDX-License-Identifier: GPL-2.0-only
"""The bare-metal questions to a model, cross-built from images/payloads/model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.arch.header import headers, write_headers
from harness.arch.reference import ARCH
from harness.artefacts.payloads import CROSS, LIB, SOURCES, toolchain
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree

SUITE = SOURCES / "model"
QUESTIONS = "model-suite.elf"
STATE = "model-state.elf"
BUILD_DEADLINE_S = 120


def build_model_suite(store: Store, progress: Callable[[str], None] = lambda _: None) -> Artefact:
    """Return the artefact that holds ``QUESTIONS`` and ``STATE``."""
    sources = {
        "model": sha256_tree(SUITE),
        ARCH: sha256_tree(SOURCES / ARCH),
        LIB: sha256_tree(SOURCES / LIB),
    }
    key = {"sources": sources, "headers": dict(headers()), "toolchain": toolchain()}

    def build(work: Path) -> dict[str, Any]:
        progress("the questions to a model")
        write_headers(work)
        command.run(
            ["make", "-C", SUITE, f"O={work}", f"GENERATED={work}", f"CROSS_COMPILE={CROSS}"],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        return {"toolchain": toolchain(), "sha256": sha256_file(work / QUESTIONS)}

    return store.get_or_build("model-suite", key, build)
