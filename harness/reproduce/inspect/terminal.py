# SPDX-License-Identifier: GPL-2.0-only
"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from harness.arch.registers import mask
from harness.machine.ram.level_report import Composition, LevelReport, Mmu, Tables, Vcpu, Vm
from harness.machine.ram.stage2 import LeafRun, vmid

SHOWN = ("HCR_EL2", "VTTBR_EL2", "VTCR_EL2", "ELR_EL2", "VNCR_EL2")
"""The guest hypervisor's registers that the text shows; JSON has all of them."""
UNITS = ("B", "K", "M", "G", "T")


def render(report: LevelReport) -> str:
    """Return the report as lines."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: LevelReport) -> Iterator[str]:
    moved = f", KASLR offset {report.kaslr_offset:#x}" if report.kaslr_offset else ""
    yield f"{report.level}: Linux {report.release}, build ID {report.build_id or 'unknown'}{moved}"
    if not report.vms:
        yield "no virtual machines"
    for machine in report.vms:
        yield from _vm(machine)


def _vm(machine: Vm) -> Iterator[str]:
    kind = ", virtual EL2" if machine.nested else ""
    who = f"{machine.process or 'process'} (pid {machine.pid})"
    yield f"VM {machine.index}: {who}{kind}, kvm at {machine.address:#x}"
    for slot in machine.slots:
        flags = f", flags {slot.flags:#x}" if slot.flags else ""
        yield f"  slot {slot.index}: IPA {slot.ipa:#x} + {human(slot.size)} at HVA {slot.hva:#x}{flags}"
    for vcpu in machine.vcpus:
        yield from _vcpu(vcpu)
    unused = 0
    for mmu in machine.mmus:
        if not mmu.valid and not mmu.refcnt and not (mmu.tables and mmu.tables.mapped) and not mmu.problem:
            unused += 1
            continue
        yield from _mmu(mmu)
    if unused:
        yield f"  {unused} nested contexts unused"


def _vcpu(vcpu: Vcpu) -> Iterator[str]:
    where = f"on cpu {vcpu.cpu}" if vcpu.cpu >= 0 else "not loaded"
    runs = f", uses {vcpu.mmu}" if vcpu.mmu else ""
    yield (
        f"  vCPU {vcpu.index} (pid {vcpu.pid}): {vcpu.mode}, {where}, {vcpu.context}{runs}, "
        f"pc {vcpu.pc:#x} pstate {vcpu.pstate:#x}"
    )
    if shown := [f"{name} {vcpu.registers[name]:#x}" for name in SHOWN if name in vcpu.registers]:
        yield f"    {' '.join(shown)}"


def _mmu(mmu: Mmu) -> Iterator[str]:
    state = ""
    if mmu.index is not None:
        key = f"for VMID {vmid(mmu.vttbr)} BADDR {mmu.vttbr & mask('VTTBR.BADDR'):#x} VTCR {mmu.vtcr:#x}"
        state = key if mmu.valid else "invalid"
        state += f", stage 2 {'on' if mmu.stage2_enabled else 'off'}, refcnt {mmu.refcnt}"
        state += ", to be unmapped" if mmu.pending_unmap else ""
    yield (
        f"  {mmu.name}: VMID {mmu.vmid} (generation {mmu.generation}), pgd {mmu.pgd_phys:#x}, "
        f"VTCR_EL2 {mmu.host_vtcr:#x}{', ' if state else ''}{state}"
    )
    if mmu.problem:
        yield f"    cannot be walked: {mmu.problem}"
    if mmu.tables:
        yield from _tables(mmu.tables, "")
    if mmu.composition:
        yield from _composition(mmu.composition)


def _tables(tables: Tables, whose: str) -> Iterator[str]:
    leaves = ", ".join(f"{count} of level {level}" for level, count in tables.leaves.items()) or "none"
    notes = f", {tables.annotated} annotations" if tables.annotated else ""
    shape = f"{human(tables.granule)} granule, {tables.ipa_bits}-bit IPA from level {tables.start_level}"
    yield (
        f"    {whose}{shape}: {tables.tables} tables; leaves: {leaves}; {human(tables.mapped)} mapped{notes}"
    )
    for defect in tables.defects:
        yield f"    DEFECT at IPA {defect.ipa:#x} level {defect.level}: {defect.descriptor:#x}: {defect.text}"
    for run in tables.runs:
        yield f"      {_run(run)}"


def _run(run: LeafRun) -> str:
    times = f" x{run.count}" if run.count > 1 else ""
    where = f"{run.ipa:#012x} - {run.ipa + run.size:#012x} -> {run.pa:#012x}"
    return f"{where}  level {run.level}{times}  {run.attributes}"


def _composition(found: Composition) -> Iterator[str]:
    yield from _tables(found.guest, "L1's tables: ")
    wrong = sum(each.size for each in found.disagreements)
    yield (
        f"    shadow against L1's tables through L0's: {human(found.agreeing)} agree, {human(wrong)} do not, "
        f"{human(found.unknown)} unknown"
    )
    for each in found.disagreements:
        yield f"    DISAGREES {each.ipa:#x} + {human(each.size)} -> {each.pa:#x}: {each.text}"


def human(size: int) -> str:
    """Return a size in the largest unit that divides it, such as 2M or 12K."""
    unit = 0
    while size and size % 1024 == 0 and unit + 1 < len(UNITS):
        size //= 1024
        unit += 1
    return f"{size}{UNITS[unit]}" if unit or size else "0"
