# SPDX-License-Identifier: GPL-2.0-only
"""A guest of a kernel as memory: through its stage 2, and where that maps nothing, through its VMM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.level import Level
from harness.machine.ram import kvm_structures
from harness.machine.ram.kernel import Kernel
from harness.machine.ram.level_report import Slot
from harness.machine.ram.memory import PAGE, GuestMemory, Memory
from harness.machine.ram.stage2 import Geometry, MemoryGap, walk

if TYPE_CHECKING:
    from drgn import Object


class Guest:
    """The memory of the guest that ``kvm`` (a ``struct kvm *``) runs; ``memory`` is its host's."""

    def __init__(self, kvm: Object, memory: Memory) -> None:
        mmu = kvm_structures.read_mmu(kvm, None, kvm.arch.mmu.address_of_())
        found = walk(memory.read, mmu.pgd_phys, Geometry.from_vtcr(mmu.host_vtcr))
        self._kvm = kvm
        self._host = memory
        self._slots = list(kvm_structures.slots(kvm))
        self._pages: dict[int, int | None] = {}
        self.memory = GuestMemory(memory, found.leaves, self._read)

    def extent(self, address: int) -> tuple[int, int] | None:
        """Return the host's physical address behind guest physical ``address``, and the bytes that follow."""
        if leaf := self.memory.leaf(address):
            offset = address - leaf.ipa
            return leaf.pa + offset, leaf.size - offset
        page = self.page(address)
        return None if page is None else (page + address % PAGE, PAGE - address % PAGE)

    def _read(self, address: int, size: int) -> bytes:
        page = self.page(address)
        if page is None:
            raise MemoryGap(address)
        return self._host.read(page + address % PAGE, size)

    def page(self, address: int) -> int | None:
        """Return the host's page behind a guest's address, by memory slot and the VMM's page tables."""
        page = address & -PAGE
        if page not in self._pages:
            self._pages[page] = self._follow(page)
        return self._pages[page]

    def _follow(self, page: int) -> int | None:
        from drgn import FaultError
        from drgn.helpers.linux.mm import follow_phys

        slot = _slot(self._slots, page)
        if slot is None:
            return None
        try:
            return int(follow_phys(self._kvm.mm, slot.hva + page - slot.ipa))
        except FaultError:  # never touched, or swapped out
            return None


def _slot(slots: list[Slot], address: int) -> Slot | None:
    return next((slot for slot in slots if slot.ipa <= address < slot.ipa + slot.size), None)


def choose(kernel: Kernel, through: int | None) -> Object:
    """Return the ``struct kvm *`` of the guest to look into: VM ``through``, or the only one that it can be.

    At L0 that is the only VM with virtual EL2, deeper the only VM. ``UserError`` when it is not clear.
    """
    machines = dict(kvm_structures.virtual_machines(kernel))
    if through is not None:
        if through not in machines:
            raise UserError(f"{kernel.level} has no VM {through}; it has {sorted(machines) or 'none'}")
        return machines[through]
    if kernel.level is Level.L0:
        machines = {index: kvm for index, kvm in machines.items() if kvm_structures.is_nested(kvm)}
    what = "VM with virtual EL2" if kernel.level is Level.L0 else "VM"
    if len(machines) == 1:
        return next(iter(machines.values()))
    if not machines:
        raise UserError(f"{kernel.level} has no {what}, so nothing runs above it")
    raise UserError(
        f"{kernel.level} has more than one {what}; choose one of {sorted(machines)} with --through"
    )
