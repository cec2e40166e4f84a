# SPDX-License-Identifier: GPL-2.0-only
"""Which level a CPU executes, by its registers. It runs inside gdb too, so it imports nothing of nvh.

The decision follows the architecture (Arm ARM, HCR_EL2) and how a VHE KVM uses it (__compute_hcr() in
arch/arm64/kvm/hyp/vhe/switch.c): EL2 and, with HCR_EL2.TGE, EL0 are L0's. Below EL2, HCR_EL2.NV is set as
long as the guest hypervisor runs (at virtual EL2, or its own EL0). Without NV it is a guest's ordinary EL1
and EL0: of L2, or of a VM of L0 without virtual EL2, which VTTBR_EL2 tells apart.
"""

from __future__ import annotations

HCR_VM = 1 << 0
HCR_TGE = 1 << 27
HCR_NV = 1 << 42
BADDR = (1 << 48) - 2  # VTTBR_EL2.BADDR, without VMID and CnP
UNKNOWN = -1


def decide(pstate: int, hcr: int, vttbr: int, contexts: dict[int, tuple[int, str]]) -> tuple[int, str]:
    """Return the level (0, 1, 2 or ``UNKNOWN``) of a CPU, and why.

    ``contexts`` are the known stage-2 contexts by table address: the level that runs with it, and its name.
    """
    el = pstate >> 2 & 3
    if el == 3:
        return UNKNOWN, "EL3"
    if el == 2:
        return 0, "EL2"
    if hcr & HCR_TGE:
        return 0, f"EL{el}, HCR_EL2.TGE: a process of L0"
    if not hcr & HCR_VM:
        return 0, f"EL{el} without stage 2"
    where = f"VMID {vmid(vttbr)} BADDR {vttbr & BADDR:#x}"
    if hcr & HCR_NV:
        return 1, f"EL{el}, HCR_EL2.NV: the guest hypervisor, {where}"
    if vttbr & BADDR in contexts:
        level, name = contexts[vttbr & BADDR]
        return level, f"EL{el}, {where}: {name}"
    return 2, f"EL{el}, {where} (or a VM of L0 without virtual EL2)"


def vmid(vttbr: int) -> int:
    """Return VTTBR_EL2.VMID."""
    return vttbr >> 48 & 0xFFFF


def label(level: int) -> str:
    """Return the name of a level."""
    return "unknown level" if level == UNKNOWN else f"l{level}"
