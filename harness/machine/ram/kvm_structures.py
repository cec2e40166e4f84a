# SPDX-License-Identifier: GPL-2.0-only
"""KVM's own structures in a kernel's memory, read by drgn: ``struct kvm``, ``kvm_vcpu``, ``kvm_s2_mmu``.

Names and meaning: include/linux/kvm_host.h, arch/arm64/include/asm/kvm_host.h and kvm_pgtable.h. Fields that
only some kernels have are looked up by name, so that older and newer ones are read alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.arch.registers import get, mask
from harness.errors import UserError
from harness.machine.ram.kernel import Kernel, require
from harness.machine.ram.level_report import Mmu, Slot, Vcpu, Vm

if TYPE_CHECKING:
    from drgn import Object

# What the guest hypervisor programmed, in the order in which it is printed.
REGISTERS = (
    *("HCR_EL2", "NVHCR_EL2", "VTTBR_EL2", "VTCR_EL2", "SCTLR_EL2", "TCR_EL2", "TTBR0_EL2", "TTBR1_EL2"),
    *("VBAR_EL2", "ELR_EL2", "SPSR_EL2", "ESR_EL2", "FAR_EL2", "HPFAR_EL2", "VNCR_EL2"),
    *("SCTLR_EL1", "TCR_EL1", "TTBR0_EL1", "TTBR1_EL1"),
)
HCR_TGE = mask("HCR.TGE")
MAX_VMS = 256
MAX_VCPUS = 512
MAX_CONTEXTS = 4096
MAX_SLOTS = 32768
_MODES = {"OUTSIDE_GUEST_MODE": "out", "IN_GUEST_MODE": "in-guest", "EXITING_GUEST_MODE": "exiting"}
INVALID_VTTBR = 1  # VMID 0, BADDR 0, CnP 1: kvm_s2_mmu_valid()


def virtual_machines(kernel: Kernel) -> Iterator[tuple[int, Object]]:
    """Yield number and ``struct kvm *`` of the kernel's virtual machines, in the order of their creation."""
    from drgn.helpers.linux.list import list_for_each_entry_reverse

    require(kernel.program, "vm_list", kernel.level)
    head = kernel.program["vm_list"].address_of_()
    for index, kvm in enumerate(list_for_each_entry_reverse("struct kvm", head, "vm_list")):
        if index == MAX_VMS:
            raise UserError(f"more than {MAX_VMS} virtual machines: vm_list of {kernel.level} is damaged")
        yield index, kvm


def read_vm(index: int, kvm: Object) -> Vm:
    """Return what KVM knows of a VM; its trees are not walked."""
    contexts = list(mmus(kvm))
    names = {mmu.value_(): ("own" if number is None else f"nested {number}") for number, mmu in contexts}
    pid, process = _owner(kvm)
    nested = is_nested(kvm)
    return Vm(
        index=index,
        address=kvm.value_(),
        pid=pid,
        process=process,
        nested=nested,
        vcpus=tuple(_vcpu(number, vcpu, nested, names) for number, vcpu in _vcpus(kvm)),
        mmus=tuple(read_mmu(kvm, number, mmu) for number, mmu in contexts),
        slots=tuple(slots(kvm)),
    )


def is_nested(kvm: Object) -> bool:
    """Whether the VM has virtual EL2: KVM then keeps contexts for its guests."""
    return has(kvm.arch, "nested_mmus") and int(kvm.arch.nested_mmus_size) > 0


def mmus(kvm: Object) -> Iterator[tuple[int | None, Object]]:
    """Yield the VM's own ``struct kvm_s2_mmu *``, numbered ``None``, and those for its nested guests."""
    yield None, kvm.arch.mmu.address_of_()
    if not has(kvm.arch, "nested_mmus") or not kvm.arch.nested_mmus:
        return
    array = kvm.arch.nested_mmus
    for index in range(min(int(kvm.arch.nested_mmus_size), MAX_CONTEXTS)):
        element = array[index]  # an array of pointers, or of structures in older kernels
        mmu = element if is_pointer(element) else element.address_of_()
        if mmu:
            yield index, mmu


