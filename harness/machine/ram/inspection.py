# SPDX-License-Identifier: GPL-2.0-only
"""The VMs of a stopped machine, from its RAM alone: of L0's kernel, or of L1's through L0's stage 2."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InfraError, UserError
from harness.level import Level
from harness.machine.ram import kvm_structures
from harness.machine.ram.compose import compose
from harness.machine.ram.guest import Guest, choose
from harness.machine.ram.kernel import Kernel, open_kernel
from harness.machine.ram.level_report import Composition, Filter, LevelReport, Mmu, Tables, Vm
from harness.machine.ram.memory import VIRT_RAM_BASE, Memory, RamFile
from harness.machine.ram.stage2 import BadTable, Geometry, Walk, runs, vttbr_base, walk

if TYPE_CHECKING:
    from drgn import Object

EVERYTHING = Filter()


def inspect(
    ram: Path,
    vmlinux: Mapping[Level, Path],
    at: Level = Level.L0,
    chosen: Filter = EVERYTHING,
    *,
    base: int = VIRT_RAM_BASE,
    through: int | None = None,
) -> LevelReport:
    """Return what the kernel of level ``at`` knows of its virtual machines.

    ``ram`` is L0's RAM, whose first byte has the physical address ``base``; ``vmlinux`` maps the levels from
    L0 to ``at`` to their kernels with DWARF. ``through`` is the number of L0's VM that is L1, when there are
    several.

    The machine must be stopped, or the RAM a snapshot. ``UserError`` when the files do not fit each other.
    """
    with RamFile(ram, base) as memory:
        return Inspection(memory, vmlinux, through).report(at, chosen)


class Inspection:
    """The opened memory of a stopped machine; kernels of deeper levels are opened when they are asked for."""

    def __init__(self, ram: Memory, vmlinux: Mapping[Level, Path], through: int | None = None) -> None:
        self._ram = ram
        self._vmlinux = vmlinux
        self._through = through
        self._kernels: dict[Level, tuple[Kernel, Memory]] = {}

    def kernel(self, level: Level) -> tuple[Kernel, Memory]:
        """Return the kernel of ``level`` and the physical memory that it sees."""
        if level not in self._kernels:
            memory = self._ram if level is Level.L0 else self._guest_of(Level(level - 1)).memory
            self._kernels[level] = (open_kernel(level, memory, self._path(level)), memory)
        return self._kernels[level]

    def report(self, level: Level, chosen: Filter = EVERYTHING) -> LevelReport:
        """Return the report of ``level``, as far as ``chosen`` lets it through.

        ``InfraError`` when KVM's structures cannot be followed: memory that is damaged, or a kernel that has
        other structures than this nvh knows.
        """
        from drgn import BadDataError, FaultError, ObjectAbsentError

        try:
            return self._report(level, chosen)
        except (AttributeError, BadDataError, FaultError, LookupError, ObjectAbsentError) as error:
            raise InfraError(
                f"KVM's structures in the memory of {level} cannot be followed: {error}"
            ) from error

    def _report(self, level: Level, chosen: Filter) -> LevelReport:
        kernel, memory = self.kernel(level)
        machines = list(kvm_structures.virtual_machines(kernel))
        if chosen.vm is not None and chosen.vm not in {index for index, _ in machines}:
            raise UserError(
                f"{level} has no VM {chosen.vm}; it has {[index for index, _ in machines] or 'none'}"
            )
        return LevelReport(
            level=str(level),
            release=kernel.info.field("OSRELEASE"),
            build_id=kernel.info.field("BUILD-ID"),
            kaslr_offset=kernel.info.kaslr_offset,
            vms=tuple(_vm(index, kvm, memory, chosen) for index, kvm in machines if chosen.wants_vm(index)),
        )

    def _guest_of(self, level: Level) -> Guest:
        kernel, memory = self.kernel(level)
        return Guest(choose(kernel, self._through if level is Level.L0 else None), memory)

    def _path(self, level: Level) -> Path:
        if level not in self._vmlinux:
            raise UserError(f"nothing says which vmlinux {level} runs; give it with --vmlinux {level}=FILE")
        return self._vmlinux[level]


def _vm(index: int, kvm: Object, memory: Memory, chosen: Filter) -> Vm:
    machine = kvm_structures.read_vm(index, kvm)
    wanted = [mmu for mmu in machine.mmus if chosen.wants_mmu(mmu.index)]
    if chosen.mmu is not None and not wanted:
        raise UserError(
            f"VM {index} has no context {chosen.mmu}; it has own and {len(machine.mmus) - 1} nested ones"
        )
    guest = Guest(kvm, memory) if chosen.compose else None
    return dataclasses.replace(machine, mmus=tuple(_mmu(mmu, memory, guest, chosen) for mmu in wanted))


def _mmu(mmu: Mmu, memory: Memory, guest: Guest | None, chosen: Filter) -> Mmu:
    """Return ``mmu`` with its tree walked; a tree that makes no sense is a ``problem`` of the context."""
    if not mmu.pgd_phys:
        return mmu
    try:
        geometry = Geometry.from_vtcr(mmu.host_vtcr)
        found = walk(memory.read, mmu.pgd_phys, geometry, chosen.start, chosen.end)
        held = None
        if guest and mmu.index is not None and mmu.valid and mmu.stage2_enabled:
            held = _composition(mmu, found, guest, chosen)
    except BadTable as error:
        return dataclasses.replace(mmu, problem=str(error))
    tables = _tables(mmu.pgd_phys, geometry, found, chosen.mappings)
    return dataclasses.replace(mmu, tables=tables, composition=held)


def _composition(mmu: Mmu, shadow: Walk, guest: Guest, chosen: Filter) -> Composition:
    geometry = Geometry.from_vtcr(mmu.vtcr)
    base = vttbr_base(mmu.vttbr, geometry)
    theirs = walk(guest.memory.read, base, geometry, chosen.start, chosen.end)
    agreeing, unknown, found = compose(shadow.leaves, theirs.leaves, guest.extent, chosen.start, chosen.end)
    return Composition(_tables(base, geometry, theirs, chosen.mappings), agreeing, unknown, tuple(found))


def _tables(base: int, geometry: Geometry, found: Walk, mappings: bool) -> Tables:
    return Tables(
        base=base,
        ipa_bits=geometry.ipa_bits,
        granule=geometry.granule,
        start_level=geometry.start_level,
        tables=found.tables,
        leaves=dict(sorted(Counter(leaf.level for leaf in found.leaves).items())),
        mapped=found.mapped,
        annotated=found.annotated,
        defects=tuple(found.defects),
        runs=tuple(runs(found.leaves)) if mappings else (),
    )
