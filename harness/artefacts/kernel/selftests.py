# SPDX-License-Identifier: GPL-2.0-only
"""KVM's own selftests, cross-compiled from the source of a kernel, for root file systems.

A copy of what they need is taken out of the kernel's build tree and built beside it: their makefiles write
into the source.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.artefacts.kernel.debian_image import DebianImage
from harness.artefacts.kernel.make import ARCH, CROSS, make, toolchain
from harness.artefacts.kernel.spec import KernelSpec
from harness.artefacts.kernel.tree import owned
from harness.errors import UserError
from harness.host import command
from harness.host.cache import Artefact, Store

KIND = "selftests"
FORMAT = 1
SUITE = "tools/testing/selftests/kvm"
TESTS = "tests"
"""The directory of the artefact that holds the programs, with the folders of the source."""
NEEDED = (
    "Makefile",
    "Kbuild",
    "Kconfig",
    f"arch/{ARCH}",
    "include",
    "scripts",
    "tools",
    "usr",
    "arch/x86/entry/syscalls",
    "arch/x86/tools",
)


def build_selftests(spec: KernelSpec, store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return an artefact with the programs of ``tools/testing/selftests/kvm`` below ``TESTS``, stripped.

    ``UserError`` for a kernel that is not built from source or has no such suite, ``InfraError`` when make
    fails.
    """
    if isinstance(spec.source, DebianImage):
        raise UserError(f"kernel {spec.name} is not built from source, so it has no selftests; name another")
    source, kind = spec.source.resolve(store), spec.source
    series = spec.series()
    key = {
        "builder": FORMAT,
        "source": {"kind": kind.KIND, **source.identity},
        "series": series.digest(),
        "toolchain": toolchain(),
    }

    def say(text: str) -> None:
        progress(f"selftests of {spec.name}: {text}")

    def build(work: Path) -> dict[str, Any]:
        log = work / "build.log"
        copy = work / "src"
        with owned(kind, store, log, say) as tree:
            tree.fill(source)
            tree.patch(series, source.label)
            take(tree.src, copy)
        say("headers")
        make(copy, [f"O={work / 'headers'}", "headers"], log=log, progress=say)
        say("compiling")
        headers = f"-isystem {work / 'headers/usr/include'}"
        words = [f"OUTPUT={work / 'out'}", f"KHDR_INCLUDES={headers}"]
        make(copy / SUITE, words, log=log, progress=say)
        names = collect(work / "out", work / TESTS)
        for name in ("src", "headers", "out"):
            shutil.rmtree(work / name)
        if not names:
            raise UserError(f"{source.label} builds no selftests of KVM for {ARCH}")
        return {"name": spec.name, "source": source.label, "tests": names}

    return store.get_or_build(KIND, key, build)


def take(source: Path, copy: Path) -> None:
    """Copy what the suite needs out of a kernel's source; ``UserError`` when it has no such suite."""
    if not (source / SUITE / "Makefile").is_file():
        raise UserError(f"the kernel's source has no {SUITE}")
    for name in NEEDED:
        if (source / name).is_dir():
            shutil.copytree(source / name, copy / name, symlinks=True)
        elif (source / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copy / name)


def collect(built: Path, tests: Path) -> list[str]:
    """Move the programs that make left in ``built`` to ``tests``, stripped; returns their names, sorted."""
    names = []
    for path in sorted(built.rglob("*")):
        if path.is_file() and _is_program(path):
            name = path.relative_to(built)
            (tests / name).parent.mkdir(parents=True, exist_ok=True)
            command.run([f"{CROSS}strip", "-o", tests / name, path], timeout_s=60)
            names.append(str(name))
    return names


def _is_program(path: Path) -> bool:
    """Whether ``path`` is a linked ELF program (ET_EXEC or ET_DYN) and no shared library."""
    with path.open("rb") as stream:
        head = stream.read(18)
    linked = head[:4] == b"\x7fELF" and head[16:18] in (b"\x02\x00", b"\x03\x00")
    return linked and ".so" not in path.suffixes
