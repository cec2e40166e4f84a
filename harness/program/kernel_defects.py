# SPDX-License-Identifier: GPL-2.0-only
"""Known defects of Linux and of QEMU, as what they do not invalidate though the architecture obliges them to.

The rule: an observation that the architecture forbids is *known* when it is allowed once one of these is
assumed. Each names the scenario that shows the defect alone, red until it is fixed (docs/litmus.md, "Defects
found").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.arch.cover import Entry, State
from harness.arch.operand import decode, range_size
from harness.arch.table import Operand, Operation, Regime


@dataclass(frozen=True, slots=True)
class KernelDefect:
    """``leaves(operation, xt, state, entry, vncr)``: whether the kernel leaves alone what it must take.

    ``vncr``: the entry is held on behalf of VNCR_EL2. ``executes(operation, hidden)``: whether it executes an
    operation of a feature that is hidden from L1. ``reports``: what the sanitizer says of it in programs
    that have one of the host-side ``events``. ``aliases``: an IPA above the input size is another name of one
    below it. ``wide_vmids``: an operation is for those that agree in 16 bits of VTTBR_EL2.VMID, whatever
    VTCR_EL2.VS. ``unfit``: an SL0 that does not fit T0SZ may hang. ``of_model``: QEMU has it, whatever the
    kernel; ``scenario`` is then its name in images/model-defects.yaml.
    """

    name: str
    scenario: str
    leaves: Callable[[Operation, int, State, Entry, bool], bool] = lambda *_: False
    executes: Callable[[Operation, str], bool] = lambda *_: False
    reports: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    aliases: bool = False
    wide_vmids: bool = False
    unfit: bool = False
    of_model: bool = False


def _range_part(operation: Operation, xt: int, state: State, entry: Entry, vncr: bool) -> bool:
    """handle_ripas2e1is() unmaps the pages of the range, not the rest of a block that it covers in part."""
    if vncr or operation.operand is not Operand.IPA_RANGE or entry.stage != 2:
        return False
    fields = decode(operation, xt, ds=state.ds2)
    if fields.ipa is None or fields.tg is None:
        return False
    size = range_size(fields.tg, fields.scale or 0, fields.num or 0) or 0
    return not (fields.ipa <= entry.start and entry.start + entry.size <= fields.ipa + size)


def _range_block(operation: Operation, xt: int, state: State, entry: Entry, vncr: bool) -> bool:
    """QEMU's tlb_flush_range_locked() looks for large pages at a range's last address alone."""
    if vncr or operation.operand is not Operand.VA_RANGE or entry.table:
        return False
    named = decode(operation, xt, ds=state.ds1)
    if named.start is None or named.size is None:
        return False
    return entry.start < named.start < entry.start + entry.size < named.start + named.size


def _vncr_tge(_: Operation, __: int, state: State, entry: Entry, vncr: bool) -> bool:
    """kvm_hyp_handle_tlbi_el2() looks at the pseudo-TLBs with {E2H,TGE} = {1,1} only."""
    return vncr and entry.regime is Regime.EL2 and not state.tge


def _hidden_range(operation: Operation, hidden: str) -> bool:
    """kvm_supported_tlbi_ipas2_op() looks at the encodings of the IS and OS forms of RIPAS2 only."""
    local = operation.name.removesuffix("nxs") in ("ripas2e1", "ripas2le1")
    return hidden in ("range", "os") and local


DEFECTS = (
    KernelDefect("range-part", "defect-range-part", leaves=_range_part),
    KernelDefect("vncr-tge", "defect-vncr-tge", leaves=_vncr_tge),
    KernelDefect("hidden-range", "defect-hidden-range", executes=_hidden_range),
    # walk_nested_s2_pgd() leaves out the IPA's bits above the input size when it indexes its first table.
    KernelDefect("beyond-input-size", "beyond-input-size", aliases=True),
    # get_vmid() takes as many bits of VTTBR_EL2 as L0 has, whatever L1's VTCR_EL2.VS.
    KernelDefect("vmid-8-bits", "defect-vmid-8-bits", wide_vmids=True),
    # kvm_walk_nested_s2() warns of an SL0 that does not fit, as if the mistake were its own.
    KernelDefect("unfit-start-level", "unfit-start-level", unfit=True),
    # kvm_mmu_wp_memory_region() write-protects the shadows too and invalidates entries of L1's VMID only.
    KernelDefect(
        "dirty-log",
        "defect-dirty-log",
        reports=frozenset({"narrowed:stage2", "narrowed:combined"}),
        events=frozenset({"dirty-on", "dirty-read"}),
    ),
    KernelDefect("range-block", "qemu-range-block", leaves=_range_block, of_model=True),
)