def read_mmu(kvm: Object, index: int | None, mmu: Object) -> Mmu:
    """Return a stage-2 context."""
    # By its ELF symbol: the nVHE hypervisor has a variable of the same name in DWARF.
    program = mmu.prog_
    bits = program.read_u32(program.symbol("kvm_arm_vmid_bits").address)
    identity = int(mmu.vmid.id.counter)
    common: dict[str, Any] = {
        "index": index,
        "vmid": identity & (1 << bits) - 1,
        "generation": identity >> bits,
        "pgd_phys": int(mmu.pgd_phys),
        "host_vtcr": int(mmu.vtcr if has(mmu, "vtcr") else kvm.arch.vtcr),
        "refcnt": int(mmu.refcnt.counter) if has(mmu, "refcnt") else 0,
    }
    if index is None:
        return Mmu(**common)
    return Mmu(
        **common,
        valid=not int(mmu.tlb_vttbr) & INVALID_VTTBR,
        vttbr=int(mmu.tlb_vttbr),
        vtcr=int(mmu.tlb_vtcr),
        stage2_enabled=bool(mmu.nested_stage2_enabled),
        pending_unmap=bool(mmu.pending_unmap) if has(mmu, "pending_unmap") else False,
    )


def slots(kvm: Object) -> Iterator[Slot]:
    """Yield the VM's memory slots in ascending order of IPA."""
    from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry

    active = kvm.memslots[0]
    shift = int(kvm.prog_["PAGE_SHIFT"])
    member = f"gfn_node[{int(active.node_idx)}]"
    tree = active.gfn_tree.address_of_()
    for count, slot in enumerate(rbtree_inorder_for_each_entry("struct kvm_memory_slot", tree, member)):
        if count == MAX_SLOTS:
            return
        yield Slot(
            int(slot.id),
            int(slot.base_gfn) << shift,
            int(slot.npages) << shift,
            int(slot.userspace_addr),
            int(slot.flags),
        )


def system_register(vcpu: Object, name: str) -> int | None:
    """Return a register of a vCPU as KVM keeps it, ``None`` when this kernel does not know it.

    With FEAT_NV2 registers from ``__VNCR_START__`` on live in the page that VNCR_EL2 points to.
    """
    try:
        number = int(vcpu.prog_.constant(name))
        first = int(vcpu.prog_.constant("__VNCR_START__"))
    except LookupError:
        return None
    context = vcpu.arch.ctxt
    if number >= first and context.vncr_array:
        return int(context.vncr_array[number - first])
    return int(context.sys_regs[number])


def _vcpus(kvm: Object) -> Iterator[tuple[int, Object]]:
    from drgn import cast
    from drgn.helpers.linux.xarray import xa_for_each

    for count, (index, entry) in enumerate(xa_for_each(kvm.vcpu_array.address_of_())):
        if count == MAX_VCPUS:
            return
        yield index, cast("struct kvm_vcpu *", entry)


def _vcpu(index: int, vcpu: Object, nested: bool, names: dict[int, str]) -> Vcpu:
    pstate = int(vcpu.arch.ctxt.regs.pstate)
    registers = {name: value for name in REGISTERS if (value := system_register(vcpu, name)) is not None}
    return Vcpu(
        index=index,
        pid=_number(vcpu.pid),
        cpu=int(vcpu.cpu),
        mode=_mode(vcpu),
        context=_context(pstate, registers.get("HCR_EL2", 0)) if nested else "plain",
        pc=int(vcpu.arch.ctxt.regs.pc),
        pstate=pstate,
        mmu=names.get(vcpu.arch.hw_mmu.value_(), ""),
        registers=registers if nested else {},
    )


def _context(pstate: int, hcr: int) -> str:
    """Return whether KVM takes the vCPU to be in the guest hypervisor: is_hyp_ctxt() in kvm_emulate.h."""
    return "vEL2" if get(pstate, "SPSR.EL") == 2 or hcr & HCR_TGE else "nested"


def _mode(vcpu: Object) -> str:
    mode = int(vcpu.mode)
    for constant, name in _MODES.items():
        if mode == int(vcpu.prog_.constant(constant)):
            return name
    return str(mode)


def _number(pid: Object) -> int:
    """Return a ``struct pid *`` as a number in its first namespace, or as it is where it is one already."""
    if not is_pointer(pid):
        return int(pid)
    return int(pid.numbers[0].nr) if pid else 0


def _owner(kvm: Object) -> tuple[int, str]:
    """Return pid and name of the process that has the VM: the leader of its first vCPU's thread."""
    from drgn.helpers.linux.pid import find_task

    number = int(kvm.userspace_pid)
    task = find_task(kvm.prog_, number)
    return number, task.comm.string_().decode(errors="replace") if task else ""


def has(value: Object, member: str) -> bool:
    """Whether the structure, or what the pointer points to, has ``member``."""
    from drgn import TypeKind

    kind = value.type_
    while kind.kind in (TypeKind.POINTER, TypeKind.TYPEDEF):
        kind = kind.type
    return bool(kind.has_member(member))


def is_pointer(value: Object) -> bool:
    """Whether ``value`` is a pointer."""
    from drgn import TypeKind

    return bool(value.type_.kind == TypeKind.POINTER)
