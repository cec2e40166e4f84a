"""The bare-metal program that proves the sanitizer, cross-built from images/payloads/sanitizer/suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.build import command
from harness.build.cache import Artefact, Store, sha256_file, sha256_tree
from harness.build.payloads import CROSS, SOURCES, toolchain

SUITE = SOURCES / "sanitizer" / "suite"
PROGRAM = "sanitizer-suite.elf"
BUILD_DEADLINE_S = 120


def build_suite(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact that holds the program."""
    key = {"sources": sha256_tree(SUITE), "toolchain": toolchain()}

    def build(work: Path) -> dict[str, Any]:
        progress("the sanitizer's suite")
        command.run(
            ["make", "-C", SUITE, f"O={work}", f"CROSS_COMPILE={CROSS}"],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        return {"toolchain": toolchain(), "sha256": sha256_file(work / PROGRAM)}

    return store.get_or_build("sanitizer-suite", key, build)
