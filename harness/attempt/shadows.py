# SPDX-License-Identifier: GPL-2.0-only
"""Looks into a cell's machine after the last step, for the oracle ``shadow-subset``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.check.oracle import named
from harness.check.shadow import Look, Shadow, Stray
from harness.errors import NvhError
from harness.level import Level
from harness.machine.ram.inspection import Inspection
from harness.machine.ram.level_report import OWN, Filter, Mmu, Vm
from harness.machine.ram.memory import Memory, ProcessRam
from harness.scenario.language import Expectation
from harness.stack.stack import Stack

BETWEEN_S = 1
"""Seconds of L0's time between the two looks: far more than L1 needs from a store to its TLBI."""
DEADLINE_S = 60.0
VMID_SHIFT = 48


def looks(
    stack: Stack, vmlinux: Mapping[Level, Path], expectations: Sequence[Expectation]
) -> tuple[Look, ...]:
    """Stop the machine and look, let it run on, and look again; nothing if no expectation asks for it.

    A look that fails says why and is no error of the cell. The machine runs afterwards.
    """
    if not any(each.stopped for each in named(expectations)):
        return ()
    first = _look(stack, vmlinux)
    if first.problem:
        return (first,)
    stack.run(Level.L0, f"sleep {BETWEEN_S}", DEADLINE_S)
    return first, _look(stack, vmlinux)


def _look(stack: Stack, vmlinux: Mapping[Level, Path]) -> Look:
    machine = stack.machine
    memory = machine.spec.memory
    backing = memory.source if memory and isinstance(memory.source, Path) else None
    try:
        with contextlib.ExitStack() as left:
            left.enter_context(stack.halted())
            ram = left.enter_context(ProcessRam(machine.pid, machine.spec.memory_mib << 20, backing))
            return look_at(ram, vmlinux, stack.booted or Level.L0)
    except NvhError as error:
        return Look(problem=f"the stopped machine could not be looked into: {error}")


def look_at(ram: Memory, vmlinux: Mapping[Level, Path], booted: Level) -> Look:
    """Hold every shadow context in the RAM of a stopped machine against L1's tables and L0's."""
    inside = Inspection(ram, vmlinux)
    vms = inside.report(Level.L0, Filter(compose=True)).vms
    alive = _alive(inside) if booted >= Level.L1 else _loaded(vms)
    return Look(tuple(_shadow(mmu, alive) for vm in vms for mmu in vm.mmus if _judged(mmu)))


def _alive(inside: Inspection) -> set[int]:
    """VMID and table of each VM that L1's kernel has now, as in VTTBR_EL2."""
    owned = (mmu for vm in inside.report(Level.L1, Filter(mmu=OWN)).vms for mmu in vm.mmus)
    return {mmu.vmid << VMID_SHIFT | mmu.pgd_phys for mmu in owned if mmu.pgd_phys}


def _loaded(vms: Sequence[Vm]) -> set[int]:
    """What the vCPUs of an L1 without a kernel of ours have in VTTBR_EL2."""
    return {_without_cnp(vcpu.registers.get("VTTBR_EL2", 0)) for vm in vms for vcpu in vm.vcpus}


def _without_cnp(vttbr: int) -> int:
    return vttbr & ~1


def _judged(mmu: Mmu) -> bool:
    return mmu.index is not None and mmu.valid and mmu.stage2_enabled and not mmu.pending_unmap


def _shadow(mmu: Mmu, alive: set[int]) -> Shadow:
    assert mmu.index is not None
    known = _without_cnp(mmu.vttbr) in alive
    if mmu.composition is None:
        return Shadow(mmu.index, mmu.vttbr, known, problem=mmu.problem)
    held = mmu.composition
    strays = tuple(Stray(each.ipa, each.size, each.text) for each in held.disagreements)
    return Shadow(mmu.index, mmu.vttbr, known, held.agreeing, held.unknown, strays, mmu.problem)
