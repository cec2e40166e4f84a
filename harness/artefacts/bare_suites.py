# SPDX-License-Identifier: GPL-2.0-only
"""Programs for the bare model, cross-built: the questions to it, and the one that proves the sanitizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
LIVE = "model-live.elf"
MODIFIED = "model-modified.elf"
SANITIZER = "sanitizer-suite.elf"
BUILD_DEADLINE_S = 120


def build_model_suite(store: Store, progress: Callable[[str], None] = lambda _: None) -> Artefact:
    """Return the artefact with the four programs of images/payloads/model, ``QUESTIONS`` first."""
    begin = partial(progress, "the questions to a model")
    return built(store, begin, "model-suite", ("model",), QUESTIONS)


def build_sanitizer_suite(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact that holds ``SANITIZER``, of images/payloads/sanitizer/suite."""
    begin = partial(progress, "the sanitizer's suite")
    return built(store, begin, "sanitizer-suite", ("sanitizer/suite",), SANITIZER)


def built(
    store: Store,
    begin: Callable[[], None],
    kind: str,
    folders: Sequence[str],
    program: str,
    values: Mapping[str, str] | None = None,
) -> Artefact:
    """Return the artefact ``kind`` with ``program``, made in the first of ``folders`` of images/payloads.

    The others hold further sources; ``values`` are given to make. ``InfraError`` when make fails.
    """
    words = [f"{key}={value}" for key, value in (values or {}).items()]

    def build(work: Path) -> dict[str, Any]:
        begin()
        write_headers(work)
        fixed = [f"O={work}", f"GENERATED={work}", f"CROSS_COMPILE={CROSS}"]
        command.run(
            ["make", "-C", SOURCES / folders[0], *fixed, *words],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        return {"toolchain": toolchain(), "sha256": sha256_file(work / program)}

    inputs = {
        "sources": {name: sha256_tree(SOURCES / name) for name in (*folders, ARCH, LIB)},
        "headers": dict(headers()),
        "toolchain": toolchain(),
        "values": words,
    }
    return store.get_or_build(kind, inputs, build)
