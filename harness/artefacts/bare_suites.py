# SPDX-License-Identifier: GPL-2.0-only
"""Programs for the bare model, cross-built: the questions to it, and the one that proves the sanitizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.arch.header import headers, write_headers
from harness.arch.reference import ARCH
from harness.artefacts.payloads import CROSS, LIB, SOURCES, toolchain
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree

QUESTIONS = "model-suite.elf"
STATE = "model-state.elf"
SANITIZER = "sanitizer-suite.elf"
BUILD_DEADLINE_S = 120


def build_model_suite(store: Store, progress: Callable[[str], None] = lambda _: None) -> Artefact:
    """Return the artefact that holds ``QUESTIONS`` and ``STATE``, of images/payloads/model."""
    begin = partial(progress, "the questions to a model")
    return _built(store, begin, "model-suite", "model", SOURCES / "model", QUESTIONS)


def build_sanitizer_suite(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact that holds ``SANITIZER``, of images/payloads/sanitizer/suite."""
    begin = partial(progress, "the sanitizer's suite")
    return _built(store, begin, "sanitizer-suite", "suite", SOURCES / "sanitizer" / "suite", SANITIZER)


def _built(
    store: Store, begin: Callable[[], None], kind: str, key: str, directory: Path, program: str
) -> Artefact:
    sources = {
        key: sha256_tree(directory),
        ARCH: sha256_tree(SOURCES / ARCH),
        LIB: sha256_tree(SOURCES / LIB),
    }

    def build(work: Path) -> dict[str, Any]:
        begin()
        write_headers(work)
        command.run(
            ["make", "-C", directory, f"O={work}", f"GENERATED={work}", f"CROSS_COMPILE={CROSS}"],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        return {"toolchain": toolchain(), "sha256": sha256_file(work / program)}

    inputs = {"sources": sources, "headers": dict(headers()), "toolchain": toolchain()}
    return store.get_or_build(kind, inputs, build)
