# SPDX-License-Identifier: GPL-2.0-only
"""Debian's linux-headers, unpacked and made usable with this machine's compiler and C library.

linux-headers-RELEASE (arm64) needs linux-headers-*-common and, for the machine that compiles,
linux-kbuild with its host programs. Those are of the kernel's Debian release: on an older one they run
with the C library of their own release.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from harness.artefacts.debian import Archive, unpack
from harness.artefacts.kernel.make import make
from harness.errors import InfraError

# Options that say what the kernel's own, newer compiler can do. Without them Kbuild falls back to
# -falign-functions, and compiler_types.h drops the attributes that break the alignment ftrace relies on.
_COMPILER_OPTIONS = re.compile(r"^(?:#define )?CONFIG_CC_HAS_(?:MIN|SANE)_FUNCTION_ALIGNMENT\b.*\n", re.M)
_ELF = b"\x7fELF"


class HeadersTree:
    """Something to build external modules against; has the two members that ``build_module`` uses."""

    def __init__(
        self, slot: Path, source: Path, output: Path, release: str, log: Path, progress: Callable[[str], None]
    ) -> None:
        self.slot = slot
        self.source = source
        self.output = output
        self.release = release
        self.log = log
        self.progress = progress

    @classmethod
    def unpacked(
        cls,
        archive: Archive,
        tools: Archive,
        release: str,
        slot: Path,
        log: Path,
        progress: Callable[[str], None],
    ) -> HeadersTree:
        """Unpack the headers of ``release`` into ``slot``; ``tools`` is the compiling machine's archive."""
        headers = archive.candidate(f"linux-headers-{release}")
        depends = archive.depends(headers)
        common = [name for name in depends if re.fullmatch(r"linux-headers-.*-common(-.*)?", name)]
        kbuild = [name for name in depends if name.startswith("linux-kbuild-")]
        if len(common) != 1 or len(kbuild) != 1:
            raise InfraError(
                f"{headers.name} depends on {', '.join(depends)}: no single common and kbuild part"
            )
        root = slot / "root"
        unpack(archive.download([headers, archive.candidate(common[0])]), root)
        unpack(tools.download([tools.candidate(kbuild[0])]), root)
        libraries = slot / "libc"
        unpack(tools.download([tools.candidate("libc6")]), libraries)
        _wrap_programs(root / "usr/lib" / kbuild[0], libraries)
        output = root / "usr/src" / headers.name
        _fit_compiler(output)
        return cls(slot, root / "usr/src" / common[0], output, release, log, progress)

    def make(self, *words: str) -> None:
        """Run make for an external module."""
        fixed = [
            f"O={self.output}",
            f"KERNELRELEASE={self.release}",
            "CONFIG_DEBUG_INFO_BTF_MODULES=",  # would want pahole; the kernel loads modules without BTF
        ]
        make(self.source, [*fixed, *words], log=self.log, progress=self.progress)


def _wrap_programs(kbuild: Path, libraries: Path) -> None:
    """Let modpost run with the C library it was linked against.

    Debian's modpost is a launcher that executes ``modpost.real-lsb-64`` and the like beside it.
    """
    loaders = sorted(libraries.rglob("ld-linux-*.so.*"))
    if not loaders:
        raise InfraError("libc6 of the kernel's suite holds no dynamic loader")
    for program in kbuild.glob("scripts/mod/modpost.real-*"):
        if program.read_bytes()[:4] != _ELF:
            continue
        original = program.with_suffix(program.suffix + ".elf")
        program.rename(original)
        words = f"--inhibit-cache --library-path '{loaders[0].parent}' '{original}'"
        program.write_text(f"#!/bin/sh\nexec '{loaders[0]}' {words} \"$@\"\n")
        program.chmod(0o755)


def _fit_compiler(output: Path) -> None:
    for name in ("include/config/auto.conf", "include/generated/autoconf.h"):
        path = output / name
        path.write_text(_COMPILER_OPTIONS.sub("", path.read_text()))
