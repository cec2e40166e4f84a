# SPDX-License-Identifier: GPL-2.0-only
"""The payload module (nvh.ko), which every kernel needs compiled against itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from harness.arch.operations import header
from harness.arch.table import load
from harness.artefacts.kernel.make import CROSS
from harness.errors import InfraError
from harness.host import command
from harness.host.cache import sha256_tree

MODULE = "nvh.ko"


class _Tree(Protocol):
    slot: Path

    def make(self, *words: str) -> None: ...


def generated() -> str:
    """Return ``tlbi_ops.h``, which the module includes."""
    return header(load())


def build_module(tree: _Tree, sources: Path, target: Path) -> None:
    """Compile the module in ``sources`` against ``tree`` and put it into ``target``, stripped.

    The sources are copied next to the tree first: kbuild writes beside what it compiles.
    """
    copy = tree.slot / "module"
    stamp = copy / ".sources"
    digest = f"{sha256_tree(sources)}\n{generated()}"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(sources, copy)
        (copy / "tlbi_ops.h").write_text(generated(), encoding="utf-8")
        stamp.write_text(digest, encoding="utf-8")
    tree.make(f"M={copy}", f"GENERATED={copy}", "modules")
    if not (copy / MODULE).is_file():
        raise InfraError(f"compiling {sources} left no {MODULE}; its Kbuild must say `obj-m := nvh.o`")
    target.mkdir(parents=True, exist_ok=True)
    # A level reads the module through the virtio disks below it: without debugging information it is a tenth.
    command.run([f"{CROSS}strip", "--strip-debug", "-o", target / MODULE, copy / MODULE], timeout_s=60)
