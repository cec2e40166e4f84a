# SPDX-License-Identifier: GPL-2.0-only
"""A drgn program over physical memory: the kernel that runs there, found by its VMCOREINFO.

VMCOREINFO is the kernel's own description of itself for debuggers (Documentation/admin-guide/kdump/
vmcoreinfo.rst): release, build ID, KASLR offset, page-table root. It starts a page of its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InfraError, UserError
from harness.host.cache import MANIFEST
from harness.level import Level
from harness.machine.ram.memory import PAGE, Memory, pages_starting_with
from harness.machine.ram.stage2 import MemoryGap

if TYPE_CHECKING:
    from drgn import Program

MARK = b"OSRELEASE="
MAX_CANDIDATES = 32
ADDRESS_BITS = 52


@dataclass(frozen=True, slots=True)
class Candidate:
    """A page of VMCOREINFO at a physical ``address``."""

    address: int
    text: str

    def field(self, name: str) -> str:
        """Return the value of a line ``NAME=value``, empty when absent."""
        found = re.search(rf"^{re.escape(name)}=(.*)$", self.text, re.M)
        return found[1] if found else ""

    @property
    def kaslr_offset(self) -> int:
        """How far the kernel's virtual addresses lie above those of its vmlinux."""
        return int(self.field("KERNELOFFSET") or "0", 16)

    def __str__(self) -> str:
        return f"{self.field('OSRELEASE')} (build ID {self.field('BUILD-ID') or 'unknown'})"


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel of a level as drgn sees it."""

    level: Level
    program: Program
    info: Candidate


def candidates(memory: Memory) -> list[Candidate]:
    """Return the pages of VMCOREINFO in ``memory``: those of its kernel and of the kernels of its guests."""
    found = []
    for address in pages_starting_with(memory, MARK):
        text = memory.read(address, PAGE).split(b"\0")[0].decode("ascii", "replace")
        if "SYMBOL(swapper_pg_dir)=" in text:
            found.append(Candidate(address, text))
        if len(found) == MAX_CANDIDATES:
            break
    return found


def open_kernel(level: Level, memory: Memory, vmlinux: Path) -> Kernel:
    """Return the kernel that runs in ``memory``, with the types and symbols of ``vmlinux``.

    The RAM of L0 holds the VMCOREINFO of L1 and L2 too: the right one is where the kernel's own
    ``vmcoreinfo_data`` points. ``UserError`` when there is none, or ``vmlinux`` is of another build or has
    no DWARF.
    """
    from drgn import BadDataError

    require_dwarf(level, vmlinux)
    found = candidates(memory)
    if not found:
        raise UserError(
            f"no VMCOREINFO in the memory of {level}: its kernel lacks CONFIG_VMCORE_INFO (CONFIG_PROC_KCORE "
            "selects it), or this is not the memory of a Linux kernel, or it had not come up yet"
        )
    problems = []
    for candidate in found:
        try:
            program = _program(memory, candidate)
        except BadDataError as error:
            problems.append(f"{candidate} at {candidate.address:#x}: {error}")
            continue
        if problem := _unfit(program, candidate, vmlinux):
            problems.append(problem)
        else:
            return Kernel(level, program, candidate)
    raise UserError(f"{vmlinux} does not fit the kernel of {level}: {'; '.join(dict.fromkeys(problems))}")


def _program(memory: Memory, candidate: Candidate) -> Program:
    """Return a program without symbols; ``BadDataError`` when drgn cannot use the VMCOREINFO."""
    from drgn import Architecture, FaultError, Platform, Program

    def read(address: int, count: int, offset: int, physical: bool) -> bytes:
        del offset, physical
        try:
            return memory.read(address, count)
        except MemoryGap as gap:
            raise FaultError(str(gap), gap.address) from gap

    program = Program(Platform(Architecture.AARCH64))
    program.add_memory_segment(0, 1 << ADDRESS_BITS, read, physical=True)
    program.set_linux_kernel_custom(candidate.text, is_live=False)
    return program


def _unfit(program: Program, candidate: Candidate, vmlinux: Path) -> str:
    """Load ``vmlinux``; return why it, or the candidate, is not what runs, or nothing."""
    from drgn import FaultError, MissingDebugInfoError
    from drgn.helpers.linux.mm import virt_to_phys

    try:
        program.load_debug_info([vmlinux])
        pointer = program["vmcoreinfo_data"]
        actual = int(virt_to_phys(program, pointer.value_()))
    except MissingDebugInfoError:
        return f"the memory has {candidate}, {vmlinux.name} is of another build"
    except (FaultError, LookupError, ValueError) as error:
        return f"{candidate} at {candidate.address:#x}: {error}"
    if actual != candidate.address:
        return f"{candidate} at {candidate.address:#x} belongs to another level"
    return ""


def require_dwarf(level: Level, vmlinux: Path) -> None:
    """Refuse a kernel without debugging information: ``UserError`` says what to do."""
    if not vmlinux.is_file():
        raise UserError(missing_vmlinux(level, vmlinux))
    with vmlinux.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            raise UserError(f"{vmlinux} is not an ELF file; the vmlinux of {level} is wanted, not its Image")


def missing_vmlinux(level: Level, vmlinux: Path) -> str:
    """Return what to do about a kernel whose artefact has no vmlinux."""
    release = _release(vmlinux.parent / MANIFEST)
    return (
        f"the kernel of {level} has no vmlinux ({vmlinux}): a binary package brings neither types "
        "nor lines. Use a kernel that nvh builds (./nvh run --kernel nv), or the distribution's: "
        f"`apt-get download linux-image-{release}-dbg` (Debian; 1.2 GB, 7.6 GB unpacked), unpack it with "
        f"dpkg-deb -x, and give --vmlinux {level}=usr/lib/debug/boot/vmlinux-{release}"
    )


def _release(manifest: Path) -> str:
    """Return the release of a kernel's artefact, ``RELEASE`` when it does not say."""
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8"))["release"])
    except (OSError, ValueError, KeyError, TypeError):
        return "RELEASE"


def exists(program: Program, name: str) -> bool:
    """Whether the kernel has a variable ``name``."""
    try:
        program[name]
    except (KeyError, LookupError):
        return False
    return True


def require(program: Program, name: str, level: Level) -> None:
    """Refuse a kernel without the variable ``name``."""
    if not exists(program, name):
        raise InfraError(f"the kernel of {level} has no {name}: it was built without KVM")
