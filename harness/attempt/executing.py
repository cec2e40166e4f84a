# SPDX-License-Identifier: GPL-2.0-only
"""What a level that is broken was executing: the machine's vCPUs, and those that KVM keeps in L0's memory."""

from __future__ import annotations

from pathlib import Path

from harness.check.sanitizer.code_places import KERNEL, Symbols
from harness.errors import Broken, NvhError
from harness.level import Level
from harness.machine.qemu import CpuState
from harness.machine.ram.inspection import Inspection
from harness.machine.ram.level_report import OWN, Filter, Vcpu
from harness.machine.ram.memory import ProcessRam
from harness.stack.stack import Stack

SYSTEM_MAP = "System.map"
VMLINUX = "vmlinux"
UNREADABLE = (NvhError, OSError, LookupError, ValueError)


def executing(stack: Stack, broken: Broken) -> str:
    """Say in a few lines what was executed when ``broken`` was noticed; empty when the machine has ended.

    It never fails: what cannot be told is said to be so.
    """
    states = stack.executing()
    maps = {level: kernel.path / SYSTEM_MAP for level, kernel in stack.images.kernels.items()}
    lines = [f"cpu{number} of the machine: {place(state, maps)}" for number, state in enumerate(states)]
    if states and broken.name not in ("boot-l0", "level-l0"):
        lines += _kept_by_kvm(stack, maps)
    return "\n".join(lines)


def whereabouts(stack: Stack, level: Level) -> list[int]:
    """Addresses at which code of ``level`` was when KVM stored L1's vCPUs last; none if they cannot be read.

    A vCPU that runs has newer registers, but every interrupt of L0 stores them.
    """
    try:
        return [vcpu.pc for vcpu in _vcpus(stack) if level_of(vcpu) is level]
    except UNREADABLE:
        return []


def place(state: CpuState, maps: dict[Level, Path]) -> str:
    """Where a vCPU of the machine is. Below EL2 what QEMU prints does not tell whose code that is."""
    if state.el == 2:
        return f"{symbolised(state.pc, maps.get(Level.L0))} at EL2 of L0"
    kernel = state.pc & KERNEL
    same = len(set(maps.values())) == 1
    name = symbolised(state.pc, next(iter(maps.values()))) if kernel and same else f"{state.pc:#x}"
    return f"{name} at EL{'?' if state.el is None else state.el}"


def symbolised(address: int, system_map: Path | None) -> str:
    """``0x... function+0x...``; the address alone where the map does not have it."""
    name = Symbols.read(system_map).name(address) if system_map is not None and address & KERNEL else ""
    return f"{address:#x} {name}".rstrip()


def _kept_by_kvm(stack: Stack, maps: dict[Level, Path]) -> list[str]:
    """The vCPUs of L0's VMs as KVM stored them last: where L1, or L2 below it, was."""
    try:
        vcpus = _vcpus(stack)
    except UNREADABLE as error:
        return [f"KVM's vCPUs could not be read: {error}"]
    return [_vcpu(vcpu, maps) for vcpu in vcpus]


def _vcpus(stack: Stack) -> list[Vcpu]:
    """The vCPUs of L0's VMs, read while the machine stands still."""
    machine = stack.machine
    memory = machine.spec.memory
    vmlinux = {level: kernel.path / VMLINUX for level, kernel in stack.images.kernels.items()}
    size = machine.spec.memory_mib << 20
    backing = memory.source if memory and isinstance(memory.source, Path) else None
    with stack.halted(), ProcessRam(machine.pid, size, backing) as ram:
        vms = Inspection(ram, vmlinux).report(Level.L0, Filter(mmu=OWN)).vms
    return [vcpu for vm in vms for vcpu in vm.vcpus]


def level_of(vcpu: Vcpu) -> Level:
    """Whose code a vCPU of L1 was executing."""
    return Level.L2 if vcpu.context == "nested" else Level.L1


def _vcpu(vcpu: Vcpu, maps: dict[Level, Path]) -> str:
    level = level_of(vcpu)
    where = symbolised(vcpu.pc, maps.get(level))
    return (
        f"vcpu{vcpu.index} of L1, in {vcpu.context}: {where} of {level}, {vcpu.mode} on cpu{vcpu.cpu} of L0"
    )
