# SPDX-License-Identifier: GPL-2.0-only
"""What ``nvh inspect`` reports, as plain data: virtual machines, vCPUs, their stage-2 contexts, mappings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.document.as_json import leaf, to_data
from harness.errors import UserError
from harness.machine.ram.stage2 import Attributes, BadDescriptor, LeafRun

FORMAT = 1
OWN = -1  # in a filter: the VM's own stage 2


@dataclass(frozen=True, slots=True)
class Tables:
    """A walked tree. ``leaves`` counts them by level; ``runs`` is empty unless mappings were asked for."""

    base: int
    ipa_bits: int
    granule: int
    start_level: int
    tables: int
    leaves: Mapping[int, int]
    mapped: int
    annotated: int
    defects: tuple[BadDescriptor, ...]
    runs: tuple[LeafRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A shadow mapping that the guest hypervisor's tables, composed with L0's, do not give.

    ``size`` bytes at ``ipa`` go to ``pa``; ``text`` says what the composition has instead.
    """

    ipa: int
    pa: int
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class Composition:
    """A shadow tree held against L1's stage 2 composed with L0's: bytes that agree, and what does not."""

    guest: Tables
    agreeing: int
    unknown: int
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class Mmu:
    """A ``struct kvm_s2_mmu``. ``index`` is its place in ``nested_mmus``, ``None`` for the VM's own.

    ``vmid`` is the hardware's VMID and ``generation`` KVM's count of VMID roll-overs. ``vttbr`` and ``vtcr``
    (``tlb_vttbr``, ``tlb_vtcr``) are the guest hypervisor's registers under which a shadow context is found.
    """

    index: int | None
    vmid: int
    generation: int
    pgd_phys: int
    host_vtcr: int
    valid: bool = True
    vttbr: int = 0
    vtcr: int = 0
    stage2_enabled: bool = False
    pending_unmap: bool = False
    refcnt: int = 0
    tables: Tables | None = None
    problem: str = ""
    composition: Composition | None = None

    @property
    def name(self) -> str:
        """``own`` or ``nested 3``."""
        return "own" if self.index is None else f"nested {self.index}"


@dataclass(frozen=True, slots=True)
class Vcpu:
    """A vCPU as KVM last stored it: while ``mode`` is in-guest, the CPU holds newer values of some registers.

    ``context`` is ``vEL2`` (the guest hypervisor or its host's EL0), ``nested`` (its guest) or ``plain`` (a
    VM without virtual EL2). ``mmu`` names the context that the hardware uses for it, empty when none is
    loaded.
    """

    index: int
    pid: int
    cpu: int
    mode: str
    context: str
    pc: int
    pstate: int
    mmu: str
    registers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Slot:
    """A memory slot: ``size`` bytes at ``ipa``, at ``hva`` in the VMM."""

    index: int
    ipa: int
    size: int
    hva: int
    flags: int


@dataclass(frozen=True, slots=True)
class Vm:
    """A ``struct kvm``. ``process`` is the VMM's name; ``address`` is that of the structure in its kernel."""

    index: int
    address: int
    pid: int
    process: str
    nested: bool
    vcpus: tuple[Vcpu, ...]
    mmus: tuple[Mmu, ...]
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class LevelReport:
    """What runs at one level, and the virtual machines that it has."""

    level: str
    release: str
    build_id: str
    kaslr_offset: int
    vms: tuple[Vm, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON data; addresses are numbers, attributes text."""
        return {"format": FORMAT, **to_data(self)}


def _unread(text: str) -> Attributes:
    raise ValueError(f"attributes are written, not read: {text}")


leaf(Attributes, str, _unread)


@dataclass(frozen=True, slots=True)
class Filter:
    """What to report: a VM and a context by number (``OWN``: the VM's own), mappings of an IPA range.

    ``mappings`` asks for the mappings themselves, and ``compose`` for shadow tables to be held against L1's.
    """

    vm: int | None = None
    mmu: int | None = None
    start: int = 0
    end: int | None = None
    mappings: bool = False
    compose: bool = False

    def wants_vm(self, index: int) -> bool:
        """Whether VM ``index`` is to be reported."""
        return self.vm is None or self.vm == index

    def wants_mmu(self, index: int | None) -> bool:
        """Whether the context ``index`` is to be reported."""
        return self.mmu is None or self.mmu == (OWN if index is None else index)


def parse_range(text: str) -> tuple[int, int]:
    """Return start and end of ``START-END`` (END not included), ``START+SIZE`` or one address, in bytes.

    ``UserError`` when it is none of these or is empty.
    """
    number = r"(0x[0-9a-fA-F]+|\d+)"
    if not (match := re.fullmatch(rf"{number}(?:([-+]){number})?", text.strip())):
        raise UserError(f"{text!r} is not a range of IPAs; write 0x48000000-0x48200000 or 0x48000000+0x1000")
    start = int(match[1], 0)
    if match[2] is None:
        return start, start + 1
    second = int(match[3], 0)
    end = start + second if match[2] == "+" else second
    if end <= start:
        raise UserError(f"the range {text} is empty: its end {end:#x} is not above its start {start:#x}")
    return start, end
